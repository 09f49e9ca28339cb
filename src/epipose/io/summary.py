"""One-line and HTML summaries of results, for consoles and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def one_line(kind: str, facts: Mapping[str, str]) -> str:
    """``Kind(what: value, ...)``; a fact without a name stands for itself."""
    return f"{kind}({', '.join(f'{name} {value}'.strip() for name, value in facts.items())})"


def html_table(kind: str, facts: Mapping[str, str]) -> str:
    """The same as a table of two columns; names and values are escaped."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f"<table><caption>{escape(kind)}</caption>{rows}</table>"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
