"""Reference of the Python API: signature and docstring of every public name, with examples, from the code itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import epipose
from benchmarks.docs.reference_examples import PYTHON
from epipose.skeleton import Skeleton

_HEAD = """\
# Public names

This page is written from signatures and docstrings by `python -m benchmarks.docs.reference`; [the Python
API](../api.md) says how the parts go together. Every name is one of the package: `epipose.load_clip`. The blocks
continue each other from top to bottom.

"""

_FUNCTIONS = (
    "load_clip",
    "detect",
    "synchronise",
    "calibrate",
    "label",
    "view",
    "export",
    "predict",
    "train",
    "refine",
)
_METRICS = ("evaluate", "mpjpe_mm", "nmpjpe_mm", "pmpjpe_mm")
_FIGURES = ("skeleton", "rig", "errors")
_ERRORS_PAGE = "[Errors by code](../errors.md) says what each means and what to do."
_SKELETONS = "Joint orders, by name; a `Skeleton` each."
_OPTIONS = (
    "Frozen records. The fields are the options of the verb of the same name, whose meaning is in [the options of every "
    "verb](command-line.md); functions take them as keywords, too."
)


def page() -> str:
    """The whole page. Its examples run in the tests, one after the other in one folder."""
    names = [name for name in epipose.__all__ if name not in ("__version__", "plot")]
    found = {name: getattr(epipose, name) for name in names}
    types = {name: item for name, item in found.items() if isinstance(item, type)}
    errors = [name for name, item in types.items() if issubclass(item, Exception)]
    options = [name for name in types if name.endswith("Options")]
    results = [name for name in types if name not in (*errors, *options)]
    groups = [
        ("Functions", "", [_function(name, found[name]) for name in _FUNCTIONS]),
        ("Evaluation", "", [_function(name, found[name]) for name in _METRICS]),
        ("Figures", "", [_function(f"plot.{name}", getattr(epipose.plot, name)) for name in _FIGURES]),
        ("Types", "", [_type(name, found[name]) for name in results]),
        ("Options", _OPTIONS, [_record(name, found[name]) for name in options]),
        ("Skeletons", _SKELETONS, [_skeletons(found)]),
        ("Errors", _ERRORS_PAGE, [_errors(errors, found)]),
    ]
    told = {*_FUNCTIONS, *_METRICS, *types, *(name for name in names if isinstance(found[name], Skeleton))}
    if told != set(names):
        raise ValueError(f"these public names are in no group of the page: {sorted(set(names) - told)}")
    parts = [f"## {title}\n\n{text + chr(10) * 2 if text else ''}" + "\n".join(items) for title, text, items in groups]
    return _HEAD + "\n".join(parts)


def _function(name: str, function: Any) -> str:
    return "\n".join([f"### {name}", "", *_block(_signature(name, function)), *_text(function), *_example(name)])


def _type(name: str, item: type) -> str:
    """Docstring, fields, and the public methods and properties that the class itself defines."""
    rows = [f"| `{_cell(shown)}` | {_cell(text)} |" for shown, text in _members(item)]
    table = ["| member | meaning |", "|---|---|", *rows, ""] if rows else []
    return "\n".join([f"### {name}", "", *_text(item), *_fields(item), *_example(name), *table])


def _record(name: str, item: type) -> str:
    return "\n".join([f"### {name}", "", *_text(item), *_fields(item)])


def _fields(item: type) -> list[str]:
    if not is_dataclass(item):
        return []
    lines = []
    for field in fields(item):
        if not field.name.startswith("_"):
            default = "" if field.default is MISSING else f" = {field.default!r}"
            lines.append(f"{field.name}: {_plain(str(field.type))}{default}")
    return _block("\n".join(lines)) if lines else []


def _members(item: type) -> Iterator[tuple[str, str]]:
    for name, member in vars(item).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield name, _first(member)
        elif isinstance(member, classmethod | staticmethod):
            yield _signature(name, getattr(item, name)), _first(member.__func__)
        elif inspect.isfunction(member):
            yield _signature(name, member, bound=True), _first(member)


def _skeletons(found: dict[str, Any]) -> str:
    rows = []
    for name, item in found.items():
        if isinstance(item, Skeleton):
            joints = ", ".join(item.joints) if len(item.joints) < 40 else "body, feet, face, hands"
            rows.append(f"| `{name}` | {len(item.joints)} | {joints} |")
    return "\n".join(["| skeleton | joints | names |", "|---|---:|---|", *rows, ""])


def _errors(names: list[str], found: dict[str, Any]) -> str:
    rows = [f"| `{name}` | `{found[name].code}` | {_cell(_first(found[name]))} |" for name in names]
    return "\n".join(["| class | code | meaning |", "|---|---|---|", *rows, ""])


def _signature(name: str, function: Any, bound: bool = False) -> str:
    """The call with its types, one parameter a line where it is long; default option records by their class alone."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[bound:]
    shown, star = [], False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            shown.append("*")
        star = star or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        shown.append(_parameter(parameter))
    returned = "" if signature.return_annotation is signature.empty else f" -> {_plain(signature.return_annotation)}"
    line = f"{name}({', '.join(shown)}){returned}"
    if len(line) <= 88 or bound:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in shown) + f"){returned}"


def _parameter(parameter: inspect.Parameter) -> str:
    star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    kind = "" if parameter.annotation is parameter.empty else f": {_plain(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return f"{star}{parameter.name}{kind}"
    default = parameter.default
    shown = f"{type(default).__name__}()" if is_dataclass(default) else repr(default)
    return f"{star}{parameter.name}{kind}{' = ' if kind else '='}{shown}"


def _plain(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return re.sub(r"\s+", " ", text)


def _text(item: Any) -> list[str]:
    return [_markdown(inspect.getdoc(item) or ""), ""]


def _first(item: Any) -> str:
    return " ".join(_markdown(inspect.cleandoc(item.__doc__ or "")).partition("\n\n")[0].split())


def _markdown(text: str) -> str:
    return text.replace("``", "`")


def _block(text: str) -> list[str]:
    return ["```text", text, "```", ""]


def _example(name: str) -> list[str]:
    return ["```python", PYTHON[name].strip(), "```", ""] if name in PYTHON else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
