"""What runs: the program and what it rests on. Called by ``node.metrics``."""

from __future__ import annotations

from functools import cache

from prometheus_client.core import Metric

from common import metrics
from p2pd import __version__


@cache
def build_metric() -> Metric:
    """Name the versions."""
    meaning = "The program, Python and py-libp2p by version."
    return metrics.build_metric("p2pd_build", meaning, __version__, "libp2p", "libp2p")
