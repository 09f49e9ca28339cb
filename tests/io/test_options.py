"""Options in Python: fields of the types that the command line makes, and errors that name the field."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from epipose.errors import InputError
from epipose.io.options import with_changes


@dataclass(frozen=True)
class Given:
    way: Literal["auto", "none"] = "auto"
    offsets: tuple[float, ...] = ()
    span: tuple[int, int] | None = None
    names: tuple[str, ...] = ()
    file: Path | None = None
    init: Literal["pretrained"] | Path | None = None
    height: float | None = None
    count: int = 3
    quick: bool = False


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"offsets": [0, 1.5]}, Given(offsets=(0.0, 1.5))),
        ({"offsets": np.array([0.0, 1.5])}, Given(offsets=(0.0, 1.5))),
        ({"span": [0, 2]}, Given(span=(0, 2))),
        ({"names": ["a"]}, Given(names=("a",))),
        ({"file": "a.npz"}, Given(file=Path("a.npz"))),
        ({"init": "pretrained"}, Given(init="pretrained")),
        ({"init": "model"}, Given(init=Path("model"))),
        ({"height": np.float32(1.5), "count": np.int64(4)}, Given(height=1.5, count=4)),
        ({"height": None, "quick": True}, Given(quick=True)),
    ],
)
def test_values_become_what_the_command_line_makes_of_them(changes: dict, expected: Given) -> None:
    made = with_changes(Given(), changes)
    assert made == expected
    assert with_changes(Given(**changes), {}) == expected
    assert all(type(made.__dict__[name]) is type(value) for name, value in vars(expected).items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"way": "automatic"}, "'way' is 'automatic'; expected 'auto' or 'none'"),
        ({"names": "thigh=0.42"}, "'names' is 'thigh=0.42'; expected a list, each a text"),
        ({"offsets": 3.0}, "'offsets' is 3.0; expected a list, each a number"),
        ({"span": [1, 2, 3]}, r"'span' is \[1, 2, 3\]; expected 2 values, each a whole number or None"),
        ({"height": "1.82"}, "'height' is '1.82'; expected a number or None"),
        ({"count": 2.5}, "'count' is 2.5; expected a whole number"),
        ({"count": True}, "'count' is True; expected a whole number"),
        ({"quick": "yes"}, "'quick' is 'yes'; expected True or False"),
        ({"file": 3}, "'file' is 3; expected a path or None"),
        ({"hight": 2}, "no option 'hight'; did you mean height"),
    ],
)
def test_what_a_field_cannot_have_is_named(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_changes(Given(), changes)
