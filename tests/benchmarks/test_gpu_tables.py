"""The tables of gpu.json: what was measured, with a dash for what was not, and every network once."""

from benchmarks.docs import gpu_tables

RESULT = {
    "device": "some card",
    "recorded": True,
    "first_step_after_s": 23.7,
    "steps": 30,
    "batch": 256,
    "drawn": 5000,
    "curve": [
        {"step": 10, "s": 10.0, "drawn": 1000, "images_per_s": 100.0, "full_token_wide": -0.005, "refiner": 0.25},
        {"step": 20, "s": 20.0, "drawn": 3000, "images_per_s": 400.0, "full_token_wide": -0.015, "refiner": 0.125},
        {"step": 30, "s": 30.0, "drawn": 5000, "images_per_s": 300.0, "full_token_wide": -0.016, "refiner": 0.0625},
    ],
    "memory_gb": 42.79,
    "held_out": {"other": 50.0, "full_token_wide": 65.64, "own_full": 83.2, "refiner_full": 65.25},
    "stored_after_s": 335.4,
    "resnet50_images_per_s": {"bf16": 1794.0, "fp32": 1337.9},
    "travels_mb": {"body": 1.4, "motions": 3.3, "blazepose": 34.0, "rest": 3.3},
}


def test_the_run_says_how_fast_drawing_and_training_were() -> None:
    lines = gpu_tables.run(RESULT).splitlines()
    assert lines[0] == "| some card | measured |"
    assert "| images a second, drawn | 200 |" in lines
    assert "| images a second, trained on (median) | 300 |" in lines
    assert "| a step is recorded as a CUDA graph | yes |" in lines
    assert lines[-1].endswith("(body file 1.4, motions 3.3, BlazePose 34, code and the rest 3.3) | 42 |")


def test_every_network_has_a_row_and_new_ones_come_last() -> None:
    lines = gpu_tables.heads(RESULT).splitlines()
    assert lines[0] == "| held-out scenes | PMPJPE, about mm | loss to step 10 | loss to step 30 |"
    assert lines[2:] == [
        "| BlazePose full, its own keypoints and depth | 83.2 | - | - |",
        "| token head on full | 65.6 | -0.0050 | -0.0160 |",
        "| the refiner, on full and its token head | 65.2 | 0.2500 | 0.0625 |",
        "| other | 50.0 | - | - |",
    ]
