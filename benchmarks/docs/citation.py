"""docs/cite.md: the citation as BibTeX, from CITATION.cff."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

import epipose

_FILE = Path(__file__).resolve().parents[2] / "CITATION.cff"


_HEAD = """\
# How to cite

If you use epipose, please cite it, and the paper whose method it builds on. This page is written from
[CITATION.cff](../CITATION.cff), which programs read, by `python -m benchmarks.docs.reference`. Name the version that
you used, which `epipose --version` prints.

"""
_FOOT = """
Say as well whose keypoints they are: BlazePose's, unless you chose [another detector](detectors.md), which has a paper
and a licence of its own. The sample footage is from Pose2Sim. [Datasets](datasets.md) have conditions and papers of
their own.
"""


def page() -> str:
    """The whole page."""
    return f"{_HEAD}{citation()}\n{_FOOT}"


def citation() -> str:
    """The software and the papers it refers to, as one block of BibTeX."""
    found = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    software = {
        "title": f"{{{found['title']}}}",
        "author": f"{{{found['authors'][0]['name']}}}",
        "note": f"Version {found.get('version', epipose.__version__)}, {found['license']}",
    }
    entries = [_entry("software", "epipose", software), *(_paper(paper) for paper in found["references"])]
    return "```bibtex\n" + "\n\n".join(entries) + "\n```"


def _paper(paper: dict[str, Any]) -> str:
    authors = [f"{author['family-names']}, {author['given-names']}" for author in paper["authors"]]
    key = f"{paper['authors'][0]['family-names'].lower()}{paper['year']}"
    values = {
        "title": paper["title"],
        "author": " and ".join(authors),
        "booktitle": paper["conference"]["name"],
        "year": str(paper["year"]),
    }
    return _entry("inproceedings", key, values)


def _entry(kind: str, key: str, values: dict[str, str]) -> str:
    width = max(map(len, values))
    lines = [f"  {name:{width}} = {{{value}}}," for name, value in values.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
