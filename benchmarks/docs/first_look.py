"""First look at the pages in a browser: how far down the person is seen, how wide pages are, and pictures for the docs.

    python -m benchmarks.docs.first_look demo/report.html demo/view.html

prints ``person_first_px`` (height above the first 3D scene or image of the person in report.html, 1400 px wide) and
writes docs/pictures. ``--check`` writes nothing and exits with 1 where a limit is broken. Needs Chromium.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from benchmarks.docs.chromium import Browser, find_chromium

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
DESKTOP, PHONE = (1400, 900), (390, 844)  # CSS pixels
MOST_FIRST_PX = 500

# The top of the first canvas, image or video that is large enough to show a person.
_FIRST = """(() => {
  const large = [...document.querySelectorAll("canvas, img, video")].map((e) => e.getBoundingClientRect())
    .filter((box) => box.width >= 100 && box.height >= 100);
  return large.length ? Math.round(Math.min(...large.map((box) => box.top + scrollY))) : -1;
})()"""
_STILL = {"name": "prefers-reduced-motion", "value": "reduce"}
_OPEN = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"
_TOO_WIDE = f"Math.max(0, document.documentElement.scrollWidth - {PHONE[0]})"  # innerWidth grows with what is wider


@dataclass(frozen=True)
class FirstLook:
    """What a browser shows of a page.

    ``person_first_px``: pixels above the first 3D scene or image at 1400 px width, -1 without one; ``phone_first_px``:
    the same at 390 px. ``too_wide_px``: by how much the page, unfolded, is wider than the phone. ``errors``: exceptions
    of its scripts, and addresses that it asked the network for.
    """

    person_first_px: int
    phone_first_px: int
    too_wide_px: int
    errors: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether all limits are kept."""
        return 0 <= self.person_first_px <= MOST_FIRST_PX and not self.too_wide_px and not self.errors


def first_look(page: Path, program: str) -> FirstLook:
    """Load a page at both widths and measure it."""
    with Browser(program, *DESKTOP) as desktop:
        desktop.open(page)
        first, errors = desktop.evaluate(_FIRST), desktop.errors
    with Browser(program, *PHONE, scale=2, phone=True) as phone:
        phone.open(page)
        first_on_phone = phone.evaluate(_FIRST)
        phone.evaluate(_OPEN)
        return FirstLook(first, first_on_phone, phone.evaluate(_TOO_WIDE), tuple(dict.fromkeys(errors + phone.errors)))


def take_pictures(page: Path, name: str, program: str, folder: Path = PICTURES) -> tuple[Path, ...]:
    """Write NAME-desktop.webp and NAME-phone.webp, what is seen first of a page on either screen."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, size, scale in (("desktop", DESKTOP, 1.0), ("phone", PHONE, 1.5)):
        with Browser(program, *size, scale=scale, phone=kind == "phone") as browser:
            browser.call("Emulation.setEmulatedMedia", features=[_STILL])  # so that pictures are of one moment
            browser.open(page, settle=1.5)
            target = folder / f"{name}-{kind}.webp"
            browser.screenshot(png := target.with_suffix(".png"))
        with Image.open(png) as image:
            image.convert("RGB").save(target, quality=88, method=6)
        png.unlink()
        written.append(target)
    return tuple(written)


def main() -> int:
    """Measure the pages; write the pictures, or check the limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="report.html of a run")
    parser.add_argument("view", type=Path, nargs="?", help="view.html, for its pictures")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a limit is broken")
    parser.add_argument("--whole", type=Path, help="folder for images of the whole pages and for the printed report")
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        print("Chromium is not installed; nothing was measured.")
        return 2
    look = first_look(options.report, program)
    print(json.dumps(asdict(look), indent=1))
    if options.whole:
        _whole(options.report, program, options.whole)
    if not options.check:
        for page, name in ((options.report, "report"), (options.view, "viewer")):
            for written in take_pictures(page, name, program) if page else ():
                print(f"{written} written.")
    return 0 if look.good or not options.check else 1


def _whole(page: Path, program: str, folder: Path) -> None:
    """The whole page at both widths as it is and with all sections open, and as it prints, to be looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, size in (("desktop", DESKTOP), ("phone", PHONE)):
        with Browser(program, *size, phone=kind == "phone") as browser:
            browser.open(page)
            browser.screenshot(folder / f"{page.stem}-{kind}.png", whole=True)
            browser.evaluate(_OPEN)
            browser.screenshot(folder / f"{page.stem}-{kind}-open.png", whole=True)
    with Browser(program, *DESKTOP) as browser:
        browser.open(page)
        browser.print_pdf(folder / f"{page.stem}.pdf")


if __name__ == "__main__":
    sys.exit(main())
