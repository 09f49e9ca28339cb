"""Measure the documentation: blocks that run, links, examples, length of the readme; writes benchmarks/results/docs.json.

Each part is a function of its own, and a part that is not measured again keeps the number that is there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.docs.links import check
from epipose.io.files import read_json, write_json

_ROOT = Path(__file__).resolve().parents[2]
_RESULT = _ROOT / "benchmarks" / "results" / "docs.json"
Numbers = dict[str, float]


def main() -> int:
    """Measure the parts that are named, and put their numbers beside those of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure; default all")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=NUMBER", help="numbers that were measured elsewhere"
    )
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args()
    numbers: Numbers = dict(read_json(options.out)) if options.out.exists() else {}
    for part in options.only:
        numbers |= PARTS[part]()
    numbers |= given(options.set)
    write_json(options.out, dict(sorted(numbers.items())))
    for name, number in sorted(numbers.items()):
        print(f"{name}: {number:g}")
    return 0


def given(words: Iterable[str]) -> Numbers:
    """Numbers given as NAME=NUMBER."""
    return {name: float(number) for name, _, number in (word.partition("=") for word in words)}


def readme() -> Numbers:
    """Lines of the readme."""
    return {"readme_lines": len((_ROOT / "README.md").read_text(encoding="utf-8").splitlines())}


def code_blocks() -> Numbers:
    """Blocks of the pages that ran, those on pages that failed, and those that were only parsed."""
    ran = failed = parsed = 0
    for case in _tests(
        ["tests/docs/test_code_blocks.py", "tests/docs/test_contributing.py", "tests/docs/test_detectors_page.py"]
    ):
        wrong = _wrong(case)
        blocks = sum(int(item.get("value", 0)) for item in case.iter("property") if item.get("name") == "blocks")
        ran += 0 if wrong else blocks
        failed += max(blocks, 1) if wrong else 0
        parsed += "does_not_run_is_parsed" in case.get("name", "")
    return {"blocks_run": ran, "blocks_failed": failed, "blocks_parsed": parsed}


def links() -> Numbers:
    """Links within the site that were followed, and those that lead nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", folder]
        subprocess.run(command, cwd=_ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)
        found = check(Path(folder))
    for broken in found.broken:
        print(broken)
    return {"links_followed": found.links, "links_broken": len(found.broken)}


def examples() -> Numbers:
    """Numbered examples with tests (``test_01_...``) that all passed."""
    cases = _tests(["tests/examples"])
    stems = {path.stem for path in (_ROOT / "examples").glob("[0-9][0-9]_*")}
    of_stem = {stem: [case for case in cases if case.get("name", "").startswith(f"test_{stem}")] for stem in stems}
    return {"examples_run": sum(bool(own) and all(map(_passed, own)) for own in of_stem.values())}


def _passed(case: ElementTree.Element) -> bool:
    return not _wrong(case) and case.find("skipped") is None


def _wrong(case: ElementTree.Element) -> bool:
    return case.find("failure") is not None or case.find("error") is not None


def _tests(paths: Sequence[str]) -> list[ElementTree.Element]:
    """The cases of a run of these tests, with what they recorded."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-n",
            "0",
            *paths,
            f"--junitxml={report}",
            "-o",
            "junit_family=xunit1",
        ]
        subprocess.run(command, cwd=_ROOT, check=False)
        return list(ElementTree.parse(report).iter("testcase"))


PARTS: dict[str, Callable[[], Numbers]] = {
    "readme": readme,
    "code_blocks": code_blocks,
    "links": links,
    "examples": examples,
}

if __name__ == "__main__":
    sys.exit(main())
