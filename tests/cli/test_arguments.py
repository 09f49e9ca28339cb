"""Options that may be repeated."""

import pytest

from epipose.cli.arguments import gathered


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("detect a b --out c", "detect a b --out c"),
        ("detect --o k=1 --out c", "detect --o k=1 --out c"),
        ("detect --o k=1 --out c --o l=2 m=3 --sync none", "detect --o k=1 l=2 m=3 --out c --sync none"),
        ("detect --o=k=1 a --o=l=2", "detect --o k=1 l=2 a"),
    ],
)
def test_values_of_a_repeated_option_stand_behind_its_first(given, expected):
    assert gathered(given.split(), "--o") == expected.split()


def test_underscores_are_hyphens():
    assert gathered(["--detector_option", "a=1"], "--detector-option") == ["--detector-option", "a=1"]
