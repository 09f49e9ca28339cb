"""Detectors by name, their options, and what is said of a detector that cannot be used."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import epipose.detection.registry as module
from epipose.detection.base import Detection
from epipose.detection.check import NEEDED_JOINTS, check_detections, check_detector
from epipose.detection.registry import detector_files, detector_named
from epipose.errors import InputError
from epipose.skeleton import Skeleton
from epipose.skeletons import COCO17, SKELETONS


class Configured:
    """Keeps what it was made with."""

    skeleton = COCO17

    def __init__(
        self,
        weights: Path | None = None,
        *,
        threads: int = 2,
        least: float = 0.5,
        mode: Literal["fast", "slow"] = "fast",
        flip: bool = False,
        label="none",
    ):
        self.made_with = (weights, threads, least, mode, flip, label)

    def __call__(self, image):
        return []

    def reset(self):
        pass


def anything(**options):
    detector = Configured()
    detector.made_with = options
    return detector


def demanding(*, weights: str):
    return Configured(Path(weights))


@pytest.fixture(autouse=True)
def detectors(monkeypatch):
    for name in ("Configured", "anything", "demanding"):
        monkeypatch.setitem(module.DETECTORS, name.lower(), f"{__name__}:{name}")


def test_options_become_what_the_factory_takes():
    made = detector_named("configured", ("threads=4", "least=0.25", "mode=slow", "flip=yes", "label=a=b"))
    assert made.made_with == (None, 4, 0.25, "slow", True, "a=b")
    assert detector_named("configured").made_with == (None, 2, 0.5, "fast", False, "none")
    assert detector_named("anything", ("any-thing=1",)).made_with == {"any_thing": "1"}


def test_weights_stand_behind_the_name_or_among_the_options():
    assert detector_named("configured:a/b.onnx").made_with[0] == Path("a/b.onnx")
    assert detector_named("configured", ("weights=c.onnx",)).made_with[0] == Path("c.onnx")
    assert detector_named("configured", ("weights=None",)).made_with[0] is None
    assert detector_named(r"demanding:C:\x.onnx").made_with[0] == Path(r"C:\x.onnx")
    with pytest.raises(InputError, match=r"given twice: in --detector configured:a, and as b"):
        detector_named("configured:a", ("weights=b",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("thread=4",), r"no option 'thread'; did you mean threads\? It takes weights, threads \(2\), least"),
        (("colour=4",), r"no option 'colour'\. It takes"),
        (("threads=many",), r"option threads is 'many'; expected a whole number"),
        (("mode=middling",), r"option mode is 'middling'; expected fast or slow"),
        (("flip=perhaps",), r"option flip is 'perhaps'; expected true or false"),
        (("threads",), r"--detector-option threads: expected KEY=VALUE"),
        (("threads=1", "threads=2"), r"threads is given twice, as 1 and as 2"),
    ],
)
def test_an_option_that_does_not_fit_is_named(options, message):
    with pytest.raises(InputError, match=message):
        detector_named("configured", options)


def test_an_option_that_must_be_given_is_named():
    with pytest.raises(InputError, match="Detector demanding needs weights: --detector-option weights=VALUE"):
        detector_named("demanding")


def test_the_detectors_of_the_package_say_what_they_take():
    for name in ("blazepose-full", "blazepose-heavy", "pretrained"):
        with pytest.raises(InputError, match=r"It takes threads \(2\), device \(cpu\), search_every \(10\)"):
            detector_named(name, ("thraeds=1",))


def test_files_that_are_named_count_as_inputs(tmp_path):
    weights = tmp_path / "net.onnx"
    assert detector_files(f"configured:{weights}", ("threads=2",)) == ()
    weights.write_bytes(b"1")
    assert detector_files(f"configured:{weights}", ("threads=2",)) == (weights,)
    assert detector_files("configured", (f"weights={weights}",)) == (weights,)


def with_skeleton(skeleton):
    detector = Configured()
    detector.skeleton = skeleton
    return detector


NO_LEFT_ANKLE = tuple("foot" if joint == "left_ankle" else joint for joint in COCO17.joints)
NO_ANKLES = tuple("foot_" + joint[0] if "ankle" in joint else joint for joint in COCO17.joints)


@pytest.mark.parametrize(
    ("skeleton", "message"),
    [
        ("coco17", r"its skeleton is 'coco17', a str; expected a Skeleton"),
        (Skeleton("mine", NO_LEFT_ANKLE, COCO17.parents), r"has right_ankle on one side only"),
        (Skeleton("mine", NO_ANKLES, COCO17.parents), r"lacks left_ankle, right_ankle, which calibration needs"),
    ],
)
def test_a_skeleton_that_cannot_be_used_is_refused_before_detection(skeleton, message, monkeypatch):
    monkeypatch.setattr(module, "_factory", lambda kind: lambda: with_skeleton(skeleton))
    with pytest.raises(InputError, match=message):
        detector_named("mine")


def test_what_is_no_detector_is_refused():
    with pytest.raises(InputError, match="a str without skeleton, __call__, reset"):
        check_detector("detector", "mine")


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_the_skeletons_of_the_package_can_be_used(skeleton):
    check_detector(with_skeleton(skeleton), "mine")


def test_the_joints_that_are_needed_come_in_pairs():
    assert len(NEEDED_JOINTS) == len(set(NEEDED_JOINTS)) == 12


def test_people_that_do_not_fit_the_skeleton_are_refused():
    good = Detection(np.zeros((17, 2)), np.ones(17), 1.0, None, -1)
    check_detections([[good], []], 2, Configured())
    for bad, message in [
        (
            replace(good, xy=np.zeros((18, 2)), conf=np.ones(18)),
            r"xy of shape \(18, 2\).*skeleton coco17 has 17 joints",
        ),
        (replace(good, xy=np.full((17, 2), np.nan)), "found NaN"),
    ]:
        with pytest.raises(InputError, match=message):
            check_detections([[bad]], 1, Configured())
    with pytest.raises(InputError, match="answered 2 images with 1 lists"):
        check_detections([[good]], 2, Configured())


def test_files_in_the_home_folder_count(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "net.onnx").touch()
    assert detector_files("rtmpose:~/net.onnx") == (tmp_path / "net.onnx",)
