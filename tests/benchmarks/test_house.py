"""The structure of code, counted on small made-up packages and on the real one."""

import json
import textwrap
from pathlib import Path

import pytest

from benchmarks.docs import house, tables

LAYERS = (("__init__",), ("top",), ("middle",), ("low", "beside"))
ROOT = Path(__file__).parents[2]


def package(folder: Path, **sources: str) -> Path:
    """A package "toy" of these modules; two underscores stand for a dot."""
    root = folder / "toy"
    for name, source in {"__init__": "", **sources}.items():
        path = root / f"{name if name == '__init__' else name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        if path.parent != root and not (path.parent / "__init__.py").exists():
            (path.parent / "__init__.py").write_text("")
    return root


def measured(folder: Path, **sources: str) -> dict:
    return house.structure(package(folder, **sources), LAYERS)


def test_a_clean_package_has_nothing_to_report(tmp_path):
    found = measured(
        tmp_path,
        top__one="from toy.middle import two",
        middle__two="def two() -> int:\n    from toy.low import three\n    return three()",
        low="def three() -> int:\n    return 3",
        beside="",
    )
    assert found["root_modules"] == 3
    assert found["offenders"]["root_modules"] == ["__init__.py", "beside.py", "low.py"]
    assert found["floors"] == 3
    assert found["offenders"]["floors"] == ["top", "middle", "low"]
    assert (found["modules"], found["lines"]) == (7, 6)
    for name in ("upward_imports", "import_cycles", "functions_over_40_lines", "dict_any_public", "untyped_public"):
        assert found[name] == 0, name


@pytest.mark.parametrize(
    "source",
    [
        "import toy.top.one",
        "from toy.top import one",
        "from toy.top.one import name",
        "from .top import one",
        "from .top.one import name",
        "def lazy():\n    from toy.top.one import name",
        "REGISTRY = {'one': ('toy.top.one', 'name')}",
        "REGISTRY = {'one': 'toy.top.one:name'}",
    ],
)
def test_every_way_to_import_upwards_is_found(tmp_path, source):
    found = measured(tmp_path, top__one="", low=source)
    assert [line.split(" imports ")[1] for line in found["offenders"]["upward_imports"]] == ["toy.top.one"]
    assert found["offenders"]["upward_imports"][0].startswith("toy.low:")


def test_relative_imports_of_a_package_start_at_itself(tmp_path):
    root = package(tmp_path, top__one="", low__a="")
    (root / "low" / "__init__.py").write_text("from ..top.one import name\nfrom . import a\n")
    (root / "low" / "a.py").write_text("from . import __doc__")
    found = house.structure(root, LAYERS)
    assert found["offenders"]["upward_imports"] == ["toy.low:1 imports toy.top.one"]
    assert found["offenders"]["import_cycles"] == ["toy.low, toy.low.a"]


def test_nothing_may_import_the_facade_nor_what_is_beside_it(tmp_path):
    found = measured(
        tmp_path,
        low="from toy import __version__\nfrom . import beside",
        beside="",
        unknown="import toy.low",
        middle="import toy.unknown",
    )
    assert found["offenders"]["upward_imports"] == [
        "toy.low:1 imports toy",
        "toy.low:2 imports toy.beside",
        "toy.middle:1 imports toy.unknown",
        "toy.unknown:1 imports toy.low",
    ]


