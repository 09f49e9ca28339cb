"""docs/errors.md, written from the exception classes in epipose.errors; --check says whether it is up to date."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from epipose import errors
from epipose.errors import EpiposeError

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"

_HEAD = """\
# Errors

This page is written from [errors.py](../src/epipose/errors.py) by `python -m benchmarks.docs.errors`.

Every error that epipose raises on purpose is an `EpiposeError`. Its message says what was got, what was expected and
what to do. The class attribute `code` is stable: programs can tell errors apart by it without reading the message.

```python
import epipose

try:
    epipose.load_clip(["cam1.mp4", "missing.mp4"])
except epipose.EpiposeError as error:
    print(error.code, error)
```

The command line prints the message to standard error, without a traceback, and ends with the exit code. A file that the
operating system cannot read or write (`OSError`) ends it with 2, an interruption with 130.

"""

_COLUMNS = ("class", "derived from", "code", "exit code", "meaning", "remedy")


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the page is out of date")
    check = parser.parse_args().check
    stale = not _PAGE.exists() or _PAGE.read_text(encoding="utf-8") != page()
    if stale and not check:
        _PAGE.write_text(page(), encoding="utf-8")
    print(f"docs/errors.md: {('out of date' if check else 'rewritten') if stale else 'up to date'}")
    return int(check and stale)


def page() -> str:
    """The whole page: how errors are caught, and one row for every class, base classes first."""
    rows = [f"| {' | '.join(_cells(error))} |" for error in error_classes()]
    table = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}", *rows]
    return _HEAD + "\n".join(table) + "\n"


def error_classes() -> list[type[EpiposeError]]:
    """EpiposeError and the subclasses that epipose.errors defines, each below its base."""
    return [EpiposeError, *_below(EpiposeError)]


def _below(base: type[EpiposeError]) -> Iterator[type[EpiposeError]]:
    for error in base.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from _below(error)


def _cells(error: type[EpiposeError]) -> list[str]:
    base = "`Exception`" if error is EpiposeError else f"`{error.__bases__[0].__name__}`"
    meaning = inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    return [f"`{error.__name__}`", base, f"`{error.code}`", str(error.exit_code), meaning, error.remedy]


if __name__ == "__main__":
    sys.exit(main())
