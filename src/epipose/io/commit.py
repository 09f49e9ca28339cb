"""A set of files put in place as one: a redo log in the folder itself.

The files of a set are first written into a staging folder inside their folder. That staging folder, with a list of
what it holds and of the files that the set makes obsolete, is renamed to ``.epipose.commit``: one step, before which
the old set is in force and after which the new one is. Then the files are moved out of it to their places, obsolete
ones are removed, and the list and the folder go. Whoever is cut off while moving leaves the log, and the next process
moves what is left (`roll_forward`); moving twice does no harm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path, PureWindowsPath
from typing import Any

from epipose.errors import DamagedFileError, InputError
from epipose.io.temporary import remove, sync

COMMIT = ".epipose.commit"
_LIST = ".epipose.set.json"


def commit(staging: Path, folder: Path, removes: Collection[str]) -> None:
    """Bring the new set into force; ``staging`` lies in ``folder``. `roll_forward` then puts it in place.

    Raises InputError where a folder stands in the place of a file. Nothing is changed until the last step.
    """
    files = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*") if not path.is_dir())
    for name in files:
        if (folder / name).is_dir():
            raise InputError(f"{folder / name} is a folder, and a file is to be written there. Move it away.")
        sync(staging / name)
    content = {"files": files, "removes": sorted(set(removes) - set(files))}
    (staging / _LIST).write_text(json.dumps(content), encoding="utf-8")
    sync(staging / _LIST)
    sync(staging)
    staging.rename(folder / COMMIT)
    sync(folder)


def pending(folder: Path) -> bool:
    """Whether a set that is in force is not yet in place."""
    log = folder / COMMIT
    return log.is_dir() and not log.is_symlink() and _is_ours(log)


def _is_ours(log: Path) -> bool:
    """Whether this user, the folder's owner or root made the log: others may write into a folder such as /tmp, too."""
    if os.name != "posix":
        return True
    return log.stat().st_uid in (os.geteuid(), log.parent.stat().st_uid, 0)


def roll_forward(folder: Path) -> None:
    """Put the files of the set in force in their places, as far as they are not; call it with the folder's lock.

    Raises DamagedFileError for a list that `commit` did not write.
    """
    log = folder / COMMIT
    if not pending(folder):
        return
    if (log / _LIST).exists():  # it goes when everything is in place
        content = _listed(log / _LIST)
        for name in content["files"]:
            if (log / name).exists():
                target = folder / name
                if target.parent != folder:
                    target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(log / name, target)
        for name in content["removes"]:
            (folder / name).unlink(missing_ok=True)
        sync(folder)
        (log / _LIST).unlink()
    remove(log)


def _listed(path: Path) -> dict[str, list[str]]:
    """The list of a set; its names stay within the folder."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        names = {key: [str(name) for name in content[key]] for key in ("files", "removes")}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    for name in (*names["files"], *names["removes"]):
        there = PureWindowsPath(name)  # which knows the separators of every system
        if not name or ".." in there.parts or there.anchor:
            raise _damaged(path, f"it names {name!r}")
    return names


def _damaged(path: Path, why: str) -> DamagedFileError:
    return DamagedFileError(
        f"{path} is no list of files that epipose wrote ({why}). Remove {path.parent} and make the files of "
        f"{path.parent.parent} again."
    )
