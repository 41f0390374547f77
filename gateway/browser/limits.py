"""The numbers a browser is held to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one browser may do.

    Attributes:
        rate_per_s: Commands in the long run.
        burst: Commands at once.
        errors_per_s: Broken frames forgiven in the long run.
        error_burst: Broken frames forgiven at once; the next closes with 1008.
        refusals_per_s: Commands over the rate forgiven in the long run.
        refusal_burst: Commands over the rate forgiven at once: many more, since
            each is answered by name and a burst of a page is not abuse.
        controls_per_s: Control frames and fragments in the long run.
        control_burst: Control frames and fragments at once; the next closes with 1008.
    """

    rate_per_s: float = 20.0
    burst: int = 100
    errors_per_s: float = 1.0
    error_burst: int = 50
    refusals_per_s: float = 100.0
    refusal_burst: int = 10_000
    controls_per_s: float = 200.0
    control_burst: int = 1_000
