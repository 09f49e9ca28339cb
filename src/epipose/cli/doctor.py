"""Check of the installation: `epipose doctor`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from epipose.errors import InstallationError
from epipose.io.ranges import OptionRecord

if TYPE_CHECKING:
    from epipose.cli.installation import Check

_WIDTH = 100


@dataclass(frozen=True)
class Doctor(OptionRecord):
    """Check the installation: packages, extras, devices, weights, folders, EGL, video encoder, free disk.

    Each line says ok, missing (a part of epipose does without it) or fault, and what to do. Ends with exit code 5 where
    there is a fault. Needs no network.
    """

    json: bool = False
    """Print one JSON object instead, for programs and for reports of errors."""

    def run(self) -> None:
        """Carry the command out; raises InstallationError for a fault."""
        from epipose.cli.installation import installation

        checks = []
        for check in installation():
            checks.append(check)
            if not self.json:
                print(line(check), flush=True)
        faults = [check.name for check in checks if check.state == "fault"]
        if self.json:
            print(json.dumps({"ok": not faults, "checks": [asdict(check) for check in checks]}, indent=2))
        if faults:
            raise InstallationError(f"{', '.join(faults)}: without this nothing works. See what to do above.")
        if not self.json:
            print(conclusion(checks))


def line(check: Check) -> str:
    """A check on one line: state, name, what was found; what to do follows, indented."""
    text = f"{check.state:8} {check.name:24} {check.found}"
    if check.remedy:
        text += "\n" + textwrap.fill(check.remedy, _WIDTH, initial_indent=" " * 9 + "-> ", subsequent_indent=" " * 12)
    return text


def conclusion(checks: Sequence[Check]) -> str:
    """The last sentence, where there is no fault."""
    missing = sum(check.state == "missing" for check in checks)
    rest = f" What is missing ({missing}) only some features need." if missing else ""
    return f"epipose is ready.{rest} Try it: epipose demo --out demo"
