"""What runs: the program and what it rests on. Called by ``node.metrics``."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version

from prometheus_client.metrics_core import InfoMetricFamily, Metric

from p2pd import __version__


@cache
def build_metric() -> Metric:
    """Name the versions."""
    found = {
        "version": __version__,
        "python": platform.python_version(),
        "libp2p": version("libp2p"),
    }
    return InfoMetricFamily("p2pd_build", "The program, Python and py-libp2p by version.", found)
