"""Hooks of the documentation site: files of the repository beside the pages, formulas as MathML, nothing fetched.

Pages link to files outside docs/ by relative paths, which hold in a checkout. The site gets a copy of each such file,
so that the links hold there as well; CONTRIBUTING.md and CHANGELOG.md become pages.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parents[2]
_DOCS = _ROOT / "docs"
_AS_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_AS_ROOT = {"README.md": "index.md"}  # the site's own first page
_SHOWN = {".py", ".toml", ".json", ".cff", ".md", ".txt", ".yml", ""}  # as text, whatever a server says of them
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the root of the repository, and a copy of every file outside docs/ that a page links to."""
    wanted: set[Path] = set()
    for name, page in _AS_PAGES.items():
        text = (_ROOT / name).read_text(encoding="utf-8")
        wanted |= _linked_files(text, _ROOT)
        files.append(File.generated(config, page, content=_relinked(text, _ROOT, page)))
    for file in list(files):
        source = file.abs_src_path
        if file.is_documentation_page() and source:
            wanted |= _linked_files(Path(source).read_text(encoding="utf-8"), Path(source).parent)
    for path in sorted(wanted):
        if path.is_dir():
            files.append(File.generated(config, _copy_of(path), content=_listing(path)))
        else:
            files.append(File.generated(config, _copy_of(path), abs_src_path=str(path)))
    return files


def _listing(folder: Path) -> str:
    """A page with the names of a folder's files."""
    items = "".join(
        f"<li>{path.name}</li>" for path in sorted(folder.iterdir()) if not path.name.startswith((".", "_"))
    )
    name = folder.relative_to(_ROOT).as_posix()
    return f'<!doctype html><meta charset="utf-8"><title>{name}</title><h1>{name}</h1><ul>{items}</ul>'


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to files outside docs/, as links to their copies in the site."""
    source = page.file.abs_src_path
    return _relinked(markdown, Path(source).parent, page.file.src_uri) if source else markdown


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Formulas as MathML, which browsers show without a script; bars that tables have to escape, without the escape."""
    html = re.sub(r"<td[^>]*>.*?</td>", lambda match: match[0].replace("\\|", "|"), html, flags=re.DOTALL)
    return _FORMULA.sub(lambda match: convert(_unescaped(match[3]), display=_DISPLAY[match[2]]), html)


_DISPLAY: dict[str, Any] = {"(": "inline", "[": "block"}


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _linked_files(text: str, folder: Path) -> set[Path]:
    """Files and folders outside docs/ to which a text in this folder links and which are no pages of the site."""
    found = (_target(match[2], folder) for match in _LINK.finditer(_FENCE.sub("", text)))
    return {
        path
        for path in found
        if path is not None
        and not path.is_relative_to(_DOCS)
        and path.exists()
        and path != _ROOT
        and path.relative_to(_ROOT).as_posix() not in {*_AS_PAGES, *_AS_ROOT}
    }


def _target(link: str, folder: Path) -> Path | None:
    """The file of the repository that a link leads to; None for the address of a site."""
    if ":" in link:
        return None
    path = Path(os.path.normpath(folder / link))
    return path if path.is_relative_to(_ROOT) else None


def _copy_of(path: Path) -> str:
    """Where the site has its copy of a file of the repository, or its list of a folder."""
    name = f"repository/{path.relative_to(_ROOT).as_posix()}"
    if path.is_dir():
        return f"{name}/index.html"
    return f"{name}.txt" if path.suffix in _SHOWN - {".txt"} else name


def _relinked(text: str, folder: Path, page: str) -> str:
    """The text with its links led to where the site has their targets, as seen from this page."""

    def replaced(match: re.Match[str]) -> str:
        path = _target(match[2], folder)
        if path is None or not path.exists():
            return match[0]
        name = path.relative_to(_ROOT).as_posix()
        if path.is_relative_to(_DOCS):
            target = path.relative_to(_DOCS).as_posix()
        elif path == _ROOT:
            return match[0]
        else:
            target = {**_AS_PAGES, **_AS_ROOT}.get(name) or _copy_of(path)
        away = os.path.relpath(target, PurePosixPath(page).parent).replace(os.sep, "/")
        return f"{match[1]}{away}{match[3] or ''}{match[4]}"

    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(replaced, part) for part in parts)
