"""Lists of the code for the documents: packages by layer, and modules with the first sentence of their docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.docs.house import LAYERS
from benchmarks.docs.import_graph import Module, read_modules

_ROOT = Path(__file__).resolve().parents[2]


def layer_drawing() -> str:
    """The layers as a text drawing, top first: one box on another, each with its packages and root modules."""
    width = max(len("   ".join(layer)) for layer in LAYERS) + 4
    edge = f"+{'-' * width}+"
    boxes = [f"|{'   '.join(layer).center(width)}|\n{edge}" for layer in LAYERS]
    return "\n".join(["```text", edge, *boxes, "```"])


def package_table() -> str:
    """Packages and root modules of epipose in the order of the layers, each with its first docstring sentence."""
    modules = read_modules(_ROOT / "src" / "epipose")
    rows = ["| layer | package or module | content |", "|---:|---|---|"]
    for depth, layer in enumerate(LAYERS, 1):
        for name in layer:
            module = modules.get("epipose" if name == "__init__" else f"epipose.{name}")
            if module is not None:
                target = f"modules.md#{name}" if _is_package(module) else _link_target(module)
                rows.append(f"| {depth} | [`{name}`]({target}) | {summary(module)} |")
    return "\n".join(rows)


def module_lists() -> str:
    """Per package a heading, and its modules with their first docstring sentences; the benchmarks last."""
    modules = read_modules(_ROOT / "src" / "epipose")
    names = [name for layer in LAYERS for name in layer if _is_package(modules.get(f"epipose.{name}"))]
    parts = [_module_list(name, f"epipose.{name}", modules) for name in sorted(names)]
    return "\n\n".join([*parts, _module_list("benchmarks", "benchmarks", read_modules(_ROOT / "benchmarks"))])


def summary(module: Module) -> str:
    """First sentence of a module's docstring, as a cell of a table; empty where it has none."""
    paragraph = (ast.get_docstring(module.tree) or "").partition("\n\n")[0].replace("\n", " ")
    sentence = re.split(r"(?<!\bal\.)(?<=\.) (?=[A-Z])", paragraph)[0]
    return sentence.replace("``", "`").replace("|", "\\|")


def _is_package(module: Module | None) -> bool:
    return module is not None and module.path.name == "__init__.py" and "." in module.name


def _module_list(heading: str, package: str, modules: Mapping[str, Module]) -> str:
    rows = ["| module | content |", "|---|---|", *_rows(package, modules)]
    return "\n".join([f"## {heading}", "", summary(modules[package]), "", *rows])


def _rows(package: str, modules: Mapping[str, Module]) -> Iterator[str]:
    for name, module in modules.items():
        if name.startswith(f"{package}.") and module.path.name != "__init__.py":
            short = name.removeprefix(f"{package}.").replace(".", "/")
            yield f"| [`{short}`]({_link_target(module)}) | {summary(module)} |"


def _link_target(module: Module) -> str:
    """The module's file, as seen from docs/."""
    return f"../{module.path.relative_to(_ROOT).as_posix()}"
