"""docs/formats.md names every field that is written to the JSON files it describes."""

import re
from dataclasses import fields

import pytest

from epipose.calibration.result import CalibrationReport, CameraReport, PairReport
from epipose.calibration.verdict import Verdict
from epipose.people.subject import ViewChoice
from epipose.pipeline.detect import DetectionReport
from epipose.sync.result import Sync
from tests.helpers.documents import ROOT, prose

NAMED = set(re.findall(r"`(\w+)`", prose(ROOT / "docs" / "formats.md")))
WRITTEN = (CalibrationReport, CameraReport, PairReport, Verdict, DetectionReport, Sync, ViewChoice)


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written.__name__)
def test_every_field_that_is_written_is_described(written):
    assert {field.name for field in fields(written)} - NAMED - {"name"} == set()
