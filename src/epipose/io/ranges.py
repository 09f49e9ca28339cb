"""Ranges of numeric options, declared beside the field and checked wherever an option record is made.

``height: Annotated[float, Range(least=0.5, most=2.5)] | None`` is one declaration for the command line, the keywords of
a function and the record in a folder: all three make the dataclass, and `OptionRecord` checks it when it is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from numbers import Real
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from epipose.errors import InputError


@dataclass(frozen=True)
class Range:
    """Finite numbers between two bounds, None for no bound; ``above`` and ``below`` are left out of the range.

    ``step``: whole numbers that are its multiples. ``unit`` follows the bounds; of metres, a message about a number that
    fits as centimetres says so.
    """

    least: float | int | None = None
    most: float | int | None = None
    above: float | int | None = None
    below: float | int | None = None
    step: int | None = None
    unit: str = ""

    def holds(self, value: float | int) -> bool:
        """Whether a number lies in the range; NaN and infinity never do."""
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (self.step is None or value % self.step == 0)
        )

    def __str__(self) -> str:
        low = [f"from {_plain(self.least)}"] if self.least is not None else []
        low += [f"above {_plain(self.above)}"] if self.above is not None else []
        high = [f"to {_plain(self.most)}"] if self.most is not None else []
        high += [f"{'to ' if low else ''}below {_plain(self.below)}"] if self.below is not None else []
        kind = "a number" if self.step is None else f"a multiple of {self.step}"
        return " ".join([kind if low or high else "a finite number", *low, *high, *([self.unit] if self.unit else [])])


# Ranges that several options share.
FINITE = Range()
SHARE = Range(least=0, most=1)
NOT_NEGATIVE = Range(least=0)
POSITIVE = Range(above=0)
COUNT = Range(least=1, most=10**9)
FROM_ZERO = Range(least=0, most=10**9)
PORTS = Range(least=1, most=65535)
SEEDS = Range(least=0, most=2**63 - 1)  # what every random generator takes
FACTORS = Range(least=0.01, most=100)
HEIGHTS = Range(least=0.5, most=2.5, unit="metres")
RATES = Range(above=0, most=100_000, unit="frames per second")

Seed = Annotated[int, SEEDS]
Count = Annotated[int, COUNT]
FromZero = Annotated[int, FROM_ZERO]
Share = Annotated[float, SHARE]
Finite = Annotated[float, FINITE]
Positive = Annotated[float, POSITIVE]
NotNegative = Annotated[float, NOT_NEGATIVE]
Factor = Annotated[float, FACTORS]
Height = Annotated[float, HEIGHTS]
Port = Annotated[int, PORTS]
FrameRate = Annotated[float, RATES]


class OptionRecord:
    """Base of option records: a dataclass whose numbers lie in the ranges that its fields declare.

    Raises InputError that names the field, when the record is made, whoever makes it.
    """

    def __post_init__(self) -> None:
        for name, hint in _hints(type(self)).items():
            check_value(name, getattr(self, name), hint)


def check_value(name: str, value: object, hint: object) -> None:
    """Raise InputError, which names the option, where a number (or one of several) is outside its declared range.

    ``hint`` is a type, as of a field; values of other types than numbers are left to whoever converts them.
    """
    for number, allowed in _numbers(value, hint):
        if not allowed.holds(number):
            of = "" if number is value else f", with {_plain(number)} in it"
            small = number / 100 if allowed.unit == "metres" else math.nan
            also = f" Were centimetres meant? Then give {_plain(small)}." if allowed.holds(small) else ""
            raise InputError(f"The option '{name}' is {_plain(value)}{of}; expected {allowed}.{also}")


def _plain(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _numbers(value: object, hint: Any) -> Iterator[tuple[float | int, Range]]:
    """The numbers in a value that have a range, each with it."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind is Annotated:
        ranges = [each for each in arguments[1:] if isinstance(each, Range)]
        if ranges and isinstance(value, Real) and not isinstance(value, bool):
            yield from ((value, each) for each in ranges)  # type: ignore[misc]
        else:
            yield from _numbers(value, arguments[0])
    elif kind is tuple:
        if isinstance(value, tuple | list):
            kinds = arguments[:1] * len(value) if arguments[-1:] == (Ellipsis,) else arguments
            for each, of in zip(value, kinds, strict=False):
                yield from _numbers(each, of)
    else:
        for argument in arguments:  # of a union; a choice of texts has no numbers
            yield from _numbers(value, argument) if get_origin(argument) or get_args(argument) else ()


@cache
def _hints(record: type) -> dict[str, Any]:
    """The types of a dataclass's fields with their ranges."""
    hints = get_type_hints(record, include_extras=True)
    return {field.name: hints[field.name] for field in fields(record)}  # type: ignore[arg-type]
