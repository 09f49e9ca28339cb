"""Every block of the pages runs or is parsed, and every command in them is one that the command line accepts."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import jaxtyping
import pytest
import tyro

from epipose.calibration.calibrate import estimate_rig
from epipose.cli.main import main
from epipose.detection import detect
from epipose.io.video import read_frames
from tests.helpers.documents import PAGES, ROOT, Block, all_blocks, blocks, prose
from tests.helpers.page_blocks import RUN, Shell, logical_lines, not_run, run_python, runnable, simple_commands
from tests.helpers.page_footage import any_detector, make_footage, remembering, shortened, small_sample

ELSEWHERE = ("CONTRIBUTING.md", "detectors.md")  # the Python of these pages has tests of its own


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[None]:
    """Detectors that find the dots of the small videos, under the names of the real ones; a sample without a download."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*detect.DETECTORS, "markers"]:
            patch.setitem(detect.DETECTORS, name, "tests.helpers.page_footage:any_detector")
        patch.setattr("epipose.inference.predictor._detector", lambda *_: (any_detector(), "stand-in", False))
        patch.setattr("epipose.datasets.sample.sample", small_sample)
        once = remembering(estimate_rig)
        patch.setattr("epipose.calibration.calibrate.estimate_rig", once)
        patch.setattr("epipose.calibration.pooled.estimate_rig", once)
        patch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # the tests of the code check its shapes
        yield


@pytest.fixture(scope="module")
def footage(stand_ins, tmp_path_factory) -> Path:
    """The folder that the pages' blocks find, each page a copy of it."""
    return make_footage(tmp_path_factory.mktemp("footage"))


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks_here(page: Path) -> list[Block]:
    """The blocks of a page that run in its folder."""
    return [block for block in runnable(page) if block.language != "python" or page.name not in ELSEWHERE]


def run_page(page: Path, folder: Path, names: dict) -> dict:
    """Run the page's blocks one after the other in its folder; the Python blocks share their names."""
    (folder / "bin").mkdir()
    shell = Shell(folder / "bin", lambda words: main(shortened(words)))
    try:
        for block in blocks_here(page):
            run_python(block, names) if block.language == "python" else shell.run(block)
    finally:
        shell.close()
    return names


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks_here(page)], ids=page_name)
def test_the_blocks_of_a_page_run(page, footage, tmp_path, monkeypatch, record_property):
    folder = tmp_path / "page"
    shutil.copytree(footage, folder)
    monkeypatch.chdir(folder)
    names: dict = {}
    if page == ROOT / "docs" / "api.md":  # continues the first example of the site
        for block in blocks(ROOT / "docs" / "index.md", "python"):
            run_python(block, names)
        names["frames"] = [(image, k / 10) for k, image in enumerate(read_frames("cam1.mp4", range(2)))]
    record_property("blocks", len(blocks_here(page)))
    run_page(page, folder, names)


