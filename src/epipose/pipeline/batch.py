"""The whole pipeline on every clip of a folder: one after the other, in several processes, or on a cluster.

Clips do not depend on one another. One that fails stops none of the others and is tried again by the next call, which
takes what is done from its record. The summary is written anew after every clip, of very many clips after some.
"""

from __future__ import annotations

import glob
import logging
import os
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from epipose.errors import InputError, optional
from epipose.io.lock import folder_lock
from epipose.io.options import with_changes
from epipose.io.ranges import Count, check_value
from epipose.io.writable import check_folder
from epipose.pipeline.batch_summary import in_words, write_summary
from epipose.pipeline.checks import check_options
from epipose.pipeline.clip_job import ClipJob, ClipOutcome, run_apart, run_clip
from epipose.pipeline.clip_search import FoundClip, clips_in
from epipose.pipeline.options import RunOptions

log = logging.getLogger("epipose")

_SUMMARY_REST = 20  # times as long as writing the summary took, before it is written again
BATCH_OPTIONS = RunOptions(network="none")


def batch(
    folder: Path,
    out: Path,
    options: RunOptions = BATCH_OPTIONS,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    **changes: Any,
) -> tuple[ClipOutcome, ...]:
    """`run` on every clip of a folder (see `clips_in`); clip folders, ``summary.csv`` and ``summary.html`` in ``out``.

    ``jobs``: processes at a time, among which the processor's cores are divided. ``scheduler``: the address of a
    dask.distributed scheduler, whose workers see the same folders under the same paths; instead of ``jobs``.
    ``changes`` are fields of `RunOptions` by name. ``poses`` is a folder with 2D poses for each clip under its name.
    Returns the outcomes in the order of the clips. Raises InputError for a folder without clips and for options that
    cannot be, MissingExtraError without distributed (extra ``cluster``).
    """
    options = with_changes(options, changes)
    folder, out = Path(folder).resolve(), Path(out).resolve()
    check_value("jobs", jobs, Count)
    check_options(options)
    check_folder(out)
    if out == folder:
        raise InputError(
            f"--out {out} is the folder of the recordings itself; give another one, such as {out / 'out'}."
        )
    found = clips_in(folder, out)
    with folder_lock(out):
        return _batch(found, out, options, jobs, scheduler)


def _batch(
    found: Sequence[FoundClip], out: Path, options: RunOptions, jobs: int, scheduler: str | None
) -> tuple[ClipOutcome, ...]:
    """`batch` of these clips, with the lock of the folder to write."""
    work = [ClipJob(clip.name, clip.sources, out / clip.name, _options_of(clip, options)) for clip in found]
    outcomes: dict[str, ClipOutcome] = {}
    due = (
        0.0  # when the summary is written again: after every clip it would take most of the time of a hundred thousand
    )
    with closing(_outcomes(work, jobs, scheduler)) as finished:
        try:
            for outcome in finished:
                outcomes[outcome.clip] = outcome
                log.info("[%d/%d] %s", len(outcomes), len(work), in_words(outcome))
                begin = time.monotonic()
                if begin >= due:
                    write_summary(_in_order(work, outcomes), len(work), out)
                    due = time.monotonic() + _SUMMARY_REST * (time.monotonic() - begin)
        finally:  # on an interrupt too
            if outcomes:
                write_summary(_in_order(work, outcomes), len(work), out)
    return _in_order(work, outcomes)


def _options_of(clip: FoundClip, options: RunOptions) -> RunOptions:
    """The options of one clip: absolute paths, and its own 2D poses. Raises InputError where these cannot be."""
    paths = {
        name: path.resolve() for name in ("intrinsics", "known_rig") if (path := getattr(options, name)) is not None
    }
    if options.poses is not None:
        if not options.poses.is_dir():
            raise InputError(
                f"--poses {options.poses} is no folder; of a batch it holds a folder or a file for every clip, under the "
                "clip's name."
            )
        own = options.poses.resolve() / clip.name
        files = [path for path in sorted(own.parent.glob(f"{glob.escape(own.name)}.*")) if path.is_file()]
        paths["poses"] = own if own.is_dir() or not files else files[0]
    joints = options.joints
    if joints is not None and Path(joints).is_file():
        joints = str(Path(joints).resolve())
    return replace(options, **paths, joints=joints)


def _in_order(work: Sequence[ClipJob], outcomes: dict[str, ClipOutcome]) -> tuple[ClipOutcome, ...]:
    return tuple(outcomes[job.name] for job in work if job.name in outcomes)


def _outcomes(work: Sequence[ClipJob], jobs: int, scheduler: str | None) -> Generator[ClipOutcome, None, None]:
    """The outcomes as they come."""
    if scheduler is not None:
        yield from _on_a_cluster(work, scheduler)
    elif jobs == 1:
        yield from map(run_clip, work)
    else:
        yield from _side_by_side(work, jobs)


def _side_by_side(work: Sequence[ClipJob], jobs: int) -> Generator[ClipOutcome, None, None]:
    threads = max(1, (os.cpu_count() or 1) // min(jobs, len(work)))
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run_apart, job, threads) for job in work]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:  # on an interrupt too: what waits is not begun
            pool.shutdown(wait=False, cancel_futures=True)


def _on_a_cluster(work: Sequence[ClipJob], scheduler: str) -> Generator[ClipOutcome, None, None]:
    """The outcomes from the workers of a cluster, each clip in a process of its own there."""
    distributed = optional("distributed", "cluster")
    try:
        client = distributed.Client(scheduler, timeout=30)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {scheduler}: no scheduler of dask.distributed answers there ({error})."
        ) from error
    with client:
        names = {client.submit(run_apart, job, pure=False): job.name for job in work}
        for future in distributed.as_completed(list(names)):
            error = future.exception()
            lost = f"The worker was lost: {error}"
            yield future.result() if error is None else ClipOutcome(names[future], "failed", error=lost)
