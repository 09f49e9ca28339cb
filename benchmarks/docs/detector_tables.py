"""Tables of docs/detectors.md, from the registry of detectors and the list of known files themselves."""

from __future__ import annotations

import importlib
import inspect

from epipose.detection.factory_options import described
from epipose.detection.registry import DETECTORS
from epipose.experiments.tables import markdown
from epipose.network.known_models import KNOWN


def detectors() -> str:
    """Every detector of the package: the first sentence of its factory, and the options with their defaults."""
    rows = []
    for name, place in DETECTORS.items():
        module, _, function = place.partition(":")
        factory = getattr(importlib.import_module(module), function)
        summary = (inspect.getdoc(factory) or "").splitlines()[0].rstrip(".")
        rows.append([f"`{name}`", summary, described(factory)])
    return markdown(("`--detector`", "what", "options, with their defaults"), rows)


def known_models() -> str:
    """Every published file that has a short name."""
    rows = [
        [
            f"`{detector}:{name}`",
            model.skeleton,
            model.input,
            f"{model.megabytes}",
            model.licence,
            f"[file]({model.url})",
        ]
        for detector, models in KNOWN.items()
        for name, model in models.items()
    ]
    return markdown(("`--detector`", "skeleton", "input", "MB", "licence of the weights", "where"), rows)
