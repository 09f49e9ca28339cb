"""Progress of long work: a bar on a terminal; elsewhere, as in a log file, a plain line every ten seconds.

Used as tqdm is: around an iterable, or with `update`. Nothing is shown of work that takes less than two seconds on a
terminal, ten elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tqdm import tqdm

    Progress: TypeAlias = tqdm[Any]
else:
    Progress = Any  # tqdm takes a while to import

LINE_SECONDS = 10.0
_BAR_SECONDS = 2.0


def progress(
    iterable: Iterable[Any] | None = None,
    *,
    desc: str,
    total: int | None = None,
    unit: str = "step",
    initial: int = 0,
    quiet: bool = False,
    lines: bool | None = None,
) -> Progress:
    """A measure of work on standard error, as a context manager, or around an iterable.

    ``total``: how many units there are, where the iterable does not say; ``initial``: how many were done before.
    ``quiet`` shows nothing. ``lines``: plain lines instead of a bar; by default where standard error is no terminal.
    """
    from tqdm import tqdm

    file = sys.stderr
    lines = not (file is not None and file.isatty()) if lines is None else lines
    kind, delay = (_lines(), LINE_SECONDS) if lines else (tqdm, _BAR_SECONDS)
    rest: dict[str, Any] = {"mininterval": LINE_SECONDS, "miniters": 1} if lines else {"unit_scale": unit == "B"}
    return kind(
        iterable, desc=desc, total=total, unit=unit, initial=initial, delay=delay, file=file, disable=quiet, **rest
    )


@cache
def _lines() -> type[tqdm[Any]]:
    from tqdm import tqdm

    class Lines(tqdm):
        """Whole lines instead of one that is drawn over."""

        monitor_interval = 0  # no thread
        _shown: float | None = None  # units at the last line

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            self._shown = self.n
            try:
                print(msg or _line(self.format_dict), file=self.fp, flush=True)
            except (OSError, ValueError):  # a log that cannot be written must not end the work
                self.disable = True

        def close(self) -> None:
            if self.disable:
                return
            if self._shown not in (None, self.n):
                self.display()
            self.leave, self.disable = False, True
            self._decr_instances(self)  # type: ignore[attr-defined]

    return Lines


def _line(state: Mapping[str, Any]) -> str:
    """A sentence on how far the work is: what, how many of how many, how fast, how long still."""
    done, total, unit, seconds = state["n"], state["total"], state["unit"], state["elapsed"]
    rate = (done - state["initial"]) / seconds if seconds else 0.0
    size = (lambda count: f"{count / 1e6:.1f} M") if unit == "B" else grouped
    of = f" of {size(total)}" if total else ""
    share = f" ({done / total:.0%})" if total else ""
    name = "" if unit == "B" else f" {unit}s"
    speed = f", {size(rate) if unit == 'B' else f'{rate:.3g}'} per second"
    left = (
        f", {in_time((total - done) / rate)} left" if total and rate and done < total else f", {in_time(seconds)} taken"
    )
    return f"{state['prefix']}: {size(done)}{of}{name}{share}{speed}{left}"


def grouped(count: float | int) -> str:
    """A number in groups of three digits: 36 000."""
    return f"{count:,}".replace(",", " ")


def in_time(seconds: float) -> str:
    """A duration in words, rounded as one would say it: 8 s, 3 min, 2 h 10 min."""
    if seconds < 59.5:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h" + (f" {rest} min" if rest and hours < 10 else "")
