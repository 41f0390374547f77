"""Every run of hole punching is counted by how it ended."""

from __future__ import annotations

from p2pd.domain.names import PeerId
from p2pd.domain.reach import MAX_HOLE_PUNCHES, HolePunch, HolePunchResult
from p2pd.net.punch.outcomes import PunchOutcomes
from p2pd.node.punch_metrics import punch_metrics


def punch(result: HolePunchResult, transport: str, attempts: int, duration_s: float) -> HolePunch:
    return HolePunch(PeerId("peer"), result, True, transport, attempts, duration_s, time_ns=1)


def test_runs_are_counted_and_successful_ones_timed() -> None:
    outcomes = PunchOutcomes()
    outcomes.add(punch(HolePunchResult.SUCCEEDED, "tcp", 1, 0.3))
    outcomes.add(punch(HolePunchResult.SUCCEEDED, "quic-v1", 2, 30.0))
    outcomes.add(punch(HolePunchResult.NO_CONNECTION, "", 3, 12.0))
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in punch_metrics(outcomes.totals)
        for sample in metric.samples
    }
    ended, timed = "p2pd_hole_punches_total", "p2pd_hole_punch_duration_seconds"
    assert samples[ended, "succeeded", "tcp", "1"] == 1
    assert samples[ended, "succeeded", "quic-v1", "2"] == 1
    assert samples[ended, "no_connection", "", "3"] == 1
    assert samples[f"{timed}_bucket", "0.25"] == 0
    assert samples[f"{timed}_bucket", "0.5"] == 1
    assert samples[f"{timed}_bucket", "+Inf"] == samples[f"{timed}_count",] == 2
    assert samples[f"{timed}_sum",] == 30.3


def test_the_newest_runs_are_retained() -> None:
    outcomes = PunchOutcomes()
    for number in range(MAX_HOLE_PUNCHES + 5):
        outcomes.add(punch(HolePunchResult.REFUSED, "", number, 1.0))
    assert [each.attempt_count for each in outcomes.newest] == list(range(5, MAX_HOLE_PUNCHES + 5))
