"""Choice of the exporter by the ending of the file's name, among epipose's own and those of other packages."""

from __future__ import annotations

import importlib
from pathlib import Path

from epipose.errors import InputError
from epipose.exporters import EXPORTERS, ends_with, plugins
from epipose.exporters.base import Exporter


def exporter_for(out: Path) -> Exporter:
    """The exporter for a file of this name; InputError that lists the endings there are. The longest ending counts."""
    others = plugins()
    endings = [ending for ending in {**others, **EXPORTERS} if ends_with(out.name.lower(), ending)]
    if not endings:
        raise InputError(f"No exporter writes '{out.name}'. Known endings: {', '.join({**EXPORTERS, **others})}.")
    ending = max(endings, key=len)
    if ending not in EXPORTERS:
        return others[ending].load()
    module, _, function = EXPORTERS[ending].place.partition(":")
    return getattr(importlib.import_module(module), function)
