"""Reference of the command line: every verb with what it does, an example, and its options, from the parser itself."""

from __future__ import annotations

import argparse
import re
import warnings
from collections.abc import Iterator
from typing import Any

import tyro

from benchmarks.docs.reference_examples import COMMANDS
from epipose.cli import main as command_line

_HEAD = """\
# Options of every verb

This page is written from the options of the command line by `python -m benchmarks.docs.reference`; `epipose VERB
--help` says the same. What all verbs share - exit codes, ranges, progress - is in [the command
line](../command-line.md); the same verbs as Python functions are in [the API reference](api.md). An option that is a
switch is given by its name alone.

"""


def page() -> str:
    """The whole page. Its examples run in the tests, in the folder that tests/helpers/page_footage.py makes."""
    verbs = dict(_verbs())
    toc = [f"| [`{name}`](#{name}) | {_sentence(verb.description)} |" for name, verb in verbs.items()]
    sections = [_section(name, verb) for name, verb in verbs.items()]
    return _HEAD + "\n".join(["| verb | what it does |", "|---|---|", *toc]) + "\n\n" + "\n".join(sections)


def _verbs() -> Iterator[tuple[str, Any]]:
    """Name and parser of every verb, in the order of the help."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tyro has no other way to its parser's contents
        parser = tyro.extras.get_parser(
            command_line._Verb,  # type: ignore[arg-type]
            prog="epipose",
            config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
        )
    for action in parser._actions:
        if isinstance(action.choices, dict):
            yield from action.choices.items()


def _section(name: str, verb: Any) -> str:
    options = [action for action in verb._actions if "--help" not in action.option_strings]
    needed = [_usage(action) for action in options if _needed(action)]
    usage = " ".join(["epipose", name, *needed, "[options]"])
    parts = [f"## {name}", "", *_example(name), verb.description.strip(), "", f"`{usage}`", ""]
    rows = [f"| {' | '.join(_cells(action))} |" for action in options]
    return "\n".join([*parts, "| option | default | meaning |", "|---|---|---|", *rows, ""])


def _example(name: str) -> list[str]:
    """The verb's example as a block, with the reason where it cannot run."""
    text, reason = COMMANDS.get(name, ("", ""))
    mark = [f"<!-- not run: {reason} -->"] if reason else []
    return [*mark, "```sh", text.strip(), "```", ""] if text else []


def _needed(action: argparse.Action) -> bool:
    return not action.option_strings or action.required or (action.help or "").endswith("(required)")


def _usage(action: argparse.Action) -> str:
    name = _metavar(action)
    return f"{action.option_strings[0]} {name}" if action.option_strings else name


def _metavar(action: argparse.Action) -> str:
    return str(action.metavar or "").replace("{None}|", "").replace("[{", "{").replace("}]", "}")


def _cells(action: argparse.Action) -> tuple[str, str, str]:
    """Option with what it takes, default, meaning."""
    text = " ".join((action.help or "").split())
    match = re.search(r"\s*\((default: (.*?)|required|optional)\)$", text)
    default = (match[2] or "") if match else ""
    meaning = text[: match.start()] if match else text
    names = action.option_strings
    if not names:
        shown = _metavar(action)
    elif len(names) == 2 and names[1].startswith("--no-"):  # a switch: the one that changes something
        shown, default = (names[1], "off") if default == "True" else (names[0], "off")
    else:
        shown = f"{names[0]} {_metavar(action)}"
    required = "required" if match and match[1] == "required" else ""
    default = required or ("" if default in ("None", "off", "") else f"`{_escaped(default)}`")
    return f"`{_escaped(shown)}`", default, _escaped(_linked(meaning))


def _linked(text: str) -> str:
    """Pages that the help names, as links; names of options as code."""
    text = re.sub(r"\bdocs/([\w-]+\.md)", r"[\1](../\1)", text)
    return re.sub(r"(?<![\w`-])(--[a-z][\w-]*)", r"`\1`", text)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;") if "`" not in text else text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return _escaped(" ".join(text.split("\n\n")[0].split()))
