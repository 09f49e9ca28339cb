"""Unknowns by evidence: what is adjusted of lenses that are not known, and when lenses differ."""

from dataclasses import replace

import pytest
import torch

from epipose.calibration.adjustment import Setting, Task, adjusted
from epipose.calibration.assess import lens_words
from epipose.calibration.refine_rig import refine_rig
from epipose.calibration.rig_options import RigOptions
from epipose.calibration.supported_unknowns import with_assumed_lens
from epipose.geometry.bundle import Free, Priors
from epipose.geometry.observation_source import ObservationSource, SampledObservations
from tests.calibration.test_refine_rig import ALL, FOCAL_SHARED, clip, start, through, worst_degrees


def round_of(true, first, free, lag=(0.0, 0.0, 0.0, 0.0)):
    poses = clip(true, lag)
    task = Task(SampledObservations.of(ObservationSource.of(poses, first), ALL), Priors())
    return task, adjusted(task, first, Setting(ALL, free, steps=15), None)


def test_lags_move_with_the_lens():
    """Lags of the rig are those of the bundle, whatever else the adjustment has changed."""
    first = start(through(), (0.9,) * 4)
    task, now = round_of(through(k1=-0.3), first, Free(focal="shared", lag=True), (0.0, 0.4, 0.0, -0.3))
    found = with_assumed_lens(task, now, FOCAL_SHARED)
    assert found.free.radial == "shared"
    assert float((found.bundle.lag - now.bundle.lag).abs().max()) > 1e-4
    assert torch.allclose(found.rig.lag - now.rig.lag, found.bundle.lag - now.bundle.lag)


def test_beside_a_fisheye_distortion_is_held():
    true = through()
    fisheye = torch.tensor([True, False, False, False])
    first = replace(true, camera=replace(true.camera, fisheye=fisheye))
    task, now = round_of(true, first, Free(focal="shared"))
    found = with_assumed_lens(task, now, FOCAL_SHARED)
    assert found.free.radial == "known"
    assert not bool(found.bundle.radial.any())


@pytest.mark.slow
def test_lenses_that_differ_are_told_apart():
    true = through()
    distortion = true.camera.distortion.clone()
    distortion[0, 0] = -0.3
    true = replace(true, camera=replace(true.camera, distortion=distortion))
    found = refine_rig(clip(true), start(through(), (0.9,) * 4), ALL, FOCAL_SHARED)
    assert found.free.radial == "each"
    assert float(found.rig.camera.distortion[0, 0]) < float(found.rig.camera.distortion[1:, 0].min()) - 0.1
    assert worst_degrees(found.rig, true) < 0.5
    alike = refine_rig(clip(through(k1=-0.2)), start(through(), (0.9,) * 4), ALL, RigOptions(focal="shared"))
    assert alike.free.radial == "shared"


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (Free(), "given"),
        (Free(focal="each"), "focal length estimated, each camera's own"),
        (Free(focal="shared", radial="shared"), "focal length and distortion estimated, one for all cameras"),
        (
            Free(focal="each", radial="shared"),
            "focal length estimated, each camera's own; distortion estimated, one for all cameras",
        ),
    ],
    ids=["given", "focal", "alike", "not alike"],
)
def test_the_report_says_what_was_estimated(free, words):
    assert lens_words(free) == words
