"""The documents: their Python compiles, the examples of CONTRIBUTING.md run, and their links lead to files."""

import re
from pathlib import Path

import pytest

from epipose.detection.base import Detector

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_compile(page: Path) -> None:
    for number, block in enumerate(blocks(page, "python"), 1):
        compile(block, f"{page.name}, block {number}", "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [name for name in targets if "://" not in name and not (page.parent / name).exists()]
    assert not missing


def test_the_examples_of_contributing_run() -> None:
    names: dict = {}
    for block in blocks(ROOT / "CONTRIBUTING.md", "python"):
        exec(block, names)
    assert isinstance(names["MyDetector"](), Detector)
    (detection,) = names["MyDetector"]()(None)
    assert detection.conf.shape == (17,)
    assert callable(names["export_mine"])
