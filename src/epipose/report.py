"""One self-contained HTML page of results, for readers who have not read the code.

Every number stands with what it means and how far to trust it. The page has no script and loads nothing, reads on a
phone, follows the reader's light or dark setting, and survives being mailed as a single file.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from epipose.files import replacing
from epipose.video import read_image


@dataclass(frozen=True)
class Figure:
    """One number: ``label`` names it, ``meaning`` says in plain words what it is and how far to trust it."""

    label: str
    value: str
    unit: str = ""
    meaning: str = ""
    trust: Literal["good", "fair", "poor"] | None = None


_TRUST = {"good": "trust it", "fair": "trust it with care", "poor": "do not rely on it"}


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

    def figures(self, figures: Sequence[Figure]) -> Report:
        """Numbers as a row of cards."""
        self._parts.append('<div class="figures">' + "".join(_card(figure) for figure in figures) + "</div>")
        return self

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> Report:
        """A table of texts. A table wider than the page scrolls on its own."""
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in headers)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        note = f"<caption>{html.escape(caption)}</caption>" if caption else ""
        self._parts.append(
            f'<div class="wide"><table>{note}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )
        return self

    def picture(self, picture: UInt8[np.ndarray, "height width 3"] | Path, caption: str = "") -> Report:
        """An RGB picture or an image file, embedded as JPEG. A file that is no picture raises EpiposeError."""
        pixels = read_image(picture) if isinstance(picture, Path) else picture
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=85, optimize=True)
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        height, width = pixels.shape[:2]
        source = f'src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="{html.escape(caption)}"'
        return self._framed(f"<img {source}>", caption)

    def diagram(self, svg: str, caption: str = "") -> Report:
        """Inline SVG from `epipose.plots`; the one thing taken as it is, so never pass it a user's text."""
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

    def save(self, path: Path) -> None:
        """Write the page, whole or not at all."""
        with replacing(path) as part:
            part.write_text(self.html(), encoding="utf-8")


def _paragraphs(text: str, style: str = "") -> str:
    mark = f' class="{style}"' if style else ""
    return "".join(f"<p{mark}>{html.escape(block.strip())}</p>" for block in text.split("\n\n") if block.strip())


def _card(figure: Figure) -> str:
    trust = f'<span class="trust {figure.trust}">{_TRUST[figure.trust]}</span>' if figure.trust else ""
    unit = f" <small>{html.escape(figure.unit)}</small>" if figure.unit else ""
    return (
        f'<div class="card"><div class="label">{html.escape(figure.label)}</div>'
        f'<div class="value">{html.escape(figure.value)}{unit}</div>{trust}{_paragraphs(figure.meaning)}</div>'
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
.lead{font-size:1.1rem;color:var(--soft)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15.5rem),1fr));gap:.8rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.9rem 1rem}
.label{font-size:.9rem;color:var(--soft)}
.value{font-size:1.9rem;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.value small{font-size:1rem;font-weight:400;color:var(--soft)}
.card p{font-size:.9rem;line-height:1.45;margin:.45rem 0 0}
.trust{display:inline-block;font-size:.78rem;font-weight:600;border:1px solid;border-radius:1rem;padding:.05rem .55rem}
.good{color:var(--good)}.fair{color:var(--fair)}.poor{color:var(--poor)}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.93rem;min-width:60%;font-variant-numeric:tabular-nums}
caption{caption-side:bottom;text-align:left;color:var(--soft);font-size:.88rem;padding-top:.5rem}
th,td{text-align:left;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-size:.85rem;color:var(--soft);font-weight:600}
figure{margin:1.2rem 0}
img{display:block;max-width:100%;height:auto;border-radius:.4rem}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.45rem;max-width:46rem}
@media(max-width:30rem){main{padding-top:1.5rem}h1{font-size:1.5rem}.value{font-size:1.6rem}}
@media print{body{background:none}.card,figure,tr{break-inside:avoid}}
"""
