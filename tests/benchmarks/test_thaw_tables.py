"""The tables of thaw.json: every variant once, the control's difference from the start, the others' from the control."""

from benchmarks.docs import thaw_tables


def _group(start: float, end: float, *, interval: bool = True) -> dict:
    over = [end - start, -0.25, 3.0] if interval else [end - start]
    return {
        "pmpjpe_mm": {"start": start, "middle": start + 0.5, "end": end},
        "over_start": over,
        "over_frozen": [7.0, 6.0, 8.0],
        "own_pmpjpe_mm": {"start": 80.0, "middle": 81.0, "end": 82.0},
        "drift_px": 1.25,
        "drift_mm": 12.5,
    }


def _variant(moved: float) -> dict:
    groups = {"sample_frames_80_99": _group(70, 71), "studio": _group(50, 48, interval=False)}
    return {"groups": groups, "loss": {"first_quarter": 0.02, "last_quarter": 0.015}, "moved": moved, "processor_s": 9}


RESULT = {
    "groups": {"studio": {"images": 128, "scenes": 128}, "sample_frames_80_99": {"images": 40, "scenes": 4}},
    "variants": {"other": _variant(0.5), "all_full": _variant(0.02), "frozen": _variant(0.0)},
}


def test_every_variant_has_a_row_and_the_control_comes_first() -> None:
    lines = thaw_tables.errors(RESULT).splitlines()
    assert "| real man, frames 80-99: 40 | studio, drawn: 128 | training loss |" in lines[0]
    assert lines[2] == "| at the start | 70.0 | 50.0 | - |"
    assert lines[3].endswith("| 70.5, 71.0 (+1.0: -0.2 to +3.0) | 50.5, 48.0 (-2.0) | 0.0200 to 0.0150 |")
    assert lines[4].startswith("| all, the head's rate | 70.5, 71.0 (+7.0: +6.0 to +8.0) |")
    assert lines[5].startswith("| other |")


def test_drift_is_given_for_each_group() -> None:
    lines = thaw_tables.drift(RESULT).splitlines()
    assert lines[2] == "| at the start | - | - | 80.0 / 80.0 |"
    assert lines[4] == "| all, the head's rate | 1.2 / 1.2 | 12.5 / 12.5 | 82.0 / 82.0 |"