def test_a_block_that_fails_is_named(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("```sh\ntrue\n```\n\n<!-- not run: needs a webcam -->\n```sh\nfalse\n```\n")
    first, second = blocks(page)
    assert (not_run(first), not_run(second)) == (None, "needs a webcam")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    shell = Shell(tmp_path / "bin", lambda words: 3)
    monkeypatch.setattr(Block, "__str__", lambda block: f"page.md:{block.line}")
    shell.run(first)
    with pytest.raises(AssertionError, match=r"page\.md:7 ended with 1"):
        shell.run(second)
    with pytest.raises(AssertionError, match=r"ended with 3"):
        shell.run(Block(page, 1, "sh", "epipose label walk/ | cat\n"))
    shell.close()


OTHER = [
    block
    for language in ("json", "toml", *RUN)
    for block in all_blocks(language)
    if not_run(block) or block.language not in RUN
]


@pytest.mark.parametrize("block", OTHER, ids=str)
def test_a_block_that_does_not_run_is_parsed(block):
    if block.language == "sh":
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
    elif block.language == "python":
        compile(block.text, str(block), "exec")
    elif block.language == "toml":
        tomllib.loads(block.text)
    else:
        json.loads(block.text)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_has_a_language_that_is_known(page):
    """A block without one, or of another, would be tested by nothing; text is what is not code."""
    assert {block.language for block in blocks(page)} <= {*RUN, "json", "toml", "text", "bibtex"}


class Parsed(BaseException):
    """The command line was accepted."""


@pytest.fixture
def parse(monkeypatch):
    """A function that parses the arguments of one command and does nothing else; SystemExit where they are wrong."""
    real = tyro.cli

    def only_parse(*arguments, **options):
        real(*arguments, **options)
        raise Parsed

    def parse(arguments):
        with pytest.raises(Parsed):
            main(arguments)

    monkeypatch.setattr(tyro, "cli", only_parse)
    return parse


def commands(program: str) -> list[tuple[str, list[str]]]:
    """The commands of the shell blocks that start with a program: where they are, and the words after it."""
    found = []
    for block in all_blocks("sh"):
        for line in logical_lines(block.text):
            for words in simple_commands(line):
                if words[: len(program.split())] == program.split():
                    found.append((str(block), words[len(program.split()) :]))
    return found


@pytest.mark.parametrize(("where", "arguments"), commands("epipose"))
def test_the_command_line_accepts_every_command_of_the_pages(where, arguments, parse):
    parse(arguments)


def test_a_command_with_an_unknown_option_would_be_found(parse, capsys):
    with pytest.raises(SystemExit):
        parse(["label", "walk/", "--peoples", "all"])


def spans(page: Path) -> list[str]:
    """Commands within sentences: `epipose VERB ...`, or `VERB --option ...`."""
    inline = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]
    return [span.removeprefix("epipose ") for span in inline if re.match(r"epipose [a-z]|[a-z]+ (.* )?--[a-z]", span)]


def help_of(verb: str, capsys) -> str:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0, f"there is no verb {verb}"
    return capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_verbs_and_options_within_sentences_exist(page, capsys):
    helps: dict[str, str] = {}
    for span in spans(page):
        verb = span.split("|")[0].split()[0]
        if verb in ("python", "pip", "make", "git", "ruff", "pytest", "apt") or not verb.isalpha() or verb.isupper():
            continue
        helps.setdefault(verb, help_of(verb, capsys))
        for option in re.findall(r"--[a-z][\w-]*", span):
            assert re.search(rf"{option}\b(?!-)", helps[verb]), f"epipose {verb} has no {option} (in `{span}`)"


def python_modules() -> list[tuple[str, str, list[str]]]:
    """Scripts that the pages run, `python -m benchmarks...` or a path, and their options."""
    found = [(where, words[0], words[1:]) for where, words in commands("python -m") if words[0] not in ("venv", "pip")]
    for page in PAGES:
        for span in re.findall(r"`((?:python -m )?benchmarks[./][^`]*)`", prose(page)):
            name, *arguments = span.removeprefix("python -m ").split()
            if "NAME" not in name:
                found.append((page.name, name, arguments))
    return found


@pytest.mark.parametrize(("where", "name", "arguments"), python_modules())
def test_scripts_that_the_pages_run_exist_and_have_these_options(where, name, arguments):
    path = ROOT / (name if "/" in name else name.replace(".", "/") + ".py")
    assert path.exists() or find_spec(name), f"{where}: there is no {name}"
    options = [word for word in arguments if word.startswith("--")]
    source = path.read_text(encoding="utf-8") if options else ""
    for option in options:
        assert f'"{option}"' in source, f"{where}: {name} has no {option}"


def test_targets_of_make_and_extras_of_pip_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    targets = [(where, words[0]) for where, words in commands("make")]
    for page in PAGES:
        targets += [(page.name, name) for name in re.findall(r"`make ([a-z-]+)", prose(page))]
        for names in re.findall(r"(?:'\.|epipose)\[([a-z,]+)\]", page.read_text(encoding="utf-8")):
            assert set(names.split(",")) <= set(extras), f"{page.name}: epipose[{names}]"
    assert targets
    for where, target in targets:
        assert re.search(rf"^{target}[ :].*?", makefile, re.MULTILINE), f"{where}: make {target}"
