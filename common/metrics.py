"""Metrics of one shape in both services: what was built, and how long things take."""

from __future__ import annotations

import platform
from importlib.metadata import version

from prometheus_client.core import HistogramMetricFamily, InfoMetricFamily, Metric

from common.histograms import HistogramValue


def histogram_metric(name: str, meaning: str, value: HistogramValue) -> Metric:
    """Show a histogram."""
    return HistogramMetricFamily(name, meaning, buckets=value.buckets(), sum_value=value.total)


def build_metric(
    name: str, meaning: str, program: str, library: str, distribution: str
) -> InfoMetricFamily:
    """Show the versions of what runs.

    Args:
        program: The program's version.
        library: The label of the library that it rests on.
        distribution: What that library is installed as.
    """
    found = {
        "version": program,
        "python": platform.python_version(),
        library: version(distribution),
    }
    return InfoMetricFamily(name, meaning, found)
