"""Twenty nodes; in a file of its own, so that it runs beside the other scenarios."""

from __future__ import annotations

from tests.simulation.running import simulate
from tests.simulation.scenarios import large_partition


def test_twenty_nodes_agree_soon_after_a_partition() -> None:
    simulate(large_partition, 1)
