"""Scripts and styles of pages, files of the package, and data as they stand in HTML: nothing is loaded from elsewhere."""

from __future__ import annotations

import json
from importlib.resources import files

from epipose.viz.scene_data import SceneData


def asset(name: str) -> str:
    """The text of a file of ``viz/web``, such as "scene.js"."""
    return (files("epipose.viz") / "web" / name).read_text(encoding="utf-8")


def json_in_html(content: object) -> str:
    """JSON that may stand in a script element: no text in it can end the element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def scene_assets() -> str:
    """Style and script of the 3D scene, once for each page that has any `scene_block`."""
    return f"<style>{asset('scene.css')}</style><script>{asset('scene.js')}</script>"


def scene_block(data: SceneData, *, autoplay: bool = True) -> str:
    """HTML of a 3D scene with its controls, for a page with `scene_assets`; it plays while it is in sight.

    ``autoplay`` False: not before its button is pressed. Without scripts the page says that they are needed.
    """
    started = "true" if autoplay else "false"
    return (
        f'<div class="epipose-scene"><script type="application/json">{json_in_html(data.json())}</script>'
        "<noscript>The 3D scene needs JavaScript.</noscript></div>"
        "<script>{const host = document.currentScript.previousElementSibling; "
        f"Epipose.mount(host, JSON.parse(host.firstElementChild.textContent), {started});}}</script>"
    )
