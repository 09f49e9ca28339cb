"""Frozen dataclasses as JSON and back, checked field by field against their types.

Results, options and reports are dataclasses; this is the one place that turns them into what `write_json` writes and
makes them again from what `read_json` reads. Tuples become lists, paths become texts, nested dataclasses become
objects. A class whose JSON looks otherwise states so itself: ``_as_json(self)`` returns the content, and the
classmethod ``_from_json(cls, content)`` makes the record again, which may raise ValueError, KeyError or TypeError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from epipose.errors import DamagedFileError
from epipose.io.files import AnyPath, read_json, write_json

T = TypeVar("T")


def as_json(record: object) -> Any:
    """The content of a dataclass (or of a container of them) as JSON: objects, lists, texts, numbers and null."""
    return _converter().unstructure(record)


def from_json(cls: type[T], content: Any, source: str | Path) -> T:
    """A dataclass from JSON content; ``source`` is the file that it was read from, for messages.

    Fields with a default may be absent, and what the class does not know is ignored. Raises DamagedFileError for
    content that lacks a field or has another type in it, and names the field.
    """
    from cattrs import transform_error  # takes a tenth of a second to import

    try:
        record = _converter().structure(content, cls)
        impossible = next(_impossible(content), None)
        if impossible is not None:
            raise ValueError(f"{str(impossible)[:30]} is no finite number of 64 bits")
        return record
    except Exception as error:  # cattrs groups whatever its parts raise
        wrong = "; ".join(transform_error(error)[:3])
        raise DamagedFileError(f"{source} does not hold what was expected ({cls.__name__}): {wrong}.") from error


def _impossible(content: Any) -> Iterator[int | float]:
    """Numbers of JSON that no record has: NaN, infinity, and those of more than 64 bits."""
    if isinstance(content, dict | list):
        for value in content.values() if isinstance(content, dict) else content:
            if type(value) is not float or not math.isfinite(value):
                yield from _impossible(value)
    elif (isinstance(content, float) and not math.isfinite(content)) or (
        isinstance(content, int) and not -(2**63) <= content < 2**63
    ):
        yield content


def checked(content: Any, kind: Any) -> Any:
    """JSON content as any type, such as ``dict[str, float | None]``; for ``_from_json``. Raises what cattrs raises."""
    return _converter().structure(content, kind)


def from_fields(cls: type[T], content: Any) -> T:
    """A dataclass from its fields as they are, for the ``_from_json`` of a class that only renames some of them."""
    from cattrs.gen import make_dict_structure_fn

    return cast(T, make_dict_structure_fn(cls, _converter())(content, cls))


def without_absent(record: Any) -> dict[str, object]:
    """The fields of a dataclass that are not None, by name, as JSON: for records with fields that may not apply."""
    values = ((each.name, getattr(record, each.name)) for each in fields(record))
    return {name: as_json(value) for name, value in values if value is not None}


def write_dataclass(path: AnyPath, record: object) -> None:
    """Write a dataclass as JSON, whole or not at all."""
    write_json(path, as_json(record))


def read_dataclass(cls: type[T], path: AnyPath) -> T:
    """Read a dataclass from JSON. Raises EpiposeError for a missing file, DamagedFileError for a damaged one."""
    return from_json(cls, read_json(path), Path(path))


@cache
def _converter() -> Any:
    """The converter with strict numbers and texts: "3" is no number and 3 is no text."""
    from cattrs import Converter
    from cattrs.strategies import configure_union_passthrough, use_class_methods

    converter = Converter(unstruct_collection_overrides={tuple: list})
    configure_union_passthrough(str | bool | int | float | None, converter)
    for kind, accepted in ((bool, bool), (int, int), (float, int | float), (str, str)):
        converter.register_structure_hook(kind, _strict(kind, accepted))
    converter.register_structure_hook(Path, lambda content, _: Path(_strict(str, str)(content, str)))
    converter.register_unstructure_hook(Path, str)
    use_class_methods(converter, "_from_json", "_as_json")
    return converter


def _strict(kind: type, accepted: Any) -> Callable[[Any, Any], Any]:
    """A hook that takes only values of the accepted types; booleans are no numbers."""

    def structured(content: Any, _: Any) -> Any:
        if not isinstance(content, accepted) or (isinstance(content, bool) and kind is not bool):
            raise ValueError(f"expected {kind.__name__}, got {content!r}")
        return cast(Any, kind)(content)

    return structured
