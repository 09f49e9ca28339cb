"""Option records: frozen dataclasses that are command line, keyword arguments and saved record at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from epipose.errors import InputError

Options = TypeVar("Options")


def with_changes(options: Options, changes: Mapping[str, Any]) -> Options:
    """The options with some fields replaced, and every field of the type that the command line would have made.

    Texts are taken for paths, lists and arrays for tuples, whole numbers for floats, so that the same options are
    recorded alike however they were given. Raises InputError that names the nearest field for a name that is none, and
    for a value that the field cannot have.
    """
    known = [field.name for field in fields(options)]  # type: ignore[arg-type]
    for name in changes:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise InputError(
                f"There is no option '{name}'{f'; did you mean {near[0]}?' if near else '.'} "
                f"There are {', '.join(known)}."
            )
    hints = get_type_hints(type(options))
    values = {name: _checked(name, changes.get(name, getattr(options, name)), hints[name]) for name in known}
    return replace(options, **values)  # type: ignore[type-var]


def _checked(name: str, value: Any, hint: Any) -> Any:
    try:
        return _converted(value, hint)
    except (TypeError, ValueError) as error:
        raise InputError(f"The option '{name}' is {value!r}; expected {_described(hint)}.") from error


def _converted(value: Any, hint: Any) -> Any:
    """The value as an instance of a type; TypeError or ValueError for one that cannot be."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return _as_one_of(value, arguments)
    if kind is tuple:
        return _as_tuple(value, arguments)
    if hint is Path:
        return Path(value)
    if hint is int or hint is float:
        accepted = isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
        value = cast(Any, hint)(value) if accepted else value
    else:
        accepted = value in arguments if kind is Literal else isinstance(value, hint)
    if not accepted:
        raise TypeError(f"expected {_described(hint)}, got {value!r}")
    return value


def _as_one_of(value: Any, kinds: Iterable[Any]) -> Any:
    """The value as an instance of the first type that takes it."""
    for kind in kinds:
        try:
            return _converted(value, kind)
        except (TypeError, ValueError):
            continue
    raise TypeError(f"{value!r} is of another type")


def _as_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    """The value as a tuple, of any length where the types end with an ellipsis. A text is no tuple of its letters."""
    if isinstance(value, str):
        raise TypeError(f"{value!r} is one text")
    values = tuple(value)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(values)
    return tuple(_converted(each, kind) for each, kind in zip(values, kinds, strict=True))


def _described(hint: Any) -> str:
    """A type in words: its choices, or what it holds."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return " or ".join(_described(argument) for argument in arguments)
    if kind is Literal:
        return " or ".join(repr(argument) for argument in arguments)
    if kind is tuple and arguments[-1] is Ellipsis:
        return f"a list, each {_described(arguments[0])}"
    if kind is tuple:
        return f"{len(arguments)} values, each {_described(arguments[0])}"
    words = {NoneType: "None", Path: "a path", int: "a whole number", float: "a number", bool: "True or False"}
    return words.get(hint, "a text" if hint is str else str(hint))
