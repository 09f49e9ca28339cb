"""docs/reference/ and docs/cite.md are what the code and CITATION.cff say."""

import re
import warnings

import epipose
from benchmarks.docs import api_page, command_line_page, reference
from benchmarks.docs.reference_examples import COMMANDS, PYTHON


def test_the_pages_are_up_to_date(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["reference", "--check"])
    assert reference.main() == 0, capsys.readouterr().out


def test_a_page_that_is_out_of_date_is_named_and_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference, "_FOLDER", tmp_path)
    monkeypatch.setattr(reference, "_PAGES", {"reference/a.md": lambda: "new"})
    monkeypatch.setattr("sys.argv", ["reference", "--check"])
    assert reference.main() == 1
    assert "docs/reference/a.md" in capsys.readouterr().out
    assert not (tmp_path / "reference").exists()
    monkeypatch.setattr("sys.argv", ["reference"])
    assert reference.main() == 0
    assert (tmp_path / "reference" / "a.md").read_text() == "new"


def test_every_verb_has_its_section_with_an_example_and_all_options():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = command_line_page.page()
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert len(sections) > 15
    for verb, section in sections:
        assert COMMANDS[verb][0].strip() in section, f"{verb} needs an example in reference_examples.py"
    assert "| `--min-parallax-deg FLOAT` | `5.0` |" in text
    assert "| `--no-clocks` |" in text  # a switch that is on is named by what turns it off


def test_every_public_name_is_on_the_page():
    text = api_page.page()
    for name in epipose.__all__:
        assert name in ("__version__", "plot") or f"### {name}\n" in text or f"| `{name}` |" in text, name
    assert all(f"### {name}\n" in text for name in PYTHON)
    assert "label(\n    seen: DetectedClip," in text
