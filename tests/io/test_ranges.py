"""Ranges of options: refused at once and by name, however the record is made."""

from dataclasses import dataclass, replace
from typing import Annotated

import pytest

from epipose.errors import DamagedFileError, InputError
from epipose.io.options import with_changes
from epipose.io.ranges import Finite, FromZero, Height, OptionRecord, Port, Range, Seed, check_value
from epipose.io.records import as_json, from_json


@dataclass(frozen=True)
class Given(OptionRecord):
    height: Height | None = None
    offsets: tuple[Finite, ...] = ()
    span: tuple[FromZero, FromZero] | None = None
    side: Annotated[int, Range(least=32, most=4096, step=32)] = 256
    drawn: Annotated[float, Range(least=0, below=1)] = 0.0
    lr: Annotated[float, Range(above=0)] = 1e-3
    seed: Seed = 0


GOOD = {"height": 1.8, "offsets": [-1.0, 2], "span": [0, 3], "side": 64, "drawn": 0.5, "lr": 1e-9, "seed": 2**63 - 1}
BAD = [
    ({"height": -1.8}, "'height' is -1.8; expected a number from 0.5 to 2.5 metres"),
    ({"height": 182.0}, r"from 0.5 to 2.5 metres\. Were centimetres meant\? Then give 1.82\."),
    ({"height": float("nan")}, "'height' is nan; expected a number from 0.5 to 2.5 metres"),
    ({"offsets": [1.0, float("inf")]}, "'offsets' is .*, with inf in it; expected a finite number"),
    ({"span": [0, -3]}, "'span' is .*, with -3 in it; expected a number from 0 to"),
    ({"side": 100}, "'side' is 100; expected a multiple of 32 from 32 to 4096"),
    ({"drawn": 1.0}, "'drawn' is 1; expected a number from 0 to below 1"),
    ({"lr": 0.0}, "'lr' is 0; expected a number above 0"),
    ({"seed": 2**64}, "'seed' is 18446744073709551616; expected a number from 0 to 9223372036854775807"),
    ({"seed": -1}, "'seed' is -1; expected a number from 0 to 9223372036854775807"),
]


def test_numbers_in_range_are_taken() -> None:
    made = with_changes(Given(), GOOD)
    assert (made.height, made.offsets, made.span, made.seed) == (1.8, (-1.0, 2.0), (0, 3), 2**63 - 1)
    assert from_json(Given, as_json(made), "here") == made


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_others_are_refused_however_the_record_is_made(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_changes(Given(), changes)
    with pytest.raises(InputError, match=message):
        Given(**changes)
    with pytest.raises(InputError, match=message):
        replace(Given(), **changes)
    with pytest.raises(DamagedFileError, match=message):
        from_json(Given, changes, "here")


def test_a_value_by_itself() -> None:
    check_value("port", 8080, Port)
    with pytest.raises(InputError, match="'port' is 70000; expected a number from 1 to 65535"):
        check_value("port", 70000, Port)


def test_booleans_and_texts_are_left_to_the_types() -> None:
    assert Given(seed=True).seed is True  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected a whole number"):
        with_changes(Given(), {"seed": True})
