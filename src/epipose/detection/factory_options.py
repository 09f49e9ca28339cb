"""Keywords of a detector's factory, given as texts: checked against its signature and made into what it takes."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from epipose.errors import InputError

T = TypeVar("T")

_POSITIONAL = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parsed_options(options: Sequence[str]) -> dict[str, str]:
    """``("device=cuda", "threads=4")`` by key. Raises InputError for a text without "=", and for a key given twice."""
    found: dict[str, str] = {}
    for text in options:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise InputError(f"--detector-option {text}: expected KEY=VALUE, such as device=cuda or threads=4.")
        if key in found:
            raise InputError(f"--detector-option {key} is given twice, as {found[key]} and as {value}. Give it once.")
        found[key] = value.strip()
    return found


def built(name: str, factory: Callable[..., T], options: Mapping[str, str]) -> T:
    """What the factory makes, called with the options as values of the types in its signature.

    Raises InputError for a keyword that the factory does not take, and names those it takes; for a value of another
    type; and for a keyword that it must have and that is not given.
    """
    parameters = inspect.signature(factory).parameters
    known = {key: each for key, each in parameters.items() if each.kind not in (*_POSITIONAL, each.VAR_KEYWORD)}
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    unknown = [] if open_ended else [key for key in options if key not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        meant = f"; did you mean {near[0]}?" if near else "."
        raise InputError(f"Detector {name} has no option '{unknown[0]}'{meant} It takes {described(factory)}.")
    missing = [key for key, each in known.items() if each.default is each.empty and key not in options]
    if missing:
        raise InputError(f"Detector {name} needs {', '.join(missing)}: --detector-option {missing[0]}=VALUE")
    hints = _hints(factory)
    values = {key: _value(name, key, text, _wanted(known.get(key), hints.get(key))) for key, text in options.items()}
    return factory(**values)


def described(factory: Callable[..., object]) -> str:
    """The keywords that a factory takes, with those defaults that are not empty, in words."""
    words = []
    for key, each in inspect.signature(factory).parameters.items():
        if each.kind is each.VAR_KEYWORD:
            words.append("any keyword")
        elif each.kind not in _POSITIONAL:
            words.append(key if each.default in (each.empty, None, "") else f"{key} ({each.default})")
    return ", ".join(words) or "no options"


def _hints(factory: Callable[..., object]) -> Mapping[str, Any]:
    try:
        return get_type_hints(factory.__init__ if isinstance(factory, type) else factory)
    except (NameError, TypeError, AttributeError):  # annotations that only a type checker can resolve
        return {}


def _wanted(parameter: inspect.Parameter | None, hint: Any) -> Any:
    """The type of a keyword: as annotated, else that of its default, else a text."""
    if hint is not None or parameter is None or parameter.default in (parameter.empty, None):
        return str if hint is None else hint
    return type(parameter.default)


def _value(name: str, key: str, text: str, hint: Any) -> Any:
    try:
        return _converted(text, hint)
    except ValueError as error:
        raise InputError(f"Detector {name}: the option {key} is '{text}'; expected {_words(hint)}.") from error


def _converted(text: str, hint: Any) -> Any:
    """A text as a value of a type; ValueError where it is none. A text of a type unknown here stays as it is."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return _as_one_of(text, arguments)
    if kind is Literal:
        return next(each for each in arguments if str(each) == text) if text in map(str, arguments) else _refuse(text)
    if hint is NoneType:
        return None if text.lower() == "none" else _refuse(text)
    if hint is bool:
        return _BOOLEANS[text.lower()] if text.lower() in _BOOLEANS else _refuse(text)
    return hint(text) if hint in (int, float, Path) else text


def _as_one_of(text: str, kinds: Sequence[Any]) -> Any:
    """The text as the first of some types that takes it; None is tried first, and texts last."""
    for kind in sorted(kinds, key=lambda kind: (kind is str, kind is not NoneType)):
        try:
            return _converted(text, kind)
        except ValueError:
            continue
    return _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(str(each) for each in get_args(hint))
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(hint, str(hint))
