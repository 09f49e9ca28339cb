"""Joint maps: which joints of a file are taken, under which names, and how they hang together (``--joints``).

A TOML file::

    name = "climber"

    [joints]                      # name or number (from 0) in the file = our name; all others are left out
    Lsho = "left_shoulder"
    "5" = "right_shoulder"

    [parents]                     # where they do not follow from our names
    left_palm = "left_wrist"

    [pairs]                       # left = right, where the names do not say so
    inner_arm = "outer_arm"

Or the name of a known skeleton, where the file has its joints in its order.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from epipose.errors import DamagedFileError, InputError
from epipose.formats.joint_names import joint_named, skeleton_of_names
from epipose.io.guard import reading
from epipose.skeleton import Skeleton
from epipose.skeletons import SKELETONS

_TABLES = ("joints", "parents", "pairs")


@dataclass(frozen=True)
class JointMap:
    """A joint map as its file has it: ``joints`` from the file's to our names, ``parents`` and ``pairs`` by our names."""

    source: str
    name: str
    joints: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    known: Skeleton | None = None

    def applied(
        self, names: tuple[str, ...], count: int, edges: tuple[tuple[int, int], ...] = ()
    ) -> tuple[Skeleton, list[int]]:
        """The skeleton, and for each of its joints the index among the file's ``count`` joints, called ``names``.

        Raises InputError for joints that the file does not have, with those it has.
        """
        if self.known is not None:
            if len(self.known.joints) != count:
                raise InputError(
                    f"--joints {self.source}: {self.known.name} has {len(self.known.joints)} joints, the keypoints have "
                    f"{count}. Give a joint map in TOML."
                )
            return self.known, list(range(count))
        indices = [self._index(key, names, count) for key in self.joints]
        if len(set(indices)) < len(indices):
            raise InputError(f"{self.source}: [joints] names a joint of the file twice. Name each once.")
        number = {index: k for k, index in enumerate(indices)}
        kept = [(number[a], number[b]) for a, b in edges if a in number and b in number]
        found = skeleton_of_names(self.name, list(self.joints.values()), kept, recognise=False)
        if not self.parents and not self.pairs:
            return found, indices
        return self._completed(found), indices

    def _completed(self, found: Skeleton) -> Skeleton:
        """The skeleton with the parents and pairs that the map states."""
        parents, flip = list(found.parents), list(found.flip)
        for child, parent in self.parents.items():
            parents[found.index(child)] = found.index(parent) if parent else -1
        for left, right in self.pairs.items():
            a, b = found.index(left), found.index(right)
            flip[a], flip[b] = b, a
        return Skeleton(self.name, found.joints, tuple(parents), tuple(flip))

    def _index(self, key: str, names: tuple[str, ...], count: int) -> int:
        if key in names:
            return names.index(key)
        alike = [k for k, name in enumerate(names) if joint_named(name) == joint_named(key)]
        if len(alike) == 1:
            return alike[0]
        if re.fullmatch(r"[0-9]{1,6}", key) and int(key) < count:
            return int(key)
        has = ", ".join(names) if names else f"{count} joints without names: give their numbers, 0 to {count - 1}"
        raise InputError(f"{self.source}: [joints] has '{key}', which the keypoints do not have; they have {has}.")


def read_joint_map(source: str) -> JointMap:
    """A map from a TOML file, or the skeleton of that name. Raises InputError or DamagedFileError for anything else."""
    if source in SKELETONS:
        return JointMap(source, source, known=SKELETONS[source])
    path = Path(source)
    if not path.exists():
        raise InputError(
            f"--joints {source}: there is no such file, and no skeleton of that name: {', '.join(SKELETONS)}."
        )
    with reading(path, "TOML", "See the joint maps in docs/formats.md."):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = [key for key in content if key not in ("name", *_TABLES)]
    tables = {key: content.get(key, {}) for key in _TABLES}
    wrong = [key for key, table in tables.items() if not _is_table_of_texts(table)]
    if unknown or wrong or not tables["joints"]:
        what = f"has the unknown key '{unknown[0]}'" if unknown else "has no table [joints]"
        what = f"has a [{wrong[0]}] that is no table of texts" if wrong else what
        raise DamagedFileError(f"{path} {what}; expected name, [joints], and perhaps [parents] and [pairs].")
    return JointMap(str(path), str(content.get("name", path.stem)), **tables)


def _is_table_of_texts(table: object) -> bool:
    return isinstance(table, dict) and all(isinstance(value, str) for value in table.values())
