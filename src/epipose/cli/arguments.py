"""Positional arguments that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

Sources = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO|FOLDER ...")]
Folder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CLIP")]
