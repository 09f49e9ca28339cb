"""Functions of a module as its source declares them: length, whether public, annotations.

Public is what every name on the way says: a function or method in no function, neither it nor its class with a leading
underscore. Special methods such as ``__init__`` are public.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """One function or method: its qualified name in its module, its node, whether it is public, whether in a class."""

    name: str
    node: FunctionNode
    public: bool
    method: bool

    @property
    def lines(self) -> int:
        """From the line of its ``def`` to its last, docstring and comments included, decorators not."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1


def functions_in(tree: ast.Module) -> Iterator[Function]:
    """Every function of a module, nested ones and those of classes included."""
    yield from _functions(tree, "", public=True, in_class=False)


def _functions(parent: ast.AST, prefix: str, public: bool, in_class: bool) -> Iterator[Function]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, FunctionNode):
            shown = public and _public(node.name)
            yield Function(prefix + node.name, node, shown, in_class)
            yield from _functions(node, f"{prefix}{node.name}.", public=False, in_class=False)
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.", public and _public(node.name), in_class=True)
        else:
            yield from _functions(node, prefix, public, in_class)


def _public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def unannotated(function: Function) -> list[str]:
    """Parameters without annotation, and "return" where that has none. What a method is bound to needs none."""
    arguments = function.node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    decorators = {ast.unparse(decorator) for decorator in function.node.decorator_list}
    bound = function.method and "staticmethod" not in decorators
    rest = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    missing = [
        argument.arg for argument in [*positional[bound:], *arguments.kwonlyargs, *rest] if argument.annotation is None
    ]
    return missing + (["return"] if function.node.returns is None else [])


def is_loose(annotation: ast.AST | None, aliases: Container[str] = ()) -> bool:
    """Whether an annotation has a bare ``dict``, a ``dict`` with ``Any`` in its values, or one of these aliases."""
    if annotation is None:
        return False
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return is_loose(ast.parse(annotation.value, mode="eval").body, aliases)
        except SyntaxError:  # the shape of an array
            return False
    if isinstance(annotation, ast.Subscript) and _is_dict(annotation.value):
        return any(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(annotation.slice)) or is_loose(
            annotation.slice, aliases
        )
    if _is_dict(annotation) or (isinstance(annotation, ast.Name) and annotation.id in aliases):
        return True
    return any(is_loose(child, aliases) for child in ast.iter_child_nodes(annotation))


def _is_dict(node: ast.AST) -> bool:
    return ast.unparse(node) in ("dict", "Dict", "typing.Dict")


def loose_aliases(trees: Iterable[ast.Module]) -> set[str]:
    """Names of type aliases at the head of modules that stand for a loose dict."""
    found = set()
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
                names = node.targets
            elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias"):
                names = [node.target]
            else:
                continue
            if is_loose(node.value):
                found |= {name.id for name in names if isinstance(name, ast.Name)}
    return found
