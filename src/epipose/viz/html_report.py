"""HTML report: one self-contained page of results, for readers who have not read the code.

Every number stands with its meaning, its reliability, and what to do about it. The page loads nothing, reads on a phone
and on paper, follows the reader's light or dark setting, and survives being mailed as a single file. It has no script,
but for a drawing that moves (`epipose.viz.report_top`).
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from epipose.io.files import AnyPath, replacing
from epipose.io.images import read_image
from epipose.viz.page_assets import asset

Trust = Literal["good", "fair", "poor"]


@dataclass(frozen=True)
class KeyNumber:
    """One number: ``label`` names it, ``meaning`` says in plain words what it is, ``advice`` what to do about it."""

    label: str
    value: str
    unit: str = ""
    meaning: str = ""
    trust: Trust | None = None
    advice: str = ""


_TRUST = {"good": "reliable", "fair": "use with care", "poor": "not reliable"}


class Report:
    """A page that grows from top to bottom; every method returns the report, so that calls chain.

    All texts are escaped: none is read as HTML. A blank line in a text starts a new paragraph.
    """

    def __init__(self, title: str, lead: str = "") -> None:
        """Start the page with its title and a lead text."""
        self.title = title
        self._parts = [f"<header><h1>{html.escape(title)}</h1>{_paragraphs(lead, 'lead')}</header>"]
        self._scripts, self._styles = list[str](), [asset("report.css")]
        self._folded = False

    def section(self, title: str, text: str = "", *, folded: bool = False) -> Report:
        """A heading, and text under it; ``folded``: what follows is hidden up to the next section, until asked for."""
        end, self._folded = "</details>" if self._folded else "", folded
        heading = f"<details><summary>{html.escape(title)}</summary>" if folded else f"<h2>{html.escape(title)}</h2>"
        self._parts.append(f"{end}{heading}{_paragraphs(text)}")
        return self

    def verdict(self, word: str, title: str, reasons: Sequence[str], advice: str, trust: Trust) -> Report:
        """The verdict in one word, large, with its meaning, the reasons, and what to do."""
        self._parts.append(
            f'<div class="verdict {trust}"><div class="word">{html.escape(word)}</div>'
            f'<div class="title">{html.escape(title)}</div>{_bullets(reasons)}{_paragraphs(advice)}</div>'
        )
        return self

    def points(self, points: Sequence[str]) -> Report:
        """Sentences as a bulleted list; nothing where there are none."""
        self._parts.append(_bullets(points))
        return self

    def terms(self, terms: Mapping[str, str]) -> Report:
        """A legend: each term with what it means."""
        entries = "".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in terms.items())
        self._parts.append(f"<dl>{entries}</dl>")
        return self

    def commands(self, commands: Mapping[str, str]) -> Report:
        """What one may want to do, each with the command that does it."""
        rows = (
            f"<dt>{html.escape(aim)}</dt><dd><code>{html.escape(line)}</code></dd>" for aim, line in commands.items()
        )
        self._parts.append(f'<dl class="commands">{"".join(rows)}</dl>')
        return self

    def moving(self, content: str, styles: Sequence[str] = (), scripts: Sequence[str] = ()) -> Report:
        """HTML with its own styles and scripts, taken as they are; so never pass a user's text that is not escaped."""
        self._parts.append(content)
        self._styles += styles
        self._scripts += scripts
        return self

    def key_numbers(self, key_numbers: Sequence[KeyNumber]) -> Report:
        """Numbers as a row of cards."""
        self._parts.append('<div class="numbers">' + "".join(_card(shown) for shown in key_numbers) + "</div>")
        return self

    def table(
        self,
        headers: Sequence[str],
        rows: Sequence[Sequence[str]],
        caption: str = "",
        links: Mapping[str, str] | None = None,
    ) -> Report:
        """A table of texts. One wider than the page scrolls; on a phone, rows of many columns become cards.

        ``links``: pages, relative to this one, to which cells of the first column lead, by their text.
        """
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in headers)
        body = "".join(_row(headers, row, links or {}) for row in rows)
        note = f"<caption>{html.escape(caption)}</caption>" if caption else ""
        self._parts.append(
            f'<div class="wide{" many" if len(headers) > 3 else ""}"><table>{note}<thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )
        return self

    def image(self, image: UInt8[np.ndarray, "height width 3"] | AnyPath, caption: str = "") -> Report:
        """An RGB image or an image file, embedded as JPEG. Raises DamagedFileError for a file that is no image."""
        pixels = image if isinstance(image, np.ndarray) else read_image(Path(image))
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=85, optimize=True)
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        height, width = pixels.shape[:2]
        source = f'src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="{html.escape(caption)}"'
        return self._framed(f"<img {source}>", caption)

    def diagram(self, svg: str, caption: str = "") -> Report:
        """Inline SVG from `epipose.viz.plots`; the one thing taken as it is, so never pass it a user's text."""
        return self._framed(svg, caption)

    def _framed(self, content: str, caption: str) -> Report:
        note = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._parts.append(f"<figure>{content}{note}</figure>")
        return self

    def html(self) -> str:
        """The whole page."""
        scripts = "".join(f"<script>{script}</script>" for script in self._scripts)
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.title)}</title><style>{''.join(self._styles)}</style></head>"
            f"<body><main>{''.join(self._parts)}{'</details>' if self._folded else ''}</main>{scripts}</body></html>\n"
        )

    def save(self, path: AnyPath) -> None:
        """Write the page, whole or not at all."""
        with replacing(Path(path)) as part:
            part.write_text(self.html(), encoding="utf-8")


def _paragraphs(text: str, style: str = "") -> str:
    mark = f' class="{style}"' if style else ""
    return "".join(f"<p{mark}>{html.escape(block.strip())}</p>" for block in text.split("\n\n") if block.strip())


def _bullets(points: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(point)}</li>" for point in points) + "</ul>" if points else ""


def _row(headers: Sequence[str], cells: Sequence[str], links: Mapping[str, str]) -> str:
    """Every cell knows its column's name, for where the page is too narrow to have columns."""
    texts = [html.escape(cell) for cell in cells]
    if cells and cells[0] in links:
        texts[0] = f'<a href="{html.escape(links[cells[0]])}">{texts[0]}</a>'
    marked = "".join(
        f'<td{" class=long" if len(cell) > 60 else ""} data-column="{html.escape(header)}">{text}</td>'
        for header, cell, text in zip(headers, cells, texts, strict=True)
    )
    return f"<tr>{marked}</tr>"


def _card(shown: KeyNumber) -> str:
    trust = f'<span class="trust {shown.trust}">{_TRUST[shown.trust]}</span>' if shown.trust else ""
    unit = f" <small>{html.escape(shown.unit)}</small>" if shown.unit else ""
    return (
        f'<div class="card"><div class="label">{html.escape(shown.label)}</div>'
        f'<div class="value">{html.escape(shown.value)}{unit}</div>{trust}{_paragraphs(shown.meaning)}'
        f"{_paragraphs(shown.advice, 'advice')}</div>"
    )
