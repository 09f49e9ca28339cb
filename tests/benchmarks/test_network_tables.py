"""The tables of network.json: every method once, in a fixed order, with its intervals where it has some."""

from benchmarks.docs import network_tables

_RUNTIMES = ("torch", "onnx")
_LIMB = {"pmpjpe_mm": 40.0, "nmpjpe_mm": 60.0, "depth_mm": None}


def _row(error: float, *, interval: bool = True) -> dict:
    row: dict = dict.fromkeys(("pmpjpe_mm", "nmpjpe_mm", "mpjpe_mm", "depth_mm", "plane_mm"), error)
    row["limbs"] = dict.fromkeys(network_tables._LIMBS, _LIMB)
    if interval:
        row["intervals"] = {key: [error, error - 4, error + 5] for key in ("pmpjpe_mm", "nmpjpe_mm")}
        row["over_blazepose_heavy"] = {"pmpjpe_mm": [error - 70, -12.04, 3.0]}
    return row


def test_rows_are_in_the_order_of_the_methods_and_new_ones_come_last() -> None:
    rows = {"fresh": _row(50), "mean_pose": _row(90, interval=False), "blazepose_heavy": _row(70)}
    result = {"sample": {"images": 400, "scenes": 20, "rows": rows}}
    lines = network_tables.groups(result, "sample").splitlines()
    assert lines[0].startswith("| the sample, all frames: 400 images, 20 scenes or blocks | PMPJPE mm (95 %) |")
    assert lines[2] == "| BlazePose heavy, world landmarks | 70.0 (66 to 75) | 70.0 (66 to 75) | 70 | 70 | 70 | - |"
    assert lines[3] == "| mean pose | 90.0 | 90.0 | 90 | 90 | 90 | - |"
    assert lines[4] == "| fresh | 50.0 (46 to 55) | 50.0 (46 to 55) | 50 | 50 | 50 | -20.0 (-12.0 to +3.0) |"
    limbs = network_tables.limbs(result, "sample").splitlines()
    assert limbs[-1] == f"| the sample, all frames: fresh |{' 40 / - |' * 6}"


def test_speed_is_of_the_answer_over_the_detector_and_of_crops_over_resnet50() -> None:
    row = {
        "detector_ms": 60.04,
        "predict_ms": 72.0,
        "predict_over_detector": 1.204,
        "predict_over_detector_processor": 1.3,
    }
    found = {"answer_speed": {variant: {"photo": row, "tracked": row} for variant in ("full", "heavy")}}
    lines = network_tables.answers(found).splitlines()
    assert lines[2] == "| BlazePose heavy, a photo (`predict_ms_over_detector`) | 60.0 | 72.0 | 1.20 | 1.30 | <= 1.3 |"
    assert "(`predict_ms_over_detector_tracked_full`)" in lines[5]
    rates = {f"{name}_{run}": {"per_s": 20.0, "over_resnet50": 4.0} for name in ("heavy", "full") for run in _RUNTIMES}
    rates |= {f"resnet50_{run}": {"per_s": 5.0} for run in _RUNTIMES}
    lines = network_tables.crops({"crop_speed": {"one": rates, "sixteen": rates}}).splitlines()
    assert lines[2].endswith("PyTorch | 20.0 (4.0) | 20.0 (4.0) |")
    assert lines[6] == "| ResNet-50, 256 x 256, 64 x 64 x 64, PyTorch | 5.0 | 5.0 |"
