"""OpenCV's FileStorage (YAML, XML, JSON) read as Python's own types: numbers, texts, lists, maps, matrices as rows.

OpenCV's own reader is not used: a damaged file can end the process in it. This one reads what FileStorage and programs
beside it (ROS, EasyMocap) write: of YAML, blocks by indentation, lists and maps in brackets, and OpenCV's tag for
matrices; neither anchors nor texts over several lines.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path

from epipose.io.files import AnyPath
from epipose.io.guard import reads

_SPECIAL = {".nan": "nan", ".inf": "inf", "-.inf": "-inf", "+.inf": "inf"}
_TOKEN = re.compile(r'"[^"]*"|[^\s,\[\]{}:][^,\[\]{}]*|[\[\]{},:]')
_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s"'\[{\-#][^:]*?|-[^\s:][^:]*?)\s*:(?:\s+(.*))?$""")
_MATRIX = {"rows", "cols", "data"}  # keys of a matrix


class Number(float):
    """A number that still knows how the file writes it, for names such as 01."""

    def __new__(cls, text: str) -> Number:
        """The number that a text stands for; ValueError for none."""
        number = super().__new__(cls, _SPECIAL.get(text.lower(), text))
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text

    text: str


@reads("a file of OpenCV's FileStorage", "Write it again or give another file.")
def read_storage(path: AnyPath) -> Mapping[str, object]:
    """What a file holds by name; raises DamagedFileError for what is no FileStorage.

    Values are `Number`, str, lists and maps; a matrix is a list of rows.
    """
    text = Path(path).read_text(encoding="utf-8-sig")
    start = text.lstrip()[:1]
    content = _of_xml(text) if start == "<" else _of_json(text) if start == "{" else _of_yaml(text)
    if not isinstance(content, dict):
        raise ValueError("it has no names at its outermost level")
    return content


def _of_json(text: str) -> object:
    return _with_matrices(json.loads(text, parse_int=Number, parse_float=Number))


def _with_matrices(value: object) -> object:
    """Maps that describe a matrix, at any depth, as its rows."""
    if isinstance(value, list):
        return [_with_matrices(one) for one in value]
    if not isinstance(value, dict):
        return value
    entries = {str(key): _with_matrices(one) for key, one in value.items()}
    if {"sizes", "data"} <= set(entries):  # of any number of dimensions: a list
        return entries["data"] if isinstance(entries["data"], list) else [entries["data"]]
    return _rows(entries) if set(entries) >= _MATRIX else entries


def _rows(entries: Mapping[str, object]) -> list[object]:
    """A matrix as rows; one of several channels as one long row."""
    data, (rows, columns) = entries["data"], (int(float(str(entries[key]))) for key in ("rows", "cols"))
    if not isinstance(data, list) or rows < 0 or columns < 0:
        raise ValueError("a matrix has no list of numbers")
    if len(data) == rows * columns:
        return [data[start : start + columns] for start in range(0, len(data), max(1, columns))]
    if rows * columns and len(data) % (rows * columns) == 0:
        return [data]
    raise ValueError(f"a matrix of {rows} x {columns} has {len(data)} numbers")


def _of_xml(text: str) -> object:
    return _with_matrices(_of_element(ElementTree.fromstring(text)))


def _of_element(node: ElementTree.Element) -> object:
    if len(node):
        if all(child.tag == "_" for child in node):
            return [_of_element(child) for child in node]
        entries = {child.tag: _of_element(child) for child in node}
        data = entries.get("data")
        return {**entries, "data": data if isinstance(data, list) else [data]} if "data" in entries else entries
    words = [_scalar(word) for word in re.findall(r'"[^"]*"|\S+', node.text or "")]
    return words[0] if len(words) == 1 else words


def _of_yaml(text: str) -> object:
    lines = _logical_lines(text)
    value, after = _block(lines, 0, lines[0][0]) if lines else ({}, 0)
    if after < len(lines):
        raise ValueError(f"'{lines[after][1][:40]}' is indented otherwise")
    return _with_matrices(value)


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Indentation and text of every line; lists and maps in brackets are joined to one line."""
    lines: list[tuple[int, str]] = []
    pending, depth, indent = "", 0, 0
    for line in text.splitlines():
        line = line.expandtabs(4)
        if not depth and (not line.strip() or line.startswith(("%", "---", "...")) or line.lstrip().startswith("#")):
            continue
        if not depth:
            indent = len(line) - len(line.lstrip())
        pending = f"{pending} {line.strip()}".strip()
        outside = re.sub(r'"[^"]*"', "", line)
        depth += sum(outside.count(mark) for mark in "[{") - sum(outside.count(mark) for mark in "]}")
        if depth <= 0:
            lines.append((indent, pending))
            pending, depth = "", 0
    if depth:
        raise ValueError(f"a bracket is not closed: {pending[:60]}")
    return lines


def _block(lines: Sequence[tuple[int, str]], at: int, indent: int) -> tuple[object, int]:
    """The list or map that begins at a line, and the line after it."""
    if re.match(r"-(\s|$)", lines[at][1]):
        items = []
        while at < len(lines) and lines[at][0] == indent and re.match(r"-(\s|$)", lines[at][1]):
            items.append(_inline(lines[at][1][1:].strip()))
            at += 1
        return items, at
    entries: dict[str, object] = {}
    while at < len(lines) and lines[at][0] == indent:
        found = _KEY.match(lines[at][1])
        if not found:
            raise ValueError(f"expected 'name: value', got '{lines[at][1][:60]}'")
        key, value = str(_unquoted(found.group(1))), re.sub(r"^!!\S+\s*", "", found.group(2) or "")
        at += 1
        begins = at < len(lines) and (lines[at][0] > indent or (lines[at][0] == indent and lines[at][1][:2] == "- "))
        if not value and begins:
            entries[key], at = _block(lines, at, lines[at][0])
        else:
            entries[key] = _inline(value)
    return entries, at


def _inline(text: str) -> object:
    """A value on one line: a scalar, or a list or map in brackets."""
    if not text.startswith(("[", "{")):
        return _scalar(text)
    tokens = [token.strip() for token in _TOKEN.findall(text)]
    value, after = _flow(tokens, 0)
    if after != len(tokens):
        raise ValueError(f"there is something after '{text[:40]}'")
    return value


def _flow(tokens: Sequence[str], at: int) -> tuple[object, int]:
    """The value that begins at a token, and the token after it."""
    if tokens[at] not in "[{":
        return _scalar(tokens[at]), at + 1
    closing, at, items = {"[": "]", "{": "}"}[tokens[at]], at + 1, []
    while tokens[at] != closing:
        value, at = _flow(tokens, at)
        items.append(value)
        if tokens[at] == ",":
            at += 1
    if closing == "]":
        return items, at + 1
    pairs = (str(item).partition(":") for item in items)
    return {str(_unquoted(key.strip())): _scalar(value.strip()) for key, _, value in pairs}, at + 1


def _scalar(text: str) -> object:
    text = text.strip()
    quoted = re.fullmatch(r"""("[^"]*"|'[^']*')\s*(#.*)?""", text)
    if quoted:
        return _unquoted(quoted.group(1))
    text = re.sub(r"\s+#.*$", "", text)
    try:
        return Number(text)
    except ValueError:
        return text


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
