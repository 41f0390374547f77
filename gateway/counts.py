"""What the gateway counts; ``gateway.http.metrics`` shows it.

Plain numbers, since some change a thousand times a second.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from common.histograms import Histogram


@dataclass(slots=True)
class Counts:
    """Totals since the start, but for ``clients`` and ``catch_ups``: those are now.

    Attributes:
        replays: Calls at the node for events older than the channel.
        replayed_events: Events that they brought.
        refusals: Commands refused, by reason.
        closes: WebSockets that the gateway closed, by reason.
        turned_away: Requests refused at the door, by reason.
        bounds: How often something waited or was dropped since a bound was reached,
            by the bound's name.
        event_durations: In seconds, from an event's arrival from the node to when it is
            written to the browsers that follow.
        publish_durations: From a browser's publish frame to its ack.
    """

    clients: int = 0
    catch_ups: int = 0
    node_away: int = 0
    events: int = 0
    frames_sent: int = 0
    bytes_sent: int = 0
    frames_received: int = 0
    published: int = 0
    replays: int = 0
    replayed_events: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    closes: Counter[str] = field(default_factory=Counter)
    turned_away: Counter[str] = field(default_factory=Counter)
    bounds: Counter[str] = field(default_factory=Counter)
    event_durations: Histogram = field(default_factory=Histogram)
    publish_durations: Histogram = field(default_factory=Histogram)
