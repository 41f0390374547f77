"""Whole nodes agree, whatever happens to their network, in virtual time.

``make test-simulation`` runs the same scenarios from any seed.
"""

from __future__ import annotations

import pytest

from tests.simulation.running import simulate
from tests.simulation.scenarios import (
    churn,
    clock_steps,
    conversation,
    outage,
    partition,
    slow_peers,
)


@pytest.mark.parametrize("seed", [1, 2])
def test_both_sides_of_a_partition_agree_soon_after_it(seed: int) -> None:
    simulate(partition, seed)


def test_nodes_that_come_and_go_lose_and_double_nothing() -> None:
    simulate(churn, 1)


def test_nobody_waits_for_peers_on_slow_wires_and_they_get_all() -> None:
    simulate(slow_peers, 1)


def test_a_node_without_a_network_agrees_soon_after_it_is_back() -> None:
    simulate(outage, 1)


def test_a_clock_that_steps_loses_doubles_and_misdates_nothing() -> None:
    simulate(clock_steps, 1)


def test_the_same_seed_has_the_same_steps() -> None:
    one, again, other = (simulate(conversation, seed) for seed in (3, 3, 4))
    assert one.digest == again.digest
    assert one.digest != other.digest
