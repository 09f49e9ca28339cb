"""Keypoints that are no pixels of the clip's images are named, with the factor."""

from pathlib import Path

import pytest

from epipose import Clip, EpiposeError, Poses2D, View
from epipose.pipeline.keypoint_scale import check_pixels, scale_warnings
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

CLIP = Clip(tuple(View(name, Path(f"{name}.mp4"), 1000, 1000, 40, 25.0) for name in rig().names), 40, 25.0)


def poses(factor=1.0):
    xy, conf = detections(rig(), moving_skeleton(40), pixels=2.0)
    return Poses2D(factor * xy[:, :, None], conf[:, :, None], H36M17, rig().names)


def test_pixels_pass_without_a_word():
    check_pixels(poses(), CLIP)
    assert scale_warnings(poses(), CLIP) == ()


def test_shares_of_the_image_are_refused_with_the_factors():
    with pytest.raises(EpiposeError, match=r"multiply x by 1000 and y by 1000"):
        check_pixels(poses(1 / 1000), CLIP)


def test_one_view_in_shares_is_refused_by_name():
    some = poses()
    some.xy[2] /= 1000
    with pytest.raises(EpiposeError, match=f"View '{rig().names[2]}': all keypoints lie between 0"):
        check_pixels(some, CLIP)


def test_keypoints_of_smaller_images_are_named():
    (warning,) = scale_warnings(poses(1 / 2), CLIP)
    assert "smaller images" in warning
    assert "2, most often" in warning


def test_keypoints_of_larger_images_are_named():
    (warning,) = scale_warnings(poses(2.5), CLIP)
    assert "larger images" in warning


def test_nobody_seen_says_nothing():
    nobody = poses()
    nobody = Poses2D(nobody.xy, 0 * nobody.conf, H36M17, nobody.views)
    check_pixels(nobody, CLIP)
    assert scale_warnings(nobody, CLIP) == ()
