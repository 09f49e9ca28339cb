"""Mutated files against every reader: it reads them or raises an error of epipose, and nothing else.

The same with tens of thousands of mutations, bounds on memory and time, and crashes: benchmarks/reliability/fuzz.py.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import epipose
from epipose.datasets.registry import READERS as DATASETS
from epipose.errors import MissingExtraError
from epipose.formats.cameras import FORMATS as CAMERAS
from epipose.formats.keypoint_files import FORMATS as KEYPOINTS
from epipose.motion import READERS as MOTIONS
from tests.helpers.fuzzed import FuzzedReader, Sample, all_readers

MUTATIONS = 12  # of a reader that is not slow
SECONDS = 20.0
READERS = {reader.name: reader for reader in all_readers()}
SOURCE = Path(epipose.__file__).parent
# Readers of what is no user's file, or is tested elsewhere with damage of its own.
NOT_FUZZED = {
    "studio/anny_model.py": "the cached body model: 2 MB, and made anew where it is damaged",
    "inference/clip_views.py": "one word of calibration.json, which its own reader checks",
    "datasets/image_index.py": "headers of the videos and images that datasets name",
}


def sample(reader: FuzzedReader, folder: Path) -> Sample:
    """The reader's sample; the test is skipped where a package is missing that makes or reads it."""
    try:
        made = Sample(reader, folder)
        made.good()
    except (ImportError, MissingExtraError) as error:
        pytest.skip(str(error))
    return made


@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore")
def test_a_mutated_file_is_read_or_refused(tmp_path, name):
    reader = READERS[name]
    mutated = sample(reader, tmp_path)
    for seed in range(max(2, round(MUTATIONS / reader.cost))):
        outcome = mutated.mutation(seed, SECONDS)
        assert outcome.kind in ("read", "refused"), outcome


def test_a_foreign_error_and_an_endless_reader_are_told(tmp_path):
    def write(folder: Path) -> Path:
        (folder / "a.txt").write_text("text")
        return folder / "a.txt"

    def wrong(_: Path) -> None:
        raise KeyError("text")

    def endless(_: Path) -> None:
        while True:
            pass

    for read, kind in ((wrong, "foreign"), (endless, "slow"), (Path.read_bytes, "read")):
        assert Sample(FuzzedReader("x", write, read), tmp_path).mutation(0, 0.1).kind == kind


def test_every_registered_format_is_fuzzed():
    names = " | ".join(READERS)
    for name in (*KEYPOINTS, *(f"cameras: {key}" for key in CAMERAS), *(f"motion: {key}" for key in MOTIONS)):
        assert name in names
    for name in DATASETS:
        assert f"dataset: {name}" in READERS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_guarded_reader_is_reached(tmp_path):
    """Every function of the package with a guard is called when the good samples are read."""
    reached: set[tuple[str, str]] = set()

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(SOURCE)):
            reached.add((str(Path(frame.f_code.co_filename).relative_to(SOURCE)), frame.f_code.co_qualname))

    for number, reader in enumerate(READERS.values()):
        made = Sample(reader, tmp_path / str(number))
        sys.setprofile(note)
        try:
            made.good()
        finally:
            sys.setprofile(None)
    missing = sorted(each for each in guarded() if each not in reached and each[0] not in NOT_FUZZED)
    assert not missing, "give each a reader with a sample in tests/helpers/fuzzed_*.py"


def guarded() -> Iterator[tuple[str, str]]:
    """File and qualified name of every function that is declared with `reads` or reads under `reading`."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, function in functions(tree, ""):
            calls = [
                node.func.id
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            ]
            if path.name != "guard.py" and ("reading" in calls or "reads" in calls):
                yield str(path.relative_to(SOURCE)), name


def functions(tree: ast.AST, above: str) -> Iterator[tuple[str, ast.AST]]:
    """Functions and methods by qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{above}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield f"{above}{node.name}", node
