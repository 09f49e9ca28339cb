"""The tables of benchmarks/results/reliability.json, as Markdown: faults and kills, and what was lost by them."""

from __future__ import annotations

from typing import Any

from epipose.experiments.tables import markdown

Result = dict[str, Any]


def faults(result: Result) -> str:
    """Every fault: how often it was tried, how its runs ended, and after how many something was lost."""
    kills, identical = result["kills"], round(result["kills"] * result["kills_identical_share"])
    rows = [["kill -9", f"{kills}", "-", "-", f"{identical}", f"{kills - identical}"]]
    for fault in dict.fromkeys(row["fault"] for row in result["faults_by_verb"]):
        found = [row for row in result["faults_by_verb"] if row["fault"] == fault]
        tried, finished, refused, lost = (
            sum(row[n] for row in found) for n in ("tried", "finished", "refused", "lost")
        )
        rows.append([fault, f"{tried}", f"{finished}", f"{refused}", f"{tried - lost}", f"{lost}"])
    if "write_faults_tried" in result:
        tried = result["write_faults_tried"]
        whole = round(tried * result["write_faults_whole_share"])
        rows.append(["one file operation fails", f"{tried}", "-", "-", f"{whole}", f"{tried - whole}"])
    headers = ("fault", "times tried", "ended as usual", "ended with a sentence", "survived", "lost")
    return markdown(headers, rows)


def kills(result: Result) -> str:
    """Kills of every verb, and the folders that were identical to an uninterrupted run's afterwards."""
    rows = [
        [
            found["verb"], f"{found['kills']}", f"{found['completed']}", f"{found['identical']}",
            f"{found['cpu_s']:.1f}", f"{found['operations']}",
        ]
        for found in result["kills_by_verb"]
    ]  # fmt: skip
    headers = ("verb", "killed", "completed by the same command", "identical", "processor s", "operations on files")
    return markdown(headers, rows)
