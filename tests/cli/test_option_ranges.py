"""Every numeric option of every verb has a declared range, and the command line refuses what lies outside of it."""

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

from epipose.calibration.rig_options import RigOptions
from epipose.cli import main as command_line
from epipose.io.ranges import OptionRecord, Range

VERBS = {get_args(verb)[1].name: get_args(verb)[0] for verb in get_args(command_line._Verb)}


def options_of(record: type) -> Iterator[tuple[str, Any]]:
    """Names and types of all options of a verb, those of its option records among them."""
    hints = get_type_hints(record, include_extras=True)
    for field in fields(record):
        kind = hints[field.name]
        inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if is_dataclass(inner):
            assert isinstance(inner, type)
            yield from options_of(inner)
        else:
            yield field.name, kind


def numbers_in(hint: Any, allowed: Range | None = None) -> Iterator[Range | None]:
    """The range, or None, of every number in a type."""
    if get_origin(hint) is Annotated:
        ranges = [each for each in get_args(hint)[1:] if isinstance(each, Range)]
        yield from numbers_in(get_args(hint)[0], ranges[0] if ranges else allowed)
    elif hint in (int, float):
        yield allowed
    else:
        for argument in get_args(hint):
            if argument not in (Ellipsis, NoneType) and not isinstance(argument, str):
                yield from numbers_in(argument, allowed)


NUMERIC = [
    (verb, name, kind) for verb, record in VERBS.items() for name, kind in options_of(record) if list(numbers_in(kind))
]


def test_the_verbs_have_numeric_options() -> None:
    assert len(VERBS) >= 16
    assert len({name for _, name, _ in NUMERIC}) >= 40


def test_every_numeric_option_has_a_range() -> None:
    missing = {f"{verb} {name}" for verb, name, kind in NUMERIC if None in numbers_in(kind)}
    assert not missing
    assert all(None not in numbers_in(kind) for _, kind in options_of(RigOptions))


def test_every_record_of_options_checks_itself() -> None:
    def records(record: type) -> Iterator[type]:
        yield record
        for field in fields(record):
            if is_dataclass(field.default):
                yield from records(type(field.default))
            elif field.default_factory is not MISSING and is_dataclass(made := field.default_factory()):
                yield from records(type(made))

    assert {each for verb in VERBS.values() for each in records(verb) if not issubclass(each, OptionRecord)} == set()


def outside(allowed: Range, whole: bool) -> list[str]:
    """Words of the command line for numbers outside of a range."""
    below = allowed.least - 1 if allowed.least is not None else allowed.above
    over = allowed.most + 1 if allowed.most is not None else allowed.below
    numbers = [number for number in (below, over) if number is not None]
    words = [str(int(number)) if whole else repr(float(number)) for number in numbers]
    return words if whole else [*words, "nan", "inf"]


@pytest.mark.parametrize(("verb", "name", "kind"), NUMERIC, ids=[f"{verb} {name}" for verb, name, _ in NUMERIC])
def test_the_command_line_refuses_numbers_outside_the_range(
    verb: str, name: str, kind: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = next(iter(numbers_in(kind)))
    assert allowed is not None
    whole = "int" in str(kind)
    pair = "tuple" in str(kind) and "..." not in str(kind)
    for word in outside(allowed, whole):
        inside = str(int(allowed.least or 1)) if whole else str(float(allowed.least or 1))
        option = f"--{name.replace('_', '-')}"
        words = [option, *([inside] if pair else []), word]
        code = command_line.main([verb, *POSITIONAL.get(verb, []), *words])
        said = capsys.readouterr().err
        assert code == 2
        assert f"The option '{name}' is" in said, said
        assert "expected a" in said


POSITIONAL = {
    "bench": ["labels"],
    "calibrate": ["clip"],
    "label": ["clip"],
    "predict": ["image.png"],
    "view": ["clip"],
    "batch": ["folder", "--out", "out"],
    "run": ["a.mp4", "b.mp4", "--out", "out"],
    "detect": ["a.mp4", "b.mp4", "--out", "out"],
    "train": ["clip", "--out", "out"],
    "refine": ["clip", "--model", "model"],
    "export": ["clip", "--out", "out.trc"],
    "evaluate": ["a", "b"],
    "studio": ["--out", "out"],
    "datasets": ["list"],
}
