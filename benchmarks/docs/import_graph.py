"""Import graph of a package, read from its source: modules, imports, layers, cycles and the longest chain.

Nothing is executed. An import inside a function counts like one at the head of a module, and so does a string that is
the full name of a module ("package.module" or "package.module:name"), because that is how registries import lazily. An
import under ``if TYPE_CHECKING`` is not executed and does not count. Packages that are run on the way to an imported
module are not counted as imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, where it lies, its syntax tree and number of lines."""

    name: str
    path: Path
    tree: ast.Module
    lines: int


@dataclass(frozen=True, order=True)
class Import:
    """One import statement (or lazy import by name) between two modules of the package."""

    source: str
    line: int
    target: str


def read_modules(folder: Path) -> dict[str, Module]:
    """Every module under a package's folder by dotted name; a package's ``__init__`` has the name of the package."""
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        modules[name] = Module(name, path, ast.parse(text, str(path)), len(text.splitlines()))
    return modules


def imports_of(modules: Mapping[str, Module]) -> list[Import]:
    """Every import between these modules, in-function ones included, sorted by importer and line."""
    found = set()
    for module in modules.values():
        for node in _executed(module.tree):
            for target in _targets(node, module, modules):
                if target != module.name:
                    found.add(Import(module.name, getattr(node, "lineno", 0), target))
    return sorted(found)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    yield node
    skipped: Sequence[ast.AST] = node.body if isinstance(node, ast.If) and _type_checking(node.test) else ()
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield from _executed(child)


def _type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _targets(node: ast.AST, module: Module, modules: Mapping[str, Module]) -> list[str]:
    """The modules that a statement or a constant imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in modules]
    if isinstance(node, ast.ImportFrom):
        base = _absolute(node, module)
        inner = {alias.name: f"{base}.{alias.name}" for alias in node.names}
        named = [full if full in modules else base for full in inner.values()]
        return [name for name in dict.fromkeys(named) if name in modules]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        name = node.value.partition(":")[0]
        return [name] if "." in name and name in modules else []
    return []


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    """The full name of what a ``from`` statement imports from."""
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    up = node.level - (module.path.name == "__init__.py")
    return ".".join(parts[: len(parts) - up] + ([node.module] if node.module else []))


def node_of(module: str) -> str:
    """The top-level package or root module that a module belongs to; the root's own ``__init__`` is a node, too."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def nodes_of(modules: Mapping[str, Module]) -> dict[str, list[str]]:
    """Top-level packages and root modules, each with the modules in it."""
    nodes: dict[str, list[str]] = {}
    for name in modules:
        nodes.setdefault(node_of(name), []).append(name)
    return nodes


def against_layers(imports: Sequence[Import], layers: Sequence[Sequence[str]]) -> list[Import]:
    """Imports that do not go from a layer to one below it. A node that is in no layer may not import nor be imported."""
    level = {node: depth for depth, layer in enumerate(layers) for node in layer}
    return [
        found
        for found in imports
        if (source := node_of(found.source)) != (target := node_of(found.target))
        and not (source in level and target in level and level[source] < level[target])
    ]


def cycles(imports: Sequence[Import]) -> list[list[str]]:
    """Strongly connected components with more than one module, each sorted (Tarjan 1972)."""
    graph = _adjacency((found.source, found.target) for found in imports)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for after in graph[node]:
            if after not in index:
                visit(after)
            if after in stack:
                low[node] = min(low[node], low[after])
        if low[node] == index[node]:
            at = stack.index(node)
            components.append(sorted(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in index:
            visit(node)
    return sorted(component for component in components if len(component) > 1)


def longest_chain(imports: Sequence[Import], nodes: Sequence[str]) -> list[str]:
    """The longest chain of nodes, each of which imports the next, top first. The imports must have no cycle of nodes."""
    graph = _adjacency((node_of(found.source), node_of(found.target)) for found in imports)
    longest: dict[str, list[str]] = {}

    def chain(node: str) -> list[str]:
        if node not in longest:
            below = [chain(after) for after in sorted(graph.get(node, ()))]
            longest[node] = [node, *max(below, key=len, default=[])]
        return longest[node]

    return max((chain(node) for node in nodes), key=len, default=[])


def _adjacency(edges: Iterator[tuple[str, str]]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for source, target in edges:
        graph.setdefault(source, set())
        graph.setdefault(target, set())
        if source != target:
            graph[source].add(target)
    return graph
