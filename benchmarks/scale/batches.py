"""Growth of what a batch does beside its clips, with the number of clips; its part of scale.json.

    python -m benchmarks.scale.batches

The search for clips, which happens once, and the summary, which is written again and again while clips are done.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.network.studio_results import merge_results
from benchmarks.scale.cost import SCALE
from benchmarks.scale.growth import Row, exponents
from epipose.pipeline.batch_summary import write_summary
from epipose.pipeline.clip_job import ClipOutcome
from epipose.pipeline.clip_search import clips_in

_CLIPS = (100, 1000, 10_000)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=SCALE)
    options = parser.parse_args()
    rows = [_row(clips) for clips in _CLIPS]
    merge_results(options.out, {"growth_clips": {"rows": rows, "exponents": exponents("clips", rows)}})


def _row(clips: int) -> Row:
    with TemporaryDirectory() as place:
        folder, out = Path(place) / "clips", Path(place) / "out"
        names = [f"{number // 1000:04d}/{number:07d}" for number in range(clips)]
        for name in names:
            (folder / name).mkdir(parents=True)
            for view in ("a", "b"):
                (folder / name / f"{view}.mp4").touch()
        out.mkdir()
        begin = time.process_time()
        found = clips_in(folder, out)
        search = time.process_time() - begin
        assert len(found) == clips
        outcomes = [ClipOutcome(name, "done", "trust", 0.98, 0.9, 1, 2, 1000, 4.2, 60.0) for name in names]
        begin = time.process_time()
        write_summary(outcomes, clips, out)
        return {"clips": clips, "search_cpu_s": search, "summary_cpu_s": time.process_time() - begin}


if __name__ == "__main__":
    main()
