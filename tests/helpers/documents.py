"""The pages of the repository, and the fenced blocks of code in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CARD = ROOT / "src" / "epipose" / "network" / "pretrained_weights" / "CARD.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), CARD])


@dataclass(frozen=True)
class Block:
    """One fenced block: its page, the number of its first line, its language and its text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The fenced blocks of a page, in their order; of one language if that is given."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    all_of_them = [Block(page, text.count("\n", 0, match.start(2)) + 1, match[1], match[2]) for match in found]
    return [block for block in all_of_them if language in (None, block.language)]


def all_blocks(language: str) -> list[Block]:
    """The blocks of one language on all pages."""
    return [block for page in PAGES for block in blocks(page, language)]


def prose(page: Path) -> str:
    """The page's text without its fenced blocks."""
    return re.sub(r"^```\w*\n.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
