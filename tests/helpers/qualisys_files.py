"""A Qualisys calibration file with made-up camera names."""

# The first camera of a real calibration, numbers shortened; a point one metre above its origin lies in the image.
CAMERA = """<camera active="1" serial="{name}">
  <fov_video bottom="1919" left="0" right="1087" top="0"/>
  <transform r11="0.5536380477" r12="0.8046719867" r13="0.2144479094" r21="-0.4345300744" r22="0.0594648935"
   r23="0.8986921279" r31="0.710400258" r32="-0.5907342212" r33="0.3825762058"
   x="1460.2323709" y="-1909.1590483" z="1896.5058524"/>
  <intrinsic centerPointU="34110.316406" centerPointV="60680.792969" focalLengthU="107599.671875"
   focalLengthV="107588.828125" radialDistortion1="-0.046183" radialDistortion2="0.139983" radialDistortion3="0.25"
   tangentalDistortion1="0.000608" tangentalDistortion2="0.00069"/>
</camera>"""


def qualisys_text(*names):
    return f"<calibration><cameras>{''.join(CAMERA.format(name=name) for name in names)}</cameras></calibration>"
