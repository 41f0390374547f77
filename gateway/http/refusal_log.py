"""Warnings about requests that were refused, bounded in number.

Used by ``gateway.http.gate`` and ``gateway.http.socket``. A gateway whose settings do
not fit how it is reached refuses everything; its operator must be able to read why.
"""

from __future__ import annotations

import structlog

from common.rates import TokenBucket
from gateway.counts import Counts
from gateway.errors import Refusal

WARNINGS_PER_S = 1 / 60
WARNING_BURST = 20
MAX_REMEMBERED = 256
"""Refused values whose warning was logged; the oldest are forgotten first."""

log = structlog.get_logger(__name__)


class RefusalLog:
    """Counts every refusal, and logs the first of each value."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._rate = TokenBucket(WARNINGS_PER_S, WARNING_BURST)
        self._logged: dict[tuple[str, str | None], None] = {}

    def report(self, refusal: Refusal, now_s: float) -> None:
        """Count a refused request; log it if its like was not logged before."""
        self._counts.turned_away[refusal.reason] += 1
        key = (refusal.reason, refusal.value)
        if refusal.setting is None or key in self._logged:
            return
        if self._rate.consume(now_s):
            self._counts.bounds["refusal_warnings"] += 1
            return
        self._logged[key] = None
        if len(self._logged) > MAX_REMEMBERED:
            del self._logged[next(iter(self._logged))]
        log.warning(
            "request refused",
            reason=refusal.reason,
            value=refusal.value,
            setting=refusal.setting,
            message=refusal.message,
        )
