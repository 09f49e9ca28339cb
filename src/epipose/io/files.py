"""Atomic writing of result files, and records by which a finished stage is not redone.

Every file is written beside its final name and renamed when it is complete; several that belong together go into
place as one set (see `epipose.io.staged`). Every verb leaves a record ``<verb>.json`` in the set of its outputs: the
options it ran with and a fingerprint of its inputs. A verb whose record still matches has nothing to do.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from epipose.errors import DamagedFileError, InputError
from epipose.io.guard import reading
from epipose.io.npz import npz_arrays, npz_headers
from epipose.io.staged import settle, staged
from epipose.io.temporary import remove, sync, temporary, tidy
from epipose.io.tensor_file import with_sorted_texts
from epipose.io.version import installed_version
from epipose.io.write_errors import writing_to

AnyPath = str | os.PathLike[str]
_TEXTS = ("notes", "warnings")  # parts of records that are lists of texts
_RECORD: Mapping[str, type] = {"options": dict, **dict.fromkeys(_TEXTS, list)}


def as_paths(paths: AnyPath | Sequence[AnyPath]) -> tuple[Path, ...]:
    """One path or several, as paths."""
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    return tuple(Path(path) for path in several)


@contextmanager
def replacing(path: AnyPath) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it to ``path`` on success, remove it on failure.

    For several files that belong together see `epipose.io.staged`. Raises WriteError where the system refuses to write.
    """
    path = Path(path)
    part = temporary(path)
    try:
        with writing_to(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            tidy(path.parent)
            yield part
            settle(path.parent)
            sync(part)
            part.replace(path)
    except BaseException:
        remove(part)
        raise


@contextmanager
def replacing_folder(path: AnyPath, files: Collection[str]) -> Iterator[Path]:
    """Yield an empty temporary folder; its files come to the folder ``path`` together on success, else none does.

    A folder that is there is taken where it holds nothing but ``files``, which are what is about to be written, and
    those of them that are not written go; InputError for one with anything else in it.
    """
    path = Path(path)
    settle(path)
    others = sorted(entry.name for entry in path.iterdir() if entry.name not in files) if path.is_dir() else []
    others = [name for name in others if not name.startswith(".")]
    if others or path.is_file():
        got = f"holds {', '.join(others[:5])}" if others else "is a file"
        raise InputError(f"{path} {got}; expected no folder, or one with {', '.join(files)} alone. Name another one.")
    with staged(path, removes=files) as stage:
        yield stage.folder


def write_json(path: AnyPath, content: Any) -> None:
    """Write JSON, whole or not at all. NaN and infinity are refused: no reader outside Python accepts them."""
    text = json.dumps(content, indent=2, allow_nan=False)
    with replacing(Path(path)) as part:
        part.write_text(text + "\n", encoding="utf-8")


def read_json(path: AnyPath) -> Any:
    """Read JSON; raises InputError for a file that is missing or cannot be read, DamagedFileError for a broken one."""
    with reading(path, "JSON", "Write it again or give another file."):
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))


def read_object(path: AnyPath) -> Mapping[str, Any]:
    """`read_json` of a file that must hold an object, as records do; DamagedFileError for anything else.

    Options and notes, where it has any, are of their kind.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DamagedFileError(
            f"{path} holds {str(content)[:60]}, expected a JSON object. Remove it or give another file."
        )
    wrong = [key for key, kind in _RECORD.items() if key in content and not isinstance(content[key], kind)]
    texts = {key: content[key] for key in _TEXTS if key in content and key not in wrong}
    wrong += [key for key, each in texts.items() if not all(isinstance(text, str) for text in each)]
    if wrong:
        raise DamagedFileError(f"{path} has no {' and no '.join(wrong)} as records have them. Remove it.")
    return content


def write_npz(path: AnyPath, **arrays: Any) -> None:
    """Write a compressed npz without pickles, whole or not at all."""
    with replacing(Path(path)) as part:
        np.savez_compressed(part, **arrays)


def write_tensors(path: AnyPath, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors, contiguous and on the CPU, as .safetensors, whole or not at all; always the same bytes."""
    from safetensors.torch import save

    content = with_sorted_texts(save(dict(tensors), None if metadata is None else dict(metadata)))
    with replacing(Path(path)) as part:
        part.write_bytes(content)


def read_npz(
    path: AnyPath, keys: Sequence[str], made_by: str, *, optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read ``keys`` of an npz, and those of ``optional`` that it holds; ``made_by`` says how to make the file.

    Whatever else is in it is not read, and no array before its announced size was found possible (see `epipose.io.npz`).
    Raises InputError for a missing file, DamagedFileError for one that cannot be read, lacks a key, or holds Python
    objects.
    """
    path = Path(path)
    settle(path.parent)
    if not path.exists():
        raise InputError(f"There is no file {path}. Make it with: {made_by}")
    with reading(path, "npz", f"Make it again with: {made_by}"):
        arrays = npz_arrays(path, {*keys, *optional})
        missing = [key for key in keys if key not in arrays]
        if missing:
            raise DamagedFileError(
                f"{path} lacks {', '.join(missing)}; it holds {', '.join(npz_headers(path))}. Make it with: {made_by}"
            )
    return arrays


def fingerprint(paths: Sequence[AnyPath]) -> str:
    """SHA-256 over the contents of files, in the order given (names do not count).

    Of a folder, which holds the images of a view and may be huge, names and sizes stand for the contents.
    """
    digest = hashlib.sha256()
    for path in map(Path, paths):
        settle(path.parent)
        if path.is_dir():
            with os.scandir(path) as entries:
                listing = sorted((entry.name, entry.stat().st_size) for entry in entries)
            digest.update(repr(listing).encode())
            continue
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def already_done(record: AnyPath, options: Mapping[str, Any], inputs: str, outputs: Sequence[AnyPath]) -> bool:
    """Whether ``record`` says that these outputs were made from the same inputs with the same options."""
    settle(Path(record).parent)
    if not Path(record).exists() or not all(Path(path).exists() for path in outputs):
        return False
    content = read_object(record)
    return content.get("options") == json.loads(json.dumps(dict(options))) and content.get("inputs") == inputs


def write_record(record: AnyPath, options: Mapping[str, Any], inputs: str, **more: Any) -> None:
    """Write the record of a finished verb, into the set of its outputs or, where it is no set, after them.

    Outside of a set remove the old record before the first output is replaced, or a run that is cut off leaves a record
    of files that are not there.
    """
    write_json(record, {"epipose": installed_version(), "options": dict(options), "inputs": inputs, **more})
