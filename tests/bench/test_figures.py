"""docs/figures.md and its plots are what the results say, for topics yet to come too."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.lines import Line, full_titles, line_of
from bench.machine import Circumstances
from bench.page import page_from_runs, plotted_topics
from bench.results import Run, digest_of, lines_of, load_run, load_runs, merge_run, save_run
from bench.rows import AtLeast, AtMost, Plus, Reach, Row, Times, Within
from bench.sizes import QUICK

DOCS = Path(__file__).parents[2] / "docs"
PLOTS = DOCS / "figures"
RESULTS = PLOTS / "results.json"
MACHINE = Circumstances("2026-01-01T00:00Z", "abc", "cpu", 2, "6", "3.11", 0.0)
HOW_TO = "run `make figures ARGS=--again`"


def test_the_page_says_what_the_results_say() -> None:
    page = (DOCS / "figures.md").read_text(encoding="utf-8")
    assert page == page_from_runs(load_runs(RESULTS)), HOW_TO


def test_every_plot_is_drawn_from_the_results_and_is_on_the_page() -> None:
    page = (DOCS / "figures.md").read_text(encoding="utf-8")
    lines = lines_of(load_runs(RESULTS))
    drawn = {"glance": lines} | {
        topic: [line for line in lines if line.topic == topic] for topic in plotted_topics(lines)
    }
    assert {path.stem for path in PLOTS.glob("*.svg")} == set(drawn), HOW_TO
    assert set(re.findall(r"\(figures/([\w-]+)\.svg\)", page)) == set(drawn)
    for name, own in drawn.items():
        for kind in ("svg", "png"):
            source = f"drawn from {digest_of(own)}".encode()
            assert source in (PLOTS / f"{name}.{kind}").read_bytes(), f"{name}.{kind}: {HOW_TO}"


def line(topic: str, ours: float, target: Reach = None) -> Line:
    row = Row(topic, f"{topic}, p50", "ms", ("a", "x"), ("b", "x"), target)
    return line_of(row, {"a": {"x": ours}, "b": {"x": 2.0}})


def test_of_each_topic_the_newest_run_is_shown() -> None:
    old = Run(MACHINE, 3, (line("one", 1), line("two", 1)))
    new = Run(replace(MACHINE, commit="def"), 3, (line("two", 7),))
    runs = merge_run((old,), new)
    assert [(line.topic, line.ours) for line in lines_of(runs)] == [("one", 1), ("two", 7)]
    assert merge_run(runs, replace(old, lines=(line("one", 5),)))[0] == new


def test_a_topic_nobody_has_described_is_shown_as_well() -> None:
    page = page_from_runs((Run(MACHINE, 3, (line("novel", 3, Within(2)),)),))
    assert "## novel\n" in page
    assert "| novel, p50 | ms | 3 | 2 | b | 1.50 | ≤ 2 × | yes |" in page
    assert "1 of 1 targets are met" in page
    assert "Other programs" not in page


def test_a_run_on_a_busy_machine_is_called_one() -> None:
    for load in (0.5, None):
        busy = replace(MACHINE, load=load)
        assert "Other programs used" in page_from_runs((Run(busy, 3, (line("one", 1),)),))


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = Run(MACHINE, 3, (line("one", 1, Times(2)), line("two", 1)))
    save_run(tmp_path / "new" / "run.json", run, QUICK, {"a": {"x": 1.0}})
    assert load_run(tmp_path / "new" / "run.json") == run
    assert load_runs(tmp_path / "missing.json") == ()


@pytest.mark.parametrize(
    ("target", "ours", "met", "share"),
    [
        (Times(2), 4, True, 1.0),
        (Times(2), 3, False, 0.75),
        (Within(2), 4, True, 1.0),
        (Within(2), 8, False, 0.5),
        (Plus(3), 6, False, 5 / 6),
        (AtLeast(3), 6, True, 2.0),
        (AtMost(3), 6, False, 0.5),
        (AtMost(0), 0, True, 1.0),
        (AtMost(0), 1, False, 0.0),
        (None, 1, None, None),
    ],
)
def test_a_target_is_met_or_missed_by_a_factor(
    target: Reach, ours: float, met: bool | None, share: float | None
) -> None:
    found = line("one", ours, target)
    assert (found.met, found.share) == (met, share)


def test_a_title_that_goes_on_has_the_one_before_it() -> None:
    lines = [replace(line("x", 1), title=title) for title in ("way, p50", "… p99", "all: served")]
    lines.append(replace(lines[0], title="… memory"))
    assert full_titles(lines) == ["way, p50", "way: p99", "all: served", "all: memory"]
