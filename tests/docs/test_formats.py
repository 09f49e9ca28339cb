"""docs/formats.md names every field that is written to the JSON files it describes."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest

from epipose.calibration.evidence import Evidence
from epipose.calibration.result import CalibrationReport
from epipose.pipeline.detect import DetectionReport
from tests.helpers.documents import ROOT, prose


def dataclasses_in(kind: Any) -> Iterator[type]:
    """The dataclass and all dataclasses of its fields."""
    if isinstance(kind, type) and is_dataclass(kind):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from dataclasses_in(hint)
    for part in get_args(kind):
        yield from dataclasses_in(part)


@pytest.mark.parametrize("written", [CalibrationReport, DetectionReport], ids=lambda written: written.__name__)
def test_every_field_that_is_written_is_described(written):
    named = set(re.findall(r"`(\w+)`", prose(ROOT / "docs" / "formats.md")))
    kinds = set(dataclasses_in(written)) - {Evidence}  # the page refers to its docstring
    assert len(kinds) > 2
    assert {
        f"{kind.__name__}.{field.name}" for kind in kinds for field in fields(kind) if field.name not in named
    } == set()
