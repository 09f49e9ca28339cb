"""The structure of the code, measured from the code: packages, layers, imports, functions, annotations, import time.

Writes benchmarks/results/house.json with every count, how it is counted and what offends by name. --check writes
nothing and exits with 1 where a limit is broken.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.docs import import_graph
from benchmarks.docs.signatures import functions_in, is_loose, loose_aliases, unannotated

_ROOT = Path(__file__).resolve().parents[2]
_SOURCE = _ROOT / "src" / "epipose"
_RESULT = _ROOT / "benchmarks" / "results" / "house.json"

# From the top. A package or root module may import only from layers below its own; nothing may import the facade.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__init__", "__main__"),
    ("cli",),
    ("experiments",),
    ("pipeline", "inference"),
    ("viz",),
    ("calibration", "training", "evaluation"),
    ("reconstruction", "datasets", "studio"),
    ("people", "sync"),
    ("detection", "exporters"),
    ("geometry", "network", "motion", "formats"),
    ("clip", "poses"),
    ("camera", "skeletons"),
    ("skeleton", "io", "lens"),
    ("errors",),
)

LIMITS: dict[str, float] = {
    "root_modules": 8,
    "floors": 12,
    "upward_imports": 0,
    "import_cycles": 0,
    "functions_over_40_lines": 17,
    "dict_any_public": 0,
    "untyped_public": 0,
    "import_seconds_over_numpy": 1.5,
}

COUNTED: dict[str, str] = {
    "root_modules": "modules directly in src/epipose, __init__ and __main__ included",
    "floors": "longest chain of top-level packages and root modules, each of which imports the next; imports in "
    "functions and lazy ones by name count, those under TYPE_CHECKING and upward ones do not",
    "upward_imports": "imports between packages that do not go from a layer to one below it; what is in no layer offends",
    "import_cycles": "strongly connected components of more than one module, imports in functions included",
    "functions_over_40_lines": "functions with more than 40 lines from def to end, docstring included, decorators not",
    "dict_any_public": "public functions and methods whose return annotation has a bare dict or a dict of Any",
    "untyped_public": "public functions and methods with a parameter or return that is not annotated, self and cls aside",
    "import_seconds_over_numpy": "seconds of the import statement inside a fresh interpreter, the interpreter's start "
    "not included: medians of alternating runs, epipose over numpy",
    "modules": "Python files in src/epipose",
    "lines": "their lines",
    "modules_over_300_lines": "modules with more than 300 lines",
}


def main() -> int:
    """Measure, print the table, and write the result or check the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a limit is broken")
    parser.add_argument("--source", type=Path, default=_SOURCE, help="folder of the package")
    options = parser.parse_args()
    found = {**structure(options.source, LAYERS), **import_seconds(options.source)}
    result = {**found, "counted": COUNTED, "limits": LIMITS}
    print(table(result))
    if options.check:
        for line in (lines := broken(result)):
            print(line)
        return 1 if lines else 0
    _RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def structure(folder: Path, layers: Sequence[Sequence[str]]) -> dict[str, Any]:
    """All counts of a package's source, the offenders of each by name, and the layers they were judged by."""
    modules = import_graph.read_modules(folder)
    roots = [module.path.name for module in modules.values() if module.path.parent == folder]
    offenders = {
        "root_modules": sorted(roots),
        **_import_offenders(modules, layers),
        **_function_offenders(modules),
        "modules_over_300_lines": [
            f"{module.name} {module.lines}" for module in modules.values() if module.lines > 300
        ],
    }
    counts = {name: len(names) for name, names in offenders.items()}
    total = {"modules": len(modules), "lines": sum(module.lines for module in modules.values())}
    return {**counts, **total, "offenders": offenders, "layers": [list(layer) for layer in layers]}


def _import_offenders(
    modules: Mapping[str, import_graph.Module], layers: Sequence[Sequence[str]]
) -> dict[str, list[str]]:
    """The longest chain of packages, imports against the layers, and cycles of modules."""
    imports = import_graph.imports_of(modules)
    upward = import_graph.against_layers(imports, layers)
    downward = [found for found in imports if found not in set(upward)]
    return {
        "floors": import_graph.longest_chain(downward, list(import_graph.nodes_of(modules))),
        "upward_imports": [f"{found.source}:{found.line} imports {found.target}" for found in upward],
        "import_cycles": [", ".join(cycle) for cycle in import_graph.cycles(imports)],
    }


def _function_offenders(modules: Mapping[str, import_graph.Module]) -> dict[str, list[str]]:
    """Long functions, public ones that return a loose dict, and public ones that are not fully annotated."""
    long, loose, untyped = [], [], []
    aliases = loose_aliases(module.tree for module in modules.values())
    for module in modules.values():
        for function in functions_in(module.tree):
            name = f"{module.name}.{function.name}"
            if function.lines > 40:
                long.append(f"{name} {function.lines}")
            if function.public and is_loose(function.node.returns, aliases):
                loose.append(name)
            if function.public and (missing := unannotated(function)):
                untyped.append(f"{name} ({', '.join(missing)})")
    return {"functions_over_40_lines": long, "dict_any_public": loose, "untyped_public": untyped}


def import_seconds(folder: Path, runs: int = 11) -> dict[str, Any]:
    """Medians of the seconds that importing the package and NumPy take, in turns, each in a fresh interpreter."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); start = time.perf_counter(); "
        "__import__(sys.argv[2]); print(time.perf_counter() - start)"
    )
    seconds: dict[str, list[float]] = {folder.name: [], "numpy": []}
    for run in range(runs + 1):
        for name, measured in seconds.items():
            command = [sys.executable, "-c", code, str(folder.parent), name]
            taken = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if run > 0:  # the first may have to compile, and to read from the disk
                measured.append(taken)
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    return {
        "import_seconds_over_numpy": round(medians[folder.name] / medians["numpy"], 3),
        "import_seconds": {name: round(median, 4) for name, median in medians.items()},
    }


def broken(result: Mapping[str, Any]) -> list[str]:
    """For every limit that the result exceeds a line with the count, followed by one for each offender."""
    lines = []
    for name, limit in result["limits"].items():
        if result[name] > limit:
            lines.append(f"{name} is {result[name]}, the limit is {limit}: {result['counted'][name]}")
            lines += [f"    {offender}" for offender in result["offenders"].get(name, ())]
    return lines


def table(result: Mapping[str, Any]) -> str:
    """The counts and their limits as a Markdown table."""
    rows = ["| structure of the code | measured | limit |", "|---|---|---|"]
    for name, how in result["counted"].items():
        limit = f"<= {result['limits'][name]}" if name in result["limits"] else "-"
        rows.append(f"| {how} (`{name}`) | {result[name]} | {limit} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
