"""Kills and faults are counted right: a verb that keeps its files passes, one that leaves something behind does not."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from benchmarks.docs import reliability_tables
from benchmarks.network.studio_results import merge_results
from benchmarks.reliability.contents import contents, differences
from benchmarks.reliability.faults import FaultResult
from benchmarks.reliability.kills import KillResult, summary
from benchmarks.reliability.results import with_row

pytest.importorskip("resource")

_KILLS = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from benchmarks.reliability.kills import killed_trial, warm_up
from benchmarks.reliability.trials import TRIALS
from tests.helpers.panoptic_files import panoptic
root = Path(sys.argv[1])
(root / "inputs" / "films").mkdir(parents=True)
panoptic(root / "inputs" / "dataset" / "160906_band1", list(range(4)))
warm_up()
{patch}
trial = next(trial for trial in TRIALS if trial.name == "import")
print(json.dumps(asdict(killed_trial(trial, root / "inputs", root, 10))))
"""


def _kills(folder, patch=""):
    command = [sys.executable, "-c", _KILLS.format(patch=patch), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.slow
def test_an_import_that_is_killed_ten_times_ends_the_same_ten_times(tmp_path):
    found = _kills(tmp_path)
    assert found["repeatable"]
    assert (found["kills"], found["completed"], found["identical"]) == (10, 10, 10), found["examples"]


@pytest.mark.slow
def test_what_a_killed_run_leaves_behind_is_seen(tmp_path):
    found = _kills(tmp_path, "import epipose.io.temporary; epipose.io.temporary._is_litter = lambda name: False")
    assert found["repeatable"]
    assert found["completed"] == 10
    assert found["identical"] < 10
    assert "left over" in found["examples"][0]


def test_clocks_do_not_count_and_all_else_does(tmp_path):
    def digests(seconds, loss, extra=False):
        folder = tmp_path / f"{seconds}{loss}{extra}"
        (folder / "sub").mkdir(parents=True)
        (folder / "batch.json").write_text(json.dumps({"outcome": {"seconds": seconds, "views": 3}}))
        (folder / "sub" / "log.jsonl").write_text(json.dumps({"loss": loss, "images_per_second": seconds}) + "\n")
        (folder / "summary.csv").write_text(f"clip,seconds,views\na,{seconds},3\n")
        (folder / "summary.html").write_text(f"<td>{seconds}\N{NO-BREAK SPACE}s</td><td>{loss}</td>", encoding="utf-8")
        (folder / "batch.log").write_text(f"took {seconds}")
        if extra:
            (folder / ".rig.1.part.json").write_text("")
            (folder / "empty").mkdir()
        return contents(folder)

    first = digests(1, 0.5)
    assert len(first) == 4
    assert not differences(digests(2, 0.5), first)
    assert differences(digests(2, 0.6), first) == dict.fromkeys(("sub/log.jsonl", "summary.html"), "other content")
    assert differences(digests(3, 0.5, True), first) == dict.fromkeys((".rig.1.part.json", "empty"), "left over")
    assert differences(first, digests(4, 0.5, True)) == dict.fromkeys((".rig.1.part.json", "empty"), "missing")


def _kill_result(verb, identical):
    return KillResult(verb, 20, 20, identical, 1, True, 1.25, 30, ())


def test_the_table_counts_what_was_lost(tmp_path):
    faults = [FaultResult("SIGTERM", verb, 10, 3, 7, 0, 1, ("gone",)) for verb in ("label", "train")]
    numbers = summary([asdict(_kill_result("label", 20)), asdict(_kill_result("train", 19))])
    assert (numbers["kills"], numbers["kills_identical_share"]) == (40, 39 / 40)
    merge_results(tmp_path / "reliability.json", {"fuzz_foreign": 0, "kills": 3})
    result = merge_results(tmp_path / "reliability.json", numbers)
    assert (result["fuzz_foreign"], result["kills"]) == (0, 40)
    lines = reliability_tables.faults({**result, "faults_by_verb": [asdict(found) for found in faults]}).splitlines()
    assert lines[2] == "| kill -9 | 40 | - | - | 39 | 1 |"
    assert lines[3] == "| SIGTERM | 20 | 6 | 14 | 18 | 2 |"
    assert reliability_tables.kills(result).splitlines()[3] == "| train | 20 | 20 | 19 | 1.2 | 30 |"


def test_a_verb_that_is_measured_again_takes_the_place_of_its_row(tmp_path):
    path = tmp_path / "reliability.json"
    for verb, identical in (("label", 18), ("train", 20), ("label", 20)):
        merge_results(path, summary(with_row("kills_by_verb", asdict(_kill_result(verb, identical)), ["verb"], path)))
    result = json.loads(path.read_text())
    assert [(row["verb"], row["identical"]) for row in result["kills_by_verb"]] == [("label", 20), ("train", 20)]
    assert (result["kills"], result["kills_identical_share"]) == (40, 1.0)
