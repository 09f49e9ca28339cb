"""The tables of the geometry that stand beside other programs, from the smallest result that has them."""

from benchmarks.docs.geometry_tables import beside


def row(method, degrees, walks=True):
    """A row of a result, with errors that follow from the first."""
    errors = {"rotation_deg_median": degrees, "rotation_deg_max": 2 * degrees, "center_mm_mean": 100 * degrees}
    case = {"noise": "simple", "amount": 6.0, "rigs": "drawn", "walks": walks, "method": method}
    return case | errors | {"cpu_seconds": 3.0}


def test_only_cases_that_both_were_run_on_stand_beside_each_other():
    """A case without the other method is left out; one in which it gave no cameras is not."""
    simulation = {"table": [row("epipose", 0.1), row("a", 0.25), row("b", 9.0), row("epipose", 0.5, walks=False)]}
    none = dict.fromkeys(row("a", 1.0)) | {"cpu_seconds": 7.0}
    result = {"simulation": simulation, "sample": {"full": {"epipose": row("", 1.0), "a": none}, "heavy": {}}}
    assert beside(result, "a").splitlines()[2:] == [
        "| sample, BlazePose full | 1.000 / - | 2.00 / - | 100.0 / - | 3.0 / 7.0 |",
        "| simulated, 6 px + 3 %, drawn rigs | 0.100 / 0.250 | 0.20 / 0.50 | 10.0 / 25.0 | 3.0 / 3.0 |",
    ]
