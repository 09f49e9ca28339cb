"""The comparison with other programs: every cell on one of them is cited, run, or says that nothing is stated."""

import re

from tests.helpers.documents import ROOT

PAGE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
TOOLS = "| | epipose | Caliscope | Pose2Sim | FreeMoCap | HumanCalib |"
FIRST_ROWS = ("version",)  # what the version is, the row itself says: PyPI
SOURCE = re.compile(r"\[\^[\w-]+\]|\bRun\b|\brun\b|not stated")


def rows(text):
    """The rows of the tables that compare all five, as lists of cells."""
    for block in text.split(TOOLS)[1:]:
        for line in block.strip().splitlines()[1:]:
            if not line.startswith("|"):
                break
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_every_cell_on_another_program_has_its_source():
    found = list(rows(PAGE))
    assert len(found) > 20
    without = [(row[0], cell) for row in found for cell in row[2:] if not SOURCE.search(cell)]
    assert [cell for cell in without if not cell[0].startswith(FIRST_ROWS)] == []
    assert {len(row) for row in found} == {6}


def test_footnotes_are_defined_once_and_used():
    used = set(re.findall(r"\[\^([\w-]+)\](?!:)", PAGE))
    defined = re.findall(r"^\[\^([\w-]+)\]:", PAGE, re.MULTILINE)
    assert sorted(used) == sorted(defined)


def test_the_readme_has_the_short_table_with_the_same_tools():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Beside other tools\n")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert re.findall(r"\[(\w+)\]", lines[0]) == TOOLS.strip("| ").split(" | ")[1:]
    assert len(lines) - 2 <= 12
    assert "docs/comparison.md" in table