def test_imports_for_type_checkers_do_not_count(tmp_path):
    source = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from toy.top import one
        else:
            from toy.middle import two
    """
    found = measured(tmp_path, top__one="", middle__two="", low=source)
    assert found["offenders"]["upward_imports"] == ["toy.low:6 imports toy.middle.two"]


def test_a_cycle_within_a_package_is_one_cycle(tmp_path):
    found = measured(
        tmp_path,
        low__a="from toy.low.b import x",
        low__b="def lazy():\n    from . import c",
        low__c="from .a import x",
        low__d="from .a import x",
    )
    assert found["offenders"]["import_cycles"] == ["toy.low.a, toy.low.b, toy.low.c"]
    assert found["upward_imports"] == 0
    assert found["floors"] == 1, "imports within a package make no floors"


def test_two_cycles_are_two(tmp_path):
    found = measured(
        tmp_path,
        low__a="import toy.low.b",
        low__b="import toy.low.a",
        middle__a="import toy.middle.b, toy.low.a",
        middle__b="import toy.middle.a",
    )
    assert found["import_cycles"] == 2


def test_a_function_is_as_long_as_from_def_to_end(tmp_path):
    def function(name: str, lines: int) -> str:
        body = [f"    x = {line}" for line in range(lines - 2)]
        return "\n".join(["@property", f"def {name}() -> None:", '    """Docstring."""', *body]) + "\n"

    nested = "class K:\n    def method(self) -> None:\n" + textwrap.indent(function("inner", 41), " " * 8)
    found = measured(tmp_path, low=function("forty", 40) + function("more", 41) + nested)
    names = ["toy.low.more 41", "toy.low.K.method 43", "toy.low.K.method.inner 41"]
    assert found["offenders"]["functions_over_40_lines"] == names


def test_public_functions_that_return_a_loose_dict_are_found(tmp_path):
    source = """
        Rows = list[dict[str, Any]]
        def plain() -> dict: ...
        def loose() -> dict[str, Any]: ...
        def nested() -> tuple[int, dict[str, dict[str, Any]] | None]: ...
        def quoted() -> "dict[str, Any]": ...
        def alias() -> Rows: ...
        Row: TypeAlias = "dict[str, Any]"
        def declared() -> Row: ...
        def strict() -> dict[str, int]: ...
        def shaped() -> Float[Tensor, "view frame 2"]: ...
        def takes(options: dict[str, Any]) -> int: ...
        def _private() -> dict[str, Any]: ...
        class Public:
            def method(self) -> dict: ...
            def _private(self) -> dict: ...
        class _Private:
            def method(self) -> dict: ...
    """
    found = measured(tmp_path, low=source)
    names = ["plain", "loose", "nested", "quoted", "alias", "declared", "Public.method"]
    assert found["offenders"]["dict_any_public"] == [f"toy.low.{name}" for name in names]


def test_public_functions_without_annotations_are_found(tmp_path):
    source = """
        def typed(a: int, *b: int, c: int = 0, **d: int) -> None: ...
        def untyped(a, /, b: int, *c, d, **e): ...
        def _private(a): ...
        def outer() -> None:
            def inner(a): ...
        class Public:
            def __init__(self, a: int): ...
            def method(self, a) -> None: ...
            @classmethod
            def of(cls) -> None: ...
            @staticmethod
            def static(a) -> None: ...
    """
    found = measured(tmp_path, low=source)
    assert found["offenders"]["untyped_public"] == [
        "toy.low.untyped (a, d, c, e, return)",
        "toy.low.Public.__init__ (return)",
        "toy.low.Public.method (a)",
        "toy.low.Public.static (a)",
    ]


def test_import_seconds_leave_the_interpreter_out(tmp_path):
    fast = house.import_seconds(package(tmp_path / "fast"), runs=1)
    slow = house.import_seconds(package(tmp_path / "slow", __init__="import time\ntime.sleep(0.4)"), runs=1)
    assert fast["import_seconds"]["toy"] < 0.1
    assert slow["import_seconds"]["toy"] >= 0.4
    seconds = slow["import_seconds"]
    assert slow["import_seconds_over_numpy"] == pytest.approx(seconds["toy"] / seconds["numpy"], rel=0.01)


def test_check_names_what_offends_and_writes_nothing(tmp_path, monkeypatch, capsys):
    result = tmp_path / "house.json"
    monkeypatch.setattr(house, "_RESULT", result)
    monkeypatch.setattr(house, "LAYERS", LAYERS)
    monkeypatch.setattr(house, "import_seconds", lambda folder: {"import_seconds_over_numpy": 0.1})
    root = package(tmp_path, top="", low="import toy.top")
    command = ["house.py", "--source", str(root)]
    monkeypatch.setattr("sys.argv", [*command, "--check"])
    assert house.main() == 1
    printed = capsys.readouterr().out
    assert "upward_imports is 1, the limit is 0" in printed
    assert "    toy.low:1 imports toy.top" in printed
    assert not result.exists()

    (root / "low.py").write_text("")
    assert house.main() == 0
    monkeypatch.setattr("sys.argv", command)
    assert house.main() == 0
    written = json.loads(result.read_text())
    assert written["layers"] == [list(layer) for layer in LAYERS]
    assert set(written["counted"]) <= set(written)


@pytest.mark.slow
def test_the_documented_tables_come_from_the_result():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert tables.with_tables(text) == (text, [])
    assert "<!-- table: house -->" in text


@pytest.mark.slow
@pytest.mark.parametrize("count", ["upward_imports", "import_cycles"])
def test_imports_of_epipose_run_one_way(count):
    assert house.structure(ROOT / "src" / "epipose", house.LAYERS)["offenders"][count] == []
