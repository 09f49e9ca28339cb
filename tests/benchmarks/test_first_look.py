"""The browser's measures: where the first large drawing is, what is too wide, and what scripts get wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.docs.chromium import Browser, find_chromium
from benchmarks.docs.first_look import FirstLook, first_look, take_pictures

CHROMIUM = find_chromium()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]
PAGE = """<!doctype html><meta name="viewport" content="width=device-width, initial-scale=1"><body style="margin:0">
<div style="height:{above}px"></div><img width="20" height="20"><canvas style="display:block;width:{wide}px;height:200px">
</canvas><canvas width="200" height="200"></canvas><script>{script}</script>"""


def page(folder: Path, above: int = 321, wide: int = 300, script: str = "") -> Path:
    (folder / "page.html").write_text(PAGE.format(above=above, wide=wide, script=script))
    return folder / "page.html"


def test_the_first_large_drawing_is_found(tmp_path: Path) -> None:
    look = first_look(page(tmp_path), str(CHROMIUM))
    assert 341 <= look.person_first_px <= 350, "below the small image"
    assert abs(look.person_first_px - look.phone_first_px) <= 2
    assert look.good
    assert not replace(look, person_first_px=501).good
    assert not replace(look, person_first_px=-1).good


def test_what_is_too_wide_and_what_goes_wrong_is_told(tmp_path: Path) -> None:
    script = "fetch('http://127.0.0.1:9/a').catch(() => 0); throw new Error('oh')"
    look = first_look(page(tmp_path, wide=500, script=script), str(CHROMIUM))
    assert look.too_wide_px in (110, 111)
    assert any("oh" in error for error in look.errors)
    assert any("127.0.0.1:9" in error for error in look.errors)
    assert not look.good


def test_pictures_have_the_sizes_of_both_screens(tmp_path: Path) -> None:
    desktop, phone = take_pictures(page(tmp_path), "a", str(CHROMIUM), tmp_path / "pictures")
    for picture, size in ((desktop, (1400, 900)), (phone, (585, 1266))):
        with Image.open(picture) as image:
            assert image.size == size


def test_the_browser_ends_with_the_block(tmp_path: Path) -> None:
    with Browser(str(CHROMIUM), 300, 300) as browser:
        browser.open(page(tmp_path), settle=0)
        assert browser.evaluate("1 + 1") == 2
        with pytest.raises(RuntimeError, match="wasn't found"):
            browser.call("No.suchCommand")
        number = browser._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_limits() -> None:
    assert FirstLook(500, 900, 0, ()).good
    assert not FirstLook(100, 100, 0, ("error",)).good
