"""Links of the built site: every one within it must lead to a file and, where it names one, to an anchor in that file.

What a page would fetch from elsewhere when it is opened counts as broken as well: the site works without a network.
"""

from __future__ import annotations

import functools
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_FETCHED = {"script": "src", "img": "src", "iframe": "src", "video": "src", "source": "src"}
_FETCHED_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload"}


class Link(NamedTuple):
    """Where a page links to, and whether a browser fetches it by itself."""

    target: str
    fetched: bool


class Checked(NamedTuple):
    """Links within the site that were followed, and those that lead nowhere, each with its page."""

    links: int
    broken: tuple[str, ...]


class _Page(HTMLParser):
    """Links and anchors of one HTML page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag in _FETCHED and found.get(_FETCHED[tag]):
            self.links.append(Link(found[_FETCHED[tag]], True))
        elif tag in ("a", "link") and "href" in found:
            relations = set(found.get("rel", "").split())
            self.links.append(Link(found["href"], tag == "link" and bool(relations & _FETCHED_RELATIONS)))


def check(site: Path) -> Checked:
    """Follow every link of every page of a built site."""
    read = functools.lru_cache(maxsize=None)(_read)
    followed, broken = 0, []
    for path in sorted(site.rglob("*.html")):
        for link in read(path).links if path.name != "404.html" else ():
            parts = urlsplit(link.target)
            if parts.scheme or parts.netloc:
                if link.fetched and parts.scheme != "data":
                    broken.append(f"{path.relative_to(site)} fetches {link.target}")
                continue
            followed += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            lost = parts.fragment and target.suffix == ".html" and target.exists()
            if not target.exists() or (lost and unquote(parts.fragment) not in {*read(target).anchors, "__skip"}):
                broken.append(f"{path.relative_to(site)}: {link.target}")
    return Checked(followed, tuple(broken))


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page
