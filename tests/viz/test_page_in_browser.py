"""The viewer's page in Chromium without a window: keys, a click on the error plot, and that something is drawn."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from epipose.viz.page_assets import scene_assets, scene_block
from epipose.viz.scene import load_scene
from epipose.viz.scene_data import scene_data
from epipose.viz.viewer import view
from tests.helpers.viewed_clip import FRAMES

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="needs Chromium")]

ACT = """<script>addEventListener("load", () => setTimeout(() => {
const press = (key, more = {}) => document.dispatchEvent(new KeyboardEvent("keydown", {key, ...more}));
const said = [], say = () => said.push(document.querySelector("output").textContent);
press("End"); say(); press("ArrowLeft"); say(); press("ArrowLeft", {shiftKey: true}); say(); press("ArrowRight"); say();
press("Home"); say();
const plot = document.querySelector(".plot"), box = plot.getBoundingClientRect();
plot.setPointerCapture = () => {};
const middle = box.left + 34 + (box.width - 42) / 2;
plot.dispatchEvent(new PointerEvent("pointerdown", {clientX: middle, clientY: box.top + 9})); say();
press(" "); const playing = document.querySelector("button").ariaLabel; press(" ");
const look = (more) => {
  const colors = [...document.querySelectorAll(".tiles canvas, .stage canvas")].map((canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
  });
  const wide = document.documentElement.scrollWidth;
  document.title = JSON.stringify({said, playing, colors, wide, rows: document.querySelectorAll("tbody tr").length});
  if (more && Math.min(...colors) <= 20) setTimeout(() => look(more - 1), 100); // not painted yet
};
look(25);
}, 600));</script></body>"""


def dumped(page: str, folder: Path, width: int) -> str:
    """The document after its scripts have run."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    command = [
        str(BROWSER), "--headless", "--no-sandbox", f"--user-data-dir={folder / 'profile'}", "--disable-gpu",
        f"--window-size={width},900", "--virtual-time-budget=4000", "--dump-dom", (folder / "page.html").as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("width", [1400, 500])
def test_keys_and_clicks_go_to_their_moments(viewed: Path, tmp_path: Path, width: int) -> None:
    view(viewed, html=tmp_path / "view.html")
    page = (tmp_path / "view.html").read_text(encoding="utf-8")
    found = re.search(r"<title>(\{.*?\})</title>", dumped(page.replace("</body>", ACT), tmp_path, width))
    assert found is not None
    seen: dict[str, Any] = json.loads(found[1])
    frames = [int(text.rpartition(" ")[2]) for text in seen["said"]]
    assert frames[:5] == [FRAMES - 1, FRAMES - 2, 0, 1, 0]
    assert frames[5] in (4, 5)
    assert seen["playing"] == "pause"
    assert len(seen["colors"]) == 5
    assert min(seen["colors"]) > 20  # images, skeletons, floor and cameras, not one colour
    assert seen["rows"] == 4
    assert seen["wide"] <= width


def test_a_scene_in_another_page_is_drawn(viewed: Path, tmp_path: Path) -> None:
    block = scene_block(scene_data(load_scene(viewed)), autoplay=False)
    count = (
        "<script>const look = (more) => {const c = document.querySelector('canvas'), d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data, colours = new Set(new Uint32Array(d.buffer)).size;"
        "document.title = 'colours ' + colours; if (more && colours <= 20) setTimeout(() => look(more - 1), 100);};"
        "setTimeout(() => look(25), 200)</script>"  # until it is painted
    )
    html = dumped(f"<html><body>{scene_assets()}{block}{count}</body></html>", tmp_path, 700)
    found = re.search(r"<title>colours (\d+)</title>", html)
    assert found is not None
    assert int(found[1]) > 20
