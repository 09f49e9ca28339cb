"""Rate and latency of a live run: quantiles without keeping every number."""

import time

import numpy as np

from epipose.inference.live_report import LiveReport


def test_quantiles_are_those_of_the_latencies(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    report = LiveReport(every=5.0)
    late = np.random.default_rng(0).gamma(4, 0.02, 3000)
    for each in late:
        now[0] += 1 / 30
        report.add(now[0] - each)
    for share in (0.5, 0.95, 0.99):
        assert abs(report.latency_ms(share) - 1000 * np.quantile(late, share)) < 2
    assert report.lines == 3000
    assert report.whole(dropped=7).startswith("3000 lines in 100.")
    assert report.whole(dropped=7).endswith("7 frames dropped")


def test_recent_is_since_the_last_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    report = LiveReport(every=1.0)
    assert not report.due
    for count, late in ((10, 0.1), (20, 0.3)):
        for _ in range(count):
            report.add(now[0] - late)
            now[0] += 1.0 / count
        now[0] += 0.2
        assert report.due
        text = report.recent(dropped=count)
        assert not report.due
        assert f"latency {round(1000 * late)} ms" in text
        assert "10 frames dropped" in text  # ten each time
    assert report.latency_ms(0.2) == 100


def test_a_run_without_a_line():
    report = LiveReport(every=1.0)
    assert not report.due
    assert report.latency_ms(0.5) == 0
    assert report.whole(0) == "0 lines in 0.0 s: 0.0 a second, nothing, 0 frames dropped"
