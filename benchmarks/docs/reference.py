"""Write docs/reference/ from the options and docstrings of the code, and docs/cite.md from CITATION.cff.

--check only compares.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.docs import api_page, citation, command_line_page

_FOLDER = Path(__file__).resolve().parents[2] / "docs"
_PAGES = {
    "reference/command-line.md": command_line_page.page,
    "reference/api.md": api_page.page,
    "cite.md": citation.page,
}


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page is out of date")
    check = parser.parse_args().check
    stale = []
    for name, page in _PAGES.items():
        path, text = _FOLDER / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(f"docs/{name}")
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    print(f"{'out of date' if check else 'rewritten'}: {', '.join(stale) or 'none'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
