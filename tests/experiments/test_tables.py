"""Numbers in tables."""

from epipose.experiments.tables import number


def test_a_number_that_rounds_to_nothing_has_no_sign():
    assert [number(value, 2) for value in (-0.003, 0.003, -0.006, None, 12)] == ["0.00", "0.00", "-0.01", "-", "12.00"]
