"""The checks of camera files that need no other interpreter."""

import pytest

from benchmarks.formats.cameras import colmap, light_checks, opencv, rig_with, round_trip


@pytest.mark.parametrize("lens", ["k1 to k3", "fisheye"])
def test_other_readers_project_alike(lens):
    pytest.importorskip("pycolmap")
    assert opencv(lens).error_px < 1e-6
    assert colmap(lens).error_px < 1e-6


def test_our_own_reader_gives_back_what_was_written():
    assert round_trip(".toml", "k1 to k6").error_px < 1e-6
    assert 1e-3 < round_trip(".xcp", "k1 to k3").error_px < 1  # another model of the lens
    assert len(list(light_checks())) == 4 * (6 + 2) - 3
    assert rig_with("fisheye").camera.fisheye.all()
