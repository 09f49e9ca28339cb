"""Links, headings, and names of code and files in the pages: all of them must exist."""

import importlib
import re
from pathlib import Path

import pytest

from tests.helpers.documents import PAGES, ROOT, prose

PACKAGES = sorted(path.name for path in (ROOT / "src" / "epipose").iterdir() if (path / "__init__.py").exists())
MODULES = sorted(path.stem for path in (ROOT / "src" / "epipose").glob("*.py") if not path.stem.startswith("_"))


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "modules.md"], ids=lambda page: page.name)
def test_files_of_the_repository_that_are_named_exist(page):
    for name in re.findall(r"`((?:src|tests|benchmarks|docs)/[\w./-]+)[` ]", prose(page)):
        assert (ROOT / name).exists() or "NAME" in name, f"{page.name}: {name}"
    for name in re.findall(rf"`((?:{'|'.join(PACKAGES)})/[\w./-]*)`", prose(page)):
        assert (ROOT / "src" / "epipose" / name).exists(), f"{page.name}: {name}"


@pytest.mark.parametrize("name", ["architecture.md", "glossary.md", "api.md"])
def test_code_that_is_named_by_module_exists(name):
    page = ROOT / "docs" / name
    missing = []
    for dotted in re.findall(rf"`(?:epipose\.)?((?:{'|'.join(PACKAGES + MODULES)})(?:\.\w+)+)`", prose(page)):
        if not dotted.endswith((".json", ".npz", ".py", ".html", ".md")) and not resolves(f"epipose.{dotted}"):
            missing.append(dotted)
    assert missing == []


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module, or a name (of a class, a field) in one."""
    parts = dotted.split(".")
    for split in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for part in parts[split:]:
            if part not in dir(found) and part not in getattr(found, "__annotations__", {}):
                return False
            found = getattr(found, part, None)
        return True
    return False
