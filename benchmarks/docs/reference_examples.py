"""Examples of the reference pages: one for every verb and for the public names that one begins with.

The tests run them, page by page and from top to bottom, in a folder with four small videos, a photo, a clip folder
`walk` and a model; what cannot run there has its reason, and is only parsed.
"""

from __future__ import annotations

# verb -> the example, and why it cannot run ("" where it runs)
COMMANDS: dict[str, tuple[str, str]] = {
    "doctor": (
        "epipose doctor                                     # what is installed, what is missing, what to do",
        "",
    ),
    "demo": ("epipose demo --out first                           # the sample clip through all stages", ""),
    "sample": ("epipose sample --out sample                        # 4.4 MB, once", ""),
    "weights": ("epipose weights --variant heavy                    # 28 MB, once", "needs a download"),
    "detect": (
        """
epipose detect cam1.mp4 cam2.mp4 cam3.mp4 --out steps/           # keypoints, time offsets, subject
epipose detect videos/ --out steps2/ --sync none --every 2       # started together; every second frame
""",
        "",
    ),
    "calibrate": (
        """
epipose calibrate steps/ --height 1.82                           # metres
epipose calibrate steps/ --height 1.82 --intrinsics intrinsics.json
""",
        "",
    ),
    "label": ("epipose label steps/ --people all", ""),
    "train": ("epipose train steps/ --out small/ --epochs 20", ""),
    "refine": ("epipose refine steps/ --model small/", ""),
    "predict": (
        """
epipose predict photo.jpg --model model/ --out result/
epipose predict cam1.mp4 --model model/ --intrinsics intrinsics.json --out video/
""",
        "",
    ),
    "live": ("epipose live cam1.mp4 --frames 5 > poses.jsonl     # 0 instead of a file is the first webcam", ""),
    "export": (
        """
epipose export walk/ --out walk.trc --filter butterworth:6       # OpenSim, Pose2Sim
epipose export walk/ --out walk.bvh                              # Blender, game engines
epipose export walk/ --out Calib.toml                            # the cameras
""",
        "",
    ),
    "view": (
        """
epipose view walk/ --html walk.html --frames 0:20
epipose view walk/ --video walk.mp4                              # all views beside the turning scene; .gif as well
""",
        "",
    ),
    "run": ("epipose run videos/ --out all/ --height 1.82 --network none", ""),
    "batch": ("epipose batch recordings/ --out results --jobs 2", ""),
    "studio": ("epipose studio --out synthetic/ --clips 2 --frames 50", "draws for minutes"),
    "evaluate": ("epipose evaluate walk/poses3d.npz walk/poses3d.npz --out same.json   # 0 mm", ""),
    "bench": ("epipose bench labels --quick", "draws and trains for minutes"),
    "datasets": ("epipose datasets                                   # datasets, licences, layout of the files", ""),
}

# public name -> the example, which goes on from those above it on the page
PYTHON: dict[str, str] = {
    "load_clip": """
import epipose

clip = epipose.load_clip(["cam1.mp4", "cam2.mp4", "cam3.mp4"])
clip.names, clip.frames, clip.fps
""",
    "detect": """
seen = epipose.detect(clip)
seen.keypoints.xy  # (view, frame, person, joint, 2), pixels
""",
    "synchronise": """
again = epipose.synchronise(epipose.load_clip("videos"), epipose.Poses2D.load("walk/poses2d.npz"), sync="none")
""",
    "calibrate": """
calibration = epipose.calibrate(seen, height=1.82, intrinsics="intrinsics.json")
print(calibration.verdict.word, *calibration.verdict.reasons)
""",
    "label": """
labels = epipose.label(seen, calibration, people="all")
labels["left_knee"]  # (frame, person, 3), metres in the world frame
""",
    "view": """
epipose.view("walk", html="walk.html")  # without html: in the browser, until interrupted
""",
    "export": """
written = epipose.export(labels, "walk.trc", unit="mm")
print(written.files, written.warnings)
""",
    "predict": """
prediction = epipose.predict("photo.jpg", "model")  # without a model: the pretrained network
prediction.xyz  # root-relative, in the camera's axes
""",
    "train": """
network = epipose.train("walk", "tiny", backbone="resnet18", input_size=64, depth_bins=8, channels=16, epochs=1)
""",
    "refine": """
refiner = epipose.refine("walk", "tiny", steps=2, batch_size=8)
""",
    "evaluate": """
evaluation = epipose.evaluate("walk/poses3d.npz", "walk/poses3d.npz")
print(evaluation)
""",
    "mpjpe_mm": """
error = epipose.mpjpe_mm(labels.xyz, labels.xyz + 0.01, root=0, weight=labels.conf)  # of every pose
""",
    "plot.skeleton": """
axes = epipose.plot.skeleton(labels, 10)
axes.figure.savefig("frame10.png")
""",
    "plot.rig": """
epipose.plot.rig(calibration.rig)
""",
    "Camera": """
camera = calibration.rig.camera  # a batch, one for each view
pixels = camera.spread(2).project(labels.xyz[:, 0].to(camera.K))  # (view, frame, joint, 2)
""",
    "Poses3D": """
h36m = labels.mapped_to(epipose.H36M17)
h36m.save("h36m.npz")
table = labels.to_dataframe()
""",
    "PoseStream": """
from epipose.io.video import read_frames

stream = epipose.PoseStream("model")
for number, image in enumerate(read_frames("cam1.mp4", range(3))):
    pose = stream(image, number / 10)  # None where nobody is seen
""",
    "Skeleton": """
skeleton = epipose.H36M17
skeleton.joints, skeleton.parents, skeleton.root
""",
}
