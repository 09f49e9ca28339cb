"""Dataclasses come back from JSON as they were, and damage is named by its field."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from epipose.errors import DamagedFileError, EpiposeError
from epipose.io.records import as_json, from_json, read_dataclass, write_dataclass


@dataclass(frozen=True)
class Inner:
    values: dict[str, float | None]

    def _as_json(self) -> dict[str, float | None]:
        return self.values

    @classmethod
    def _from_json(cls, content: Any) -> Inner:
        return cls(dict(content))


@dataclass(frozen=True)
class Outer:
    name: str
    pair: tuple[int, int]
    file: Path | None
    mode: Literal["a", "b"]
    inner: dict[str, Inner]
    share: float | None = None
    many: tuple[Inner, ...] = ()
    mixed: dict[str, float | int | str | None] = field(default_factory=dict)


OUTER = Outer("x", (1, 2), Path("a/b"), "b", {"i": Inner({"u": 1.5, "v": None})}, 3.0, (Inner({}),), {"n": 1, "t": "s"})


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    content = as_json(OUTER)
    assert content["pair"] == [1, 2]
    assert content["file"] == "a/b"
    assert content["inner"] == {"i": {"u": 1.5, "v": None}}
    write_dataclass(tmp_path / "r.json", OUTER)
    assert read_dataclass(Outer, tmp_path / "r.json") == OUTER
    content["of_a_later_version"] = 1
    del content["many"]
    assert from_json(Outer, content, "r.json").many == ()
    assert from_json(Outer, {**content, "share": 2}, "r.json").share == 2.0
    assert as_json({"k": (OUTER,)})["k"][0]["name"] == "x"
    with pytest.raises(EpiposeError, match="no file"):
        read_dataclass(Outer, tmp_path / "none.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", 3), ("pair", ["1", 2]), ("pair", [1]), ("mode", "z"), ("share", "2"), ("share", True), ("inner", [1]),
     ("file", 7), ("mixed", {"n": [1]})],
)  # fmt: skip
def test_damage_is_named(key: str, value: object) -> None:
    with pytest.raises(DamagedFileError, match=rf"r\.json .*\(Outer\).*{key}"):
        from_json(Outer, {**as_json(OUTER), key: value}, "r.json")


def test_a_field_that_is_missing_or_another_content_is_named() -> None:
    content = as_json(OUTER)
    del content["pair"]
    with pytest.raises(DamagedFileError, match="pair"):
        from_json(Outer, content, "r.json")
    for wrong in (None, [1], "text"):
        with pytest.raises(DamagedFileError, match=r"r\.json"):
            from_json(Outer, wrong, "r.json")
