"""HTML report: one self-contained page of results, for readers who have not read the code.

Every number stands with its meaning and its reliability. The page has no script and loads nothing, reads on a phone,
follows the reader's light or dark setting, and survives being mailed as a single file.
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

Trust = Literal["good", "fair", "poor"]


@dataclass(frozen=True)
class KeyNumber:
    """One number: ``label`` names it, ``meaning`` says in plain words what it is and how reliable."""

    label: str
    value: str
    unit: str = ""
    meaning: str = ""
    trust: Trust | None = None


_TRUST = {"good": "reliable", "fair": "use with care", "poor": "not reliable"}


class Report:
    """A page that grows from top to bottom; every method returns the report, so that calls chain.

    All texts are escaped: none is read as HTML. A blank line in a text starts a new paragraph.
    """

    def __init__(self, title: str, lead: str = "") -> None:
        """Start the page with its title and a lead text."""
        self.title = title
        self._parts = [f"<header><h1>{html.escape(title)}</h1>{_paragraphs(lead, 'lead')}</header>"]

    def section(self, title: str, text: str = "") -> Report:
        """A heading, and text under it."""
        self._parts.append(f"<h2>{html.escape(title)}</h2>{_paragraphs(text)}")
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
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.title)}</title><style>{_STYLE}</style></head>"
            f"<body><main>{''.join(self._parts)}</main></body></html>\n"
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
        f'<div class="value">{html.escape(shown.value)}{unit}</div>{trust}{_paragraphs(shown.meaning)}</div>'
    )


_STYLE = """
:root{color-scheme:light dark;--page:#fbfbfa;--ink:#1d2127;--soft:#59616d;--line:#e1e3e7;--card:#fff;
--good:#167a48;--fair:#8f5f00;--poor:#b3261e}
@media(prefers-color-scheme:dark){:root{--page:#16181c;--ink:#e7e9ec;--soft:#a2a9b4;--line:#31353c;--card:#1e2126;
--good:#63cf95;--fair:#e6b450;--poor:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .6rem;letter-spacing:-.01em}
h2{font-size:1.25rem;margin:2.6rem 0 .5rem;padding-top:1.2rem;border-top:1px solid var(--line)}
p{margin:.5rem 0;max-width:46rem}
ul{margin:.6rem 0;padding-left:1.2rem;max-width:46rem}
li{margin:.3rem 0}
dt{font-weight:600;margin-top:.7rem}
dd{margin:.1rem 0 0;max-width:46rem;color:var(--soft)}
.lead{font-size:1.1rem;color:var(--soft)}
.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15.5rem),1fr));gap:.8rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.9rem 1rem}
.label{font-size:.9rem;color:var(--soft)}
.value{font-size:1.9rem;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.value small{font-size:1rem;font-weight:400;color:var(--soft)}
.card p{font-size:.9rem;line-height:1.45;margin:.45rem 0 0}
.trust{display:inline-block;font-size:.78rem;font-weight:600;border:1px solid;border-radius:1rem;padding:.05rem .55rem}
.good{color:var(--good)}.fair{color:var(--fair)}.poor{color:var(--poor)}
.verdict{background:var(--card);border:1px solid var(--line);border-left:.55rem solid;border-radius:.6rem;
padding:1rem 1.3rem;margin:1.4rem 0}
.verdict.good,.verdict.fair,.verdict.poor{border-top-color:var(--line);border-right-color:var(--line);
border-bottom-color:var(--line)}
.word{font-size:2.9rem;line-height:1.1;font-weight:750;letter-spacing:-.02em}
.title{font-size:1.15rem;font-weight:600;margin-top:.3rem;color:var(--ink)}
.verdict ul,.verdict p{color:var(--ink)}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.93rem;min-width:60%;font-variant-numeric:tabular-nums}
caption{caption-side:bottom;text-align:left;color:var(--soft);font-size:.88rem;padding-top:.5rem}
th,td{text-align:left;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-size:.85rem;color:var(--soft);font-weight:600}
figure{margin:1.2rem 0}
img{display:block;max-width:100%;height:auto;border-radius:.4rem}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.45rem;max-width:46rem}
@media(max-width:30rem){main{padding-top:1.5rem}h1{font-size:1.5rem}.value{font-size:1.6rem}}
@media screen and (max-width:44rem){
.many table,.many tbody,.many tr,.many td,.many caption{display:block}
.many thead{display:none}
.many tr{border:1px solid var(--line);border-radius:.6rem;background:var(--card);padding:.5rem .9rem;margin:.6rem 0}
.many td{border:0;padding:.15rem 0;display:flex;justify-content:space-between;gap:1.2rem;text-align:right}
.many td::before{content:attr(data-column);color:var(--soft);text-align:left;flex:none;max-width:45%}
.many td:first-child{font-weight:650}.many td:first-child::before{content:none}
.many td.long{display:block;text-align:left}.many td.long::before{display:block;max-width:none}
.many td:empty{display:none}}
@media print{body{background:none}.card,figure,tr{break-inside:avoid}}
"""
