"""Whatever fails while a verb writes, and wherever it is killed, its old results or its new ones are whole.

benchmarks/reliability/write_faults.py tries every change of every verb; here it is every sixth.
"""

import os
from pathlib import Path

import pytest

from tests.helpers.fault_trials import trials
from tests.helpers.file_faults import faults
from tests.helpers.writing_verbs import Results, WritingVerb, nothing, report, writing_verbs

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed that was forked")
NAMES = (
    "detect", "detect anew", "calibrate", "calibrate --same-cameras", "label", "train", "refine", "predict", "studio",
    "export", "export, a folder", "import", "batch, a clip", "batch, the summary", "run and view, a page", "evaluate",
)  # fmt: skip


@pytest.fixture(scope="module")
def verbs(tmp_path_factory) -> dict[str, WritingVerb]:
    return {verb.name: verb for verb in writing_verbs(Results(tmp_path_factory.mktemp("results")))}


def test_every_verb_is_tried(verbs: dict[str, WritingVerb]) -> None:
    assert tuple(verbs) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_old_results_or_the_new_are_whole(verbs: dict[str, WritingVerb], tmp_path: Path, name: str) -> None:
    tried = list(trials(verbs[name], tmp_path, ("once", "kill"), every=6))
    assert len(tried) >= 2
    assert not [f"{trial.fault}: {trial.why}" for trial in tried if not trial.whole]
    assert not [trial.fault for trial in tried if not trial.told]


def test_a_writer_that_is_not_careful_is_found_out(tmp_path: Path) -> None:
    def careless(out: Path) -> None:
        for name in ("a", "b"):
            (out / name).unlink(missing_ok=True)
            (out / name).write_text("new")

    def old(out: Path) -> None:
        for name in ("a", "b"):
            (out / name).write_text("older")

    tried = list(trials(WritingVerb("careless", old, careless, nothing), tmp_path))
    assert sum(not trial.whole for trial in tried) >= 8
    assert not all(trial.told for trial in tried)


def test_changes_elsewhere_are_not_counted(tmp_path: Path) -> None:
    with faults(tmp_path / "there") as counted:
        report(tmp_path, "here")
    assert [change for change in counted.changes if change != "fsync"] == []
