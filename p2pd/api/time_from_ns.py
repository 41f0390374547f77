"""Times of the API from nanoseconds and seconds."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

NS_PER_S = 1_000_000_000


def timestamp_from_ns(time_ns: int) -> Timestamp:
    """Translate nanoseconds since the epoch."""
    seconds, nanos = divmod(time_ns, NS_PER_S)
    return Timestamp(seconds=seconds, nanos=nanos)


def duration_from_s(duration_s: float) -> Duration:
    """Translate a duration that is not negative."""
    seconds, nanos = divmod(round(duration_s * NS_PER_S), NS_PER_S)
    return Duration(seconds=seconds, nanos=nanos)
