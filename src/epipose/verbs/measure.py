"""The verbs that measure, and what they measure on: evaluate, bench, datasets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epipose import config_measure
from epipose.errors import EpiposeError


def _datasets(verb: config_measure.Datasets) -> None:
    from epipose.clip import Clip
    from epipose.datasets.base import Choice
    from epipose.datasets.catalogue import checked, imported, listing

    if verb.do == "list":
        print(listing())
        return
    if verb.path is None:
        raise EpiposeError(f"epipose datasets {verb.do} needs the PATH of the dataset.")
    if verb.do == "check":
        dataset, findings = checked(verb.path)
        print(dataset)
        for finding in findings:
            print(f"  [{'ok' if finding.good else '!!'}] {finding.words}")
        if wrong := sum(not finding.good for finding in findings):
            raise EpiposeError(f"{wrong} of {len(findings)} findings in {verb.path} are not as they should be.")
        return
    if verb.out is None:
        raise EpiposeError("epipose datasets import needs --out, a folder to write clip folders into.")
    choice = Choice(verb.subjects, verb.actions, verb.views, not verb.leave_out_known_bad, not verb.universal)
    for folder in imported(verb.path, verb.out, choice, verb.every):
        clip = Clip.load(folder)
        print(f"{folder}: {len(clip.views)} views, {clip.frames} frames")
    print("Next: epipose train CLIPS --mode full --out MODEL, or epipose detect CLIP --out CLIP --sync none")


def _evaluate(verb: config_measure.Evaluate) -> None:
    from epipose.evaluation.evaluate import evaluate
    from epipose.evaluation.pckh import evaluate_2d
    from epipose.evaluation.tables import as_text, write_evaluation

    if not verb.out.name:
        raise EpiposeError(f"--out {verb.out} is no name of a file; give one such as evaluation.json.")
    if verb.protocol == "mpii" and (verb.structure is not None or verb.interval != "take"):
        raise EpiposeError("The protocol mpii is about joints in pictures: leave out --structure and --interval.")
    if verb.protocol == "mpii":
        result = evaluate_2d(verb.predicted, verb.truth)
    else:
        options = {"structure": verb.structure, "interval": verb.interval}
        result = evaluate(verb.predicted, verb.truth, verb.protocol, **options)
    print(as_text(result))
    print("written: " + ", ".join(str(path) for path in write_evaluation(result, verb.out)))


def _bench(verb: config_measure.Bench) -> None:
    from epipose.experiments.result import table
    from epipose.experiments.run import bench

    out = verb.out or verb.work / f"{verb.name}.json"
    options = {key: value for key, value in vars(verb).items() if key not in ("name", "work", "out")}
    result = bench(verb.name, verb.work, out, **options)
    print(table(result))
    for sentence in result["config"]["left_out"]:
        print(f"left out: {sentence}")
    if verb.quick:
        print("This was a smoke run: these figures mean nothing.")
    print(f"{out} written, with the settings and the seed.")


ACTIONS: dict[type, Callable[[Any], None]] = {
    config_measure.Evaluate: _evaluate,
    config_measure.Bench: _bench,
    config_measure.Datasets: _datasets,
}
