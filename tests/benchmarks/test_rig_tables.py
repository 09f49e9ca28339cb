"""Tables of the geometry's newer parts, from the smallest result that has them."""

from benchmarks.docs import rig_tables


def test_methods_are_compared_clip_by_clip():
    """Twice and half our error are equal in the mean, and a clip without cameras does not count."""

    def clip(theirs, compared=True):
        methods = {"epipose": {"rotation_deg_median": 0.1}, "a": {"rotation_deg_median": theirs}, "b": {}}
        return {"noise": "simple", "rigs": "drawn", "compared": compared, "methods": methods}

    runs = [clip(0.2), clip(0.05), clip(None), clip(9.0, compared=False)]
    lines = rig_tables.paired({"simulation": {"runs": runs}}).splitlines()
    assert lines[2:] == ["| 6 px + 3 %, drawn rigs: a | 1.000 | 1 of 2 |"]


def test_the_bound_is_given_for_every_length():
    row = {"frames": 300, "clips": 20, "rotation_deg_median": 0.12345, "rotation_deg_max": 0.2, "center_mm_mean": 5.0}
    last = rig_tables.bound({"bound": {"table": [row]}}).splitlines()[-1]
    assert last == "| 300 | 20 | 0.123 | 0.20 | 5.0 |"


def test_uncertainty_says_how_many_pairs_there_were():
    row = {
        "views": 2, "given": False, "clips": 20, "rejected": 3, "refused": 1, "pairs": 16, "z_rms": 1.2345,
        "z_above_2_share": 0.0625, "z_rms_all": 2.0, "sigma_deg_median": 1.0, "error_deg_median": None,
    }  # fmt: skip
    last = rig_tables.uncertainty({"uncertainty": {"table": [row]}}).splitlines()[-1]
    assert last == "| 2 cameras, intrinsics hidden | 20 | 3 | 1 | 16 | 1.00 | - | 1.23 | 0.062 | 2.00 |"


def test_many_cameras_stand_beside_the_eight():
    row = {
        "noise": "simple", "clips": 20, "found": 19, "some_deg": 0.1, "all_deg": 0.05, "ratio": 0.5, "some_cpu_s": 4.0,
        "all_cpu_s": 12.0,
    }  # fmt: skip
    last = rig_tables.many_cameras({"many_cameras": {"table": [row]}}).splitlines()[-1]
    assert last == "| 6 px + 3 % | 19 of 20 | 0.100 | 0.050 | 0.500 | 4.0 | 12.0 |"


def test_pooled_clips_stand_beside_the_median_single_one():
    run = {"alone_deg": [0.3, 0.5, 0.4], "pooled_deg": 0.2, "gain": 2.0, "alone_cpu_s": 9.0, "pooled_cpu_s": 8.0}
    last = rig_tables.pooled({"pooled": {"runs": [run]}}).splitlines()[-1]
    assert last == "| rig 1 | 3 | 0.300 | 0.400 | 0.200 | 2.00 | 9.0 | 8.0 |"


def test_hopeless_footage_has_a_reason():
    runs = [
        {"seconds": 12.34, "verdict": "refused", "reason": "No focal length fits. Check."},
        {"seconds": 5.0, "verdict": "reject", "reason": "Too uncertain: 3.6 degrees. Film.", "rotation_deg_max": 40.0},
    ]
    lines = rig_tables.hopeless({"hopeless": {"runs": runs}}).splitlines()[-2:]
    assert lines[0] == "| clip 1 | 12.3 | refused | - | No focal length fits |"
    assert lines[1] == "| clip 2 | 5.0 | reject | 40.0 | Too uncertain: 3.6 degrees |"
