"""Blocks of a page run in its folder: Python in this process, shell in bash, where `epipose` is answered by this process.

The command line is imported once instead of for every command, and what the tests put in place of a detector holds for
the commands of a shell as well. A block that cannot run has a comment on the line before its fence that says why::

    <!-- not run: needs a webcam -->
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from tests.helpers.documents import Block, blocks

RUN = ("python", "sh")
_SET_UP = {"pip", "make", "git", "apt", "apt-get", "uv", "pre-commit", "rival/bin/pip", "caliscope/bin/pip", "."}
_CLIENT = """\
#!{python} -S
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
line.sendall(json.dumps([os.getcwd(), sys.argv[1:]]).encode() + b"\\n")
code, out, err = json.loads(line.makefile().readline())
sys.stdout.write(out), sys.stderr.write(err)
sys.exit(code)
"""


def not_run(block: Block) -> str | None:
    """Why a block is not run: what the comment before it says, or that it only sets up; None for one that runs."""
    before = block.page.read_text(encoding="utf-8").splitlines()[: block.line - 2]
    match = re.fullmatch(r"\s*<!-- not run: (.+) -->", before[-1]) if before else None
    if match:
        return match[1]
    if block.language == "sh":
        programs = [words for line in logical_lines(block.text) for words in simple_commands(line) if words]
        if all(words[0] in _SET_UP or (words[1:2] == ["-m"] and words[2] in ("venv", "pip")) for words in programs):
            return "sets up"
    return None


def runnable(page: Path) -> list[Block]:
    """The blocks of a page that run, in their order."""
    return [block for block in blocks(page) if block.language in RUN and not_run(block) is None]


def logical_lines(text: str) -> list[str]:
    """The lines of a shell block, continued ones joined."""
    return text.replace("\\\n", " ").splitlines()


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


def run_python(block: Block, names: dict[str, Any]) -> None:
    """Run a Python block; tracebacks have the page's lines."""
    exec(compile("\n" * (block.line - 1) + block.text, str(block.page), "exec"), names)


class Shell:
    """A bash in which `epipose` is a small client of this process.

    ``main`` takes the words after `epipose` and returns the exit code.
    """

    def __init__(self, folder: Path, main: Callable[[Sequence[str]], int]) -> None:
        self._main = main
        address = str(folder / "line")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen()
        client = folder / "epipose"
        client.write_text(_CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
        client.chmod(0o755)
        path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self._environment = {**os.environ, "PATH": path}

    def run(self, block: Block) -> None:
        """Run a shell block in the working folder. Raises AssertionError where it does not end with 0."""
        command = ["bash", "-e", "-o", "pipefail", "-c", block.text]
        with open("shell-output.txt", "w+b") as output:
            process = subprocess.Popen(command, env=self._environment, stdout=output, stderr=output)
            while process.poll() is None:
                self._listener.settimeout(0.05)
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    self._answer(connection)
            output.seek(0)
            said = output.read().decode(errors="replace")
        assert process.returncode == 0, f"{block} ended with {process.returncode}:\n{block.text}\n{said[-3000:]}"

    def _answer(self, connection: socket.socket) -> None:
        connection.setblocking(True)
        folder, words = json.loads(connection.makefile().readline())
        out, err = io.StringIO(), io.StringIO()
        with _inside(folder), redirect_stdout(out), redirect_stderr(err):
            try:
                code = self._main(words)
            except SystemExit as ended:  # --help, or an option that there is not
                code = ended.code if isinstance(ended.code, int) else 1
        connection.sendall(json.dumps([code, out.getvalue(), err.getvalue()]).encode() + b"\n")

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


@contextmanager
def _inside(folder: str) -> Iterator[None]:
    """Work in another folder for a while."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
