"""Every Python block of the pages runs, and every command in them is one that the command line accepts."""

import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import tyro
from PIL import Image

from epipose.cli.main import main
from epipose.detection import detect
from epipose.io.video import read_frames
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from tests.helpers.documents import PAGES, ROOT, all_blocks, blocks, prose
from tests.helpers.dot_videos import Dots, small_rig, videos
from tests.helpers.synthetic import moving_skeleton

FRAMES = 40


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    """A folder with the files that the blocks name: three videos, a photo, intrinsics, a clip folder, poses."""
    folder = tmp_path_factory.mktemp("footage")
    for number, path in enumerate(videos(folder, frames=FRAMES)[:3], 1):
        path.rename(folder / f"cam{number}.mp4")
    Image.fromarray(next(read_frames(folder / "cam1.mp4"))).save(folder / "photo.jpg", quality=95)
    poses = moving_skeleton(60).float()[:, None]
    conf = torch.ones(poses.shape[:-1])
    Poses3D(poses, conf, H36M17, "world", metric=True).save(folder / "training.npz")
    small_rig().save(folder / "cameras.json", intrinsics_only=True)
    return folder


@pytest.fixture
def dots(monkeypatch) -> None:
    """Detectors that find the dots of these videos, under the names of the real ones."""
    for name in detect.DETECTORS:
        monkeypatch.setitem(detect.DETECTORS, name, "tests.helpers.dot_videos:Dots")
    monkeypatch.setattr("epipose.inference.predict._detector", lambda *_: (Dots(), "stand-in"))


def test_the_readme_begins_with_the_python_api():
    first = blocks(ROOT / "README.md")[0]
    assert first.language == "python"
    calls = re.findall(r"epipose\.(\w+)\(", first.text)
    assert calls == ["load_clip", "detect", "calibrate", "label", "predict"]


def run_blocks(page: Path, names: dict) -> dict:
    """Run the page's Python blocks one after the other; tracebacks have the page's lines."""
    for block in blocks(page, "python"):
        exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
    return names


@pytest.mark.slow
def test_the_python_of_the_readme_and_of_the_api_page_which_continues_it_runs(footage, dots, monkeypatch):
    monkeypatch.chdir(footage)
    names = run_blocks(ROOT / "README.md", {})
    assert names["calibration"].rig.metric
    run_blocks(ROOT / "docs" / "api.md", names)


ELSEWHERE = ("README.md", "api.md", "CONTRIBUTING.md")  # the last has a test of its own
OTHERS = [page for page in PAGES if blocks(page, "python") and page.name not in ELSEWHERE]


@pytest.mark.slow
@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.name)
def test_the_python_of_every_other_page_runs(page, footage, dots, monkeypatch):
    monkeypatch.chdir(footage)
    run_blocks(page, {})


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


def simple_commands(line: str) -> list[list[str]]:
    """The words of each command of a line of shell: what stands between &&, ;, | and >, where these are not quoted."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&;|>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("&;|>"):
            found.append([])
        else:
            found[-1].append(word)
    return found


def commands(program: str) -> list[tuple[str, list[str]]]:
    """The commands of the shell blocks that start with a program: where they are, and the words after it."""
    found = []
    for block in all_blocks("sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
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
