"""Checks of an installation: packages, devices, weights, places to write, and what to do about each.

Which packages are needed, and which extra brings which, is read from the installed package's own metadata, so that no
second list can fall behind pyproject.toml.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epipose.errors import EpiposeError
from epipose.io.fetch import cache_folder
from epipose.io.version import installed_version
from epipose.io.writable import check_folder

State = Literal["ok", "missing", "fault"]

DEVELOPER_EXTRAS = frozenset({"bench", "dev", "docs"})  # nothing that a user runs needs them
_MODULES = {"opencv-python-headless": "cv2", "pillow": "PIL"}  # where package and module are named differently
_REPLACEABLE = {"onnxruntime": "BlazePose runs by PyTorch instead, at about half the speed. pip install onnxruntime"}
_LEAST_FREE = 2_000_000_000  # bytes: the weights, a clip and its report


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, its state, what was found, and what to do unless all is well.

    ``state``: ok; missing, where a part of epipose does without; fault, where nothing works before it is put right.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def installation() -> Iterator[Check]:
    """All checks in the order in which they are shown; each takes at most a few seconds, none needs a network."""
    yield Check("epipose", "ok", f"{installed_version()} in {Path(__file__).parents[1]}")
    yield Check("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    needed, extras = requirements()
    yield from map(needed_package, needed)
    yield from (extra_packages(name, packages) for name, packages in sorted(extras.items()))
    yield from _guarded("devices", devices)
    yield from _guarded("networks", weight_files)
    yield from folders()
    yield drawing()
    yield encoder()


def _guarded(name: str, checks: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The checks, and a fault in place of those that could not be made, as where PyTorch is broken."""
    try:
        yield from checks()
    except Exception as error:
        yield Check(name, "fault", f"{type(error).__name__}: {error}", "Put right the faults above, and check again.")


def requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Packages that epipose needs, and those of every extra but developers', as its metadata state them."""
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("epipose") or []:
        requirement, _, marker = line.partition(";")
        name = re.split(r"[<>=!~\[ ]", requirement.strip())[0]
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", marker)
        if extra is None:
            needed.append(name)
        elif extra[1] not in DEVELOPER_EXTRAS:
            extras.setdefault(extra[1], []).append(name)
    return needed, extras


def needed_package(name: str) -> Check:
    """Whether a package that epipose needs can be imported, and its version."""
    try:
        importlib.import_module(_MODULES.get(name, name))
        return Check(name, "ok", importlib.metadata.version(name))
    except Exception as error:  # a broken installation raises whatever it likes
        if name in _REPLACEABLE:
            return Check(name, "missing", f"cannot be imported ({error})", _REPLACEABLE[name])
        remedy = f"pip install --force-reinstall --no-deps {name}"
        return Check(name, "fault", f"cannot be imported ({type(error).__name__}: {error})", remedy)


def extra_packages(extra: str, packages: list[str]) -> Check:
    """Whether the packages of an extra are installed; nothing of them is imported."""
    missing = [name for name in packages if not _is_installed(name)]
    if missing:
        found = f"{', '.join(missing)} not installed"
        return Check(f"extra {extra}", "missing", found, f"pip install 'epipose[{extra}]'")
    return Check(f"extra {extra}", "ok", ", ".join(f"{each} {importlib.metadata.version(each)}" for each in packages))


def _is_installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def devices() -> Iterator[Check]:
    """The processor's cores, and the graphics cards that PyTorch finds."""
    import torch

    from epipose.detection.detect import usable_cores

    yield Check("processor", "ok", f"{usable_cores()} cores to use")
    cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    if cards:
        yield Check("graphics card", "ok", ", ".join(cards))
        return
    remedy = "Only training in full needs one (epipose run --network full); the rest runs on the processor."
    if shutil.which("nvidia-smi"):
        remedy += " There is a driver of NVIDIA: install a PyTorch with CUDA of its version."
    yield Check("graphics card", "missing", f"PyTorch {torch.__version__} finds no CUDA device", remedy)


def weight_files() -> Iterator[Check]:
    """The networks: the pretrained ones in the package, BlazePose's person detector and heavy network in the cache."""
    from epipose.network.blazepose_weights import DETECTION, LANDMARKS
    from epipose.network.pretrained import pretrained_model

    try:
        yield Check("pretrained network", "ok", str(pretrained_model("full")))
    except EpiposeError as error:
        yield Check("pretrained network", "fault", str(error), "pip install --force-reinstall --no-deps epipose")
    needs = {
        "person detector": (DETECTION, "epipose weights (3 MB; the first detection downloads it)"),
        "BlazePose heavy": (LANDMARKS["heavy"], "epipose weights --variant heavy (more accurate, and slower)"),
    }
    for name, (file, remedy) in needs.items():
        if file.cached:
            yield Check(name, "ok", str(file.path))
        else:
            yield Check(name, "missing", f"not in {file.path.parent}", remedy)


def folders() -> Iterator[Check]:
    """Whether the cache, the temporary and the present folder take files, and the room on their disks."""
    places = {
        "cache folder": (cache_folder(), "Set EPIPOSE_CACHE to a folder that can be written."),
        "temporary folder": (Path(tempfile.gettempdir()), "Set TMPDIR to a folder that can be written."),
        "present folder": (Path.cwd(), "Give --out a folder elsewhere."),
    }
    for name, (path, remedy) in places.items():
        try:
            check_folder(path, name)
        except EpiposeError as error:
            yield Check(name, "missing" if path == Path.cwd() else "fault", str(error), remedy)
            continue
        free = shutil.disk_usage(_first_that_exists(path)).free
        found = f"{path}, {free / 1e9:.1f} GB free"
        roomy = free >= _LEAST_FREE
        yield Check(name, "ok" if roomy else "missing", found, "" if roomy else "Make room: 2 GB are little.")


def _first_that_exists(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def drawing() -> Check:
    """Whether the studio can draw: OpenGL without a window, by EGL."""
    from epipose.studio.renderer import gl_context

    try:
        context = gl_context()
        try:
            return Check("EGL", "ok", str(context.info["GL_RENDERER"]))
        finally:
            context.release()
    except Exception as error:
        return Check("EGL", "missing", "the studio cannot draw its clips", str(error))


def encoder() -> Check:
    """Whether the video library has an encoder of H.264."""
    try:
        import av

        if "libx264" in av.codecs_available:
            return Check("video encoder", "ok", "libx264 (H.264)")
    except Exception as error:
        return Check("video encoder", "fault", f"PyAV cannot be imported ({error})", "pip install --force-reinstall av")
    remedy = "Videos are written as MPEG-4 instead, larger. pip install --force-reinstall --only-binary av av"
    return Check("video encoder", "missing", f"no H.264 in PyAV {av.__version__} on {sys.platform}", remedy)
