"""Numbers of the documentation: what is counted of a test run, and that numbers of other parts stay."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.docs import site

REPORT = """
<testsuite>
  <testcase name="test_the_blocks_of_a_page_run[README.md]"><properties><property name="blocks" value="7"/></properties>
  </testcase>
  <testcase name="test_the_blocks_of_a_page_run[docs/a.md]"><properties><property name="blocks" value="2"/></properties>
    <failure/></testcase>
  <testcase name="test_a_block_that_does_not_run_is_parsed[docs/a.md:3]"/>
  <testcase name="test_01_three_phones"/>
  <testcase name="test_02_known_rig"><skipped/></testcase>
  <testcase name="test_03_own_detector"/>
  <testcase name="test_03_own_detector_with_weights"><failure/></testcase>
</testsuite>
"""


@pytest.fixture(autouse=True)
def tests_run(monkeypatch):
    monkeypatch.setattr(site, "_tests", lambda paths: list(ElementTree.fromstring(REPORT).iter("testcase")))


def test_blocks_of_a_page_that_fails_count_as_failed_and_so_does_another_test():
    assert site.code_blocks() == {"blocks_run": 7, "blocks_failed": 3, "blocks_parsed": 1}


def test_examples_count_where_their_test_passed(tmp_path, monkeypatch):
    (tmp_path / "examples").mkdir()
    for name in ("01_three_phones.py", "02_known_rig.py", "03_own_detector.py", "live_to_osc.py"):
        (tmp_path / "examples" / name).touch()
    monkeypatch.setattr(site, "_ROOT", tmp_path)
    assert site.examples() == {"examples_run": 1}


def test_numbers_of_other_parts_stay(tmp_path, monkeypatch, capsys):
    out = tmp_path / "docs.json"
    out.write_text(json.dumps({"person_first_px": 310, "readme_lines": 1}))
    monkeypatch.setattr(
        "sys.argv", ["site", "--only", "readme", "--set", "first_result_seconds=44.5", "--out", str(out)]
    )
    assert site.main() == 0
    found = json.loads(out.read_text())
    assert found.keys() == {"person_first_px", "readme_lines", "first_result_seconds"}
    assert found["person_first_px"] == 310
    assert found["readme_lines"] > 50
    assert found["first_result_seconds"] == 44.5
