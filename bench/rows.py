"""The table: what is compared with what, and its target.

Used by ``bench.__main__``. A row names figures of subjects; what it says once
they are measured is a ``Line`` of ``bench.lines``. A new row, with a topic of its own
or not, needs nothing else to be on ``docs/figures.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from bench import many_gateways, twenty
from bench.subjects import (
    ALL_TRANSPORTS,
    API,
    BROADCAST,
    CALLERS,
    CALLERS_IN_MEMORY,
    DIRECT,
    EMPTY_STORE,
    FIRST_WORD,
    FIVE,
    FULL_STORE,
    GATEWAY,
    GO_FIRST_WORD,
    GO_FIVE,
    GO_LAYER,
    JS_FIRST_WORD,
    JS_FIVE,
    JS_LAYER,
    LAYER,
    MANY_GATEWAYS,
    OVERLOADED_CALLS,
    OVERLOADED_STREAMS,
    PAGES,
    PAGES_IN_MEMORY,
    PAINT,
    QUIC_LAYER,
    RELAYED,
    SEARCH,
    STDIO_GATEWAY,
    STDIO_PAIR,
    STOCK,
    STORM,
    SYNC,
    TCP_ALONE,
    TWENTY,
    TWENTY_IN_MEMORY,
    WAY,
    WAY_IN_MEMORY,
)


@dataclass(frozen=True, slots=True)
class Times:
    """At least so many times what is beside it."""

    factor: float


@dataclass(frozen=True, slots=True)
class Within:
    """At most so many times what is beside it."""

    factor: float


@dataclass(frozen=True, slots=True)
class Plus:
    """At most so much more than what is beside it."""

    allowance: float


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A bound from below."""

    bound: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """A bound from above."""

    bound: float


Reach: TypeAlias = Times | Within | Plus | AtLeast | AtMost | None
"""None: the row only tells."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        topic: What the command line calls it and its like.
        ours: Subject and figure.
        beside: Subject and figure of the peer, measured in the same run.
    """

    topic: str
    title: str
    unit: str
    ours: tuple[str, str]
    beside: tuple[str, str] | None = None
    reach: Reach = None


def _gateway_rows(count: int) -> list[Row]:
    """Make the rows of so many gateways; beside more than one stands one."""
    name = "1 gateway" if count == 1 else f"{count} gateways"
    figures = [
        (f"{name}, 10,000 browsers in all", "deliveries/s", "per_s"),
        ("… from the publish to a browser, p99", "ms", "p99_ms"),
        ("… processor time of the gateways", "µs/delivery", "cpu_us"),
        ("… of the node", "µs/event", "node_cpu_us"),
        ("… memory of the largest gateway", "MiB", "gateway_mib"),
    ]
    return [
        Row("gateways", title, unit, (MANY_GATEWAYS, f"{figure}_{count}"),
            (MANY_GATEWAYS, f"{figure}_1") if count > 1 else None)
        for title, unit, figure in figures
    ]  # fmt: skip


def _way_rows(rate: int, p50_factor: float, p99_factor: float, cpu_factor: float) -> list[Row]:
    """Make the rows of one rate of the whole way."""
    figures = [
        (f"the whole way at {rate:,}/s, p50", "ms", "p50_ms", Within(p50_factor)),
        ("… p99", "ms", "p99_ms", Within(p99_factor)),
        ("… processor time, all four processes", "ms/message", "cpu_ms", Within(cpu_factor)),
        ("… of the publishing node", "ms/message", "node_a_cpu_ms", None),
        ("… of its gateway", "ms/message", "gateway_a_cpu_ms", None),
        ("… of the other node", "ms/message", "node_b_cpu_ms", None),
        ("… of its gateway", "ms/message", "gateway_b_cpu_ms", None),
    ]
    return [
        Row("way", title, unit, (WAY, f"{name}_{rate}"), (STDIO_PAIR, f"{name}_{rate}"), reach)
        for title, unit, name, reach in figures
    ]


def _layer_rows(
    title: str, unit: str, figure: str, reach: Reach, *, five: bool = False
) -> list[Row]:
    """Make the rows of one figure of the libp2p layer, beside go-libp2p and js-libp2p."""
    ours, go, js = (FIVE, GO_FIVE, JS_FIVE) if five else (LAYER, GO_LAYER, JS_LAYER)
    return [
        Row("libp2p", title, unit, (ours, figure), (go, figure), reach),
        Row("libp2p", title, unit, (ours, figure), (js, figure)),
    ]


def _twenty_rows(rate: int) -> list[Row]:
    """Make the rows of one rate of twenty nodes."""
    figures = [
        (f"twenty nodes at {rate}/s, Publish p50", "ms", "publish_p50_ms", AtMost(60)),
        ("… Publish p99", "ms", "publish_p99_ms", None),
        ("… everywhere", "msg/s", "everywhere_per_s", AtLeast(0.98 * rate)),
        ("… everywhere, p50", "ms", "everywhere_p50_ms", None),
        ("… everywhere, p99", "ms", "everywhere_p99_ms", None),
        ("… lost at any node", "messages", "lost", AtMost(0)),
        ("… twice at any node", "messages", "doubled", AtMost(0)),
        ("… processor time of a node", "ms/message", "cpu_ms", None),
    ]
    return [
        Row("twenty", title, unit, (TWENTY, f"{name}_{rate}"), None, reach)
        for title, unit, name, reach in figures
    ]


def _overload_rows(title: str, subject: str) -> list[Row]:
    """Make the rows of one kind of publishes."""
    quiet = (subject, "p99_ms_0.8")
    return [
        Row("overload", f"{title}: the rate that is sustained", "msg/s",
            (subject, "sustainable_per_s")),
        Row("overload", "… p99 at 2 times that rate, beside 0.8 times", "ms",
            (subject, "p99_ms_2"), quiet, Within(3)),
        Row("overload", "… at 1 time", "ms", (subject, "p99_ms_1"), quiet),
        Row("overload", "… at 4 times", "ms", (subject, "p99_ms_4"), quiet),
        Row("overload", "… refused or held at 2 times", "%", (subject, "not_accepted_2")),
        Row("overload", "… at 4 times", "%", (subject, "not_accepted_4")),
        Row("overload", "… accepted and lost", "messages",
            (subject, "lost"), None, AtMost(0)),
    ]  # fmt: skip


ROWS = (
    *_layer_rows("libp2p layer, burst: one publisher", "msg/s", "burst_per_s", Times(1.5)),
    Row("libp2p", "libp2p layer, burst: one publisher", "msg/s",
        (LAYER, "burst_per_s"), (STOCK, "burst_per_s"), Times(4)),
    *_layer_rows("… eight publishers", "msg/s", "burst_of_many_per_s", Times(1.1)),
    *_layer_rows("… among five nodes", "msg/s", "burst_per_s", Times(1.3), five=True),
    *_layer_rows("… processor time, both nodes", "ms/message", "burst_cpu_ms", Within(0.85)),
    *_layer_rows("… processor time, five nodes", "ms/message", "burst_cpu_ms", None, five=True),
    *_layer_rows("libp2p layer at 100/s, p50", "ms", "p50_ms_100", Within(1.1)),
    *_layer_rows("… processor time, both nodes", "ms/message", "cpu_ms_100", Within(0.85)),
    Row("libp2p", "libp2p layer at 50/s, p50", "ms", (LAYER, "p50_ms"), (STOCK, "p50_ms")),
    Row("dial", "dial to first word, direct, cold: p50", "ms",
        (FIRST_WORD, "first_word_ms"), (GO_FIRST_WORD, "first_word_ms")),
    Row("dial", "dial to first word, direct, cold: p50", "ms",
        (FIRST_WORD, "first_word_ms"), (JS_FIRST_WORD, "first_word_ms")),
    Row("transports", "QUIC beside TCP, burst", "msg/s",
        (QUIC_LAYER, "burst_per_s"), (LAYER, "burst_per_s"), Times(0.4)),
    Row("transports", "QUIC beside TCP at 50/s, p50", "ms",
        (QUIC_LAYER, "p50_ms"), (LAYER, "p50_ms"), Within(2)),
    Row("transports", "idle node with every transport, beside TCP alone", "MiB",
        (ALL_TRANSPORTS, "idle_mib"), (TCP_ALONE, "idle_mib"), Within(1.15)),
    Row("transports", "… processor time", "ms/s",
        (ALL_TRANSPORTS, "cpu_ms_per_s"), (TCP_ALONE, "cpu_ms_per_s"), Within(1.3)),
    Row("api", "gRPC to gRPC, burst", "msg/s", (API, "burst_per_s"), (LAYER, "burst_per_s")),
    Row("api", "gRPC to gRPC at 50/s, p50", "ms", (API, "p50_ms"), (LAYER, "p50_ms")),
    Row("relay", "over a relay of our own, burst", "msg/s",
        (RELAYED, "burst_per_s"), (API, "burst_per_s"), Times(0.4)),
    Row("relay", "over a relay of our own at 50/s, p50", "ms",
        (RELAYED, "p50_ms"), (API, "p50_ms"), Within(2.5)),
    Row("pages", "page to page at 50/s, p50", "ms",
        (PAGES, "p50_ms"), (LAYER, "p50_ms"), Plus(4)),
    Row("pages", "page to page at 50/s, p99", "ms", (PAGES, "p99_ms"), (LAYER, "p99_ms")),
    Row("pages", "… page → signed by node A", "ms",
        (PAGES, "to_signed_ms"), (API, "to_signed_ms")),
    Row("pages", "… signed by A → taken by B", "ms",
        (PAGES, "node_to_node_ms"), (API, "node_to_node_ms")),
    Row("pages", "… taken by B → other page", "ms",
        (PAGES, "to_page_ms"), (API, "to_caller_ms")),
    Row("pages", "… page → its own event", "ms", (PAGES, "own_event_ms")),
    Row("pages", "… page → acknowledged", "ms", (PAGES, "answer_ms"), (API, "answer_ms")),
    Row("pages", "page to page, burst", "msg/s",
        (PAGES, "burst_per_s"), (API, "burst_per_s"), AtLeast(1_000)),
    Row("fan-out", "to all browsers, one event at a time", "deliveries/s",
        (GATEWAY, "one_per_s"), (BROADCAST, "one_per_s"), Times(0.8)),
    Row("fan-out", "… processor time of the server", "µs/delivery",
        (GATEWAY, "one_cpu_us"), (BROADCAST, "one_cpu_us")),
    Row("fan-out", "to all browsers, 16 events at a time", "deliveries/s",
        (GATEWAY, "sixteen_per_s"), (BROADCAST, "sixteen_per_s"), Times(4)),
    Row("fan-out", "… processor time of the server", "µs/delivery",
        (GATEWAY, "sixteen_cpu_us"), (BROADCAST, "sixteen_cpu_us")),
    Row("fan-out", "… one event at a time, beside the older design", "deliveries/s",
        (GATEWAY, "one_per_s"), (STDIO_GATEWAY, "one_per_s")),
    Row("fan-out", "… processor time of the server", "µs/delivery",
        (GATEWAY, "one_cpu_us"), (STDIO_GATEWAY, "one_cpu_us"), Within(1.1)),
    Row("fan-out", "… 16 events at a time, beside the older design", "deliveries/s",
        (GATEWAY, "sixteen_per_s"), (STDIO_GATEWAY, "sixteen_per_s"), Times(2.5)),
    Row("fan-out", "… processor time of the server", "µs/delivery",
        (GATEWAY, "sixteen_cpu_us"), (STDIO_GATEWAY, "sixteen_cpu_us")),
    *(row for count in many_gateways.COUNTS for row in _gateway_rows(count)),
    Row("memory", "idle node", "MiB", (GATEWAY, "idle_node_mib"), None, AtMost(150)),
    Row("memory", "idle gateway", "MiB", (GATEWAY, "idle_gateway_mib"), None, AtMost(90)),
    Row("memory", "a browser's connection", "KiB",
        (GATEWAY, "connection_kib"), (BROADCAST, "connection_kib"), AtMost(32)),
    Row("disk", "publishes of 32 callers, log on disk", "msg/s",
        (CALLERS, "publishes_per_s"), (CALLERS_IN_MEMORY, "publishes_per_s"), Times(0.7)),
    Row("disk", "page to page at 50/s, p50, log on disk", "ms",
        (PAGES, "p50_ms"), (PAGES_IN_MEMORY, "p50_ms"), Within(1.3)),
    Row("sync", "10,000 missed messages: bytes both ways, of their own size", "×",
        (SYNC, "missed_ratio"), None, AtMost(1.3)),
    Row("sync", "… how fast they come", "msg/s", (SYNC, "missed_per_s")),
    Row("sync", "1 of 100,000 missing: bytes both ways", "KiB",
        (SYNC, "one_kib"), None, AtMost(3)),
    Row("sync", "… from meeting to having it", "s", (SYNC, "one_s"), None, AtMost(1)),
    Row("store", "start-up with 1,000,000 messages", "s",
        (FULL_STORE, "start_s"), (EMPTY_STORE, "start_s"), Within(1.2)),
    Row("store", "idle node with 1,000,000 messages", "MiB",
        (FULL_STORE, "idle_mib"), (EMPTY_STORE, "idle_mib"), Within(1.2)),
    Row("store", "page of 100 of 1,000,000 messages, beside 100 of 100", "ms",
        (FULL_STORE, "page_ms"), (EMPTY_STORE, "page_ms"), Within(2)),
    Row("store", "… beside an empty page", "ms",
        (FULL_STORE, "page_ms"), (EMPTY_STORE, "empty_page_ms")),
    Row("store", "… first look of synchronisation, processor time", "s",
        (FULL_STORE, "first_look_s"), None, AtMost(0.5)),
    Row("store", "… and memory at its height", "MiB", (FULL_STORE, "first_look_mib")),
    Row("storm", "2,000 browsers return, 100 to 199 messages behind: all served", "s",
        (STORM, "served_s")),
    Row("storm", "… somebody else's publish meanwhile, p99, beside before", "ms",
        (STORM, "storm_p99_ms"), (STORM, "quiet_p99_ms"), Within(3)),
    Row("storm", "… memory of the gateway at its height", "+ MiB", (STORM, "grown_mib")),
    *_overload_rows("Publish calls", OVERLOADED_CALLS),
    *_overload_rows("publishes of 1,000 bytes over 2 PublishStreams", OVERLOADED_STREAMS),
    Row("twenty", "a node with 19 peers and nothing to do", "% of a processor",
        (TWENTY, "idle_percent"), None, AtMost(1)),
    *(row for rate in twenty.RATES_PER_S for row in _twenty_rows(rate)),
    Row("twenty", "twenty nodes at 10/s, Publish p50, log on disk", "ms",
        (TWENTY, "publish_p50_ms_10"), (TWENTY_IN_MEMORY, "publish_p50_ms_10"), Within(1.5)),
    *_way_rows(50, 1.7, 1.5, 2),
    *_way_rows(500, 2.5, 3, 2),
    *_way_rows(1_000, 4, 5, 1.8),
    Row("way", "the whole way at 50/s, p50, log on disk", "ms",
        (WAY, "p50_ms_50"), (WAY_IN_MEMORY, "p50_ms_50"), Within(1.2)),
    Row("way", "2,000 at once: arrive", "messages",
        (WAY, "burst_arrived"), (STDIO_PAIR, "burst_arrived")),
    Row("way", "… the last one after", "s",
        (WAY, "burst_s"), (STDIO_PAIR, "burst_s"), AtMost(0.6)),
    Row("way", "one page, 12,000 as fast as they are taken, none lost", "msg/s",
        (WAY, "sustained_per_s"), None, AtLeast(3_000)),
    Row("direct", "a direct message beside a room's, call to the other side's event, p50", "ms",
        (DIRECT, "direct_p50_ms"), (DIRECT, "room_p50_ms"), Within(1.3)),
    Row("direct", "… p99", "ms", (DIRECT, "direct_p99_ms"), (DIRECT, "room_p99_ms")),
    Row("direct", "… call to answer, p50", "ms",
        (DIRECT, "direct_call_ms"), (DIRECT, "room_call_ms")),
    Row("direct", "… processor time, both nodes", "ms/message",
        (DIRECT, "direct_cpu_ms"), (DIRECT, "room_cpu_ms")),
    Row("search", "a rare word in 1,000,000 messages, p99", "ms",
        (SEARCH, "rare_p99_ms"), None, AtMost(20)),
    Row("search", "… p99, beside an empty store", "ms",
        (SEARCH, "rare_p99_ms"), (SEARCH, "empty_p99_ms"), Within(3)),
    Row("search", "… p50, beside an empty store", "ms",
        (SEARCH, "rare_p50_ms"), (SEARCH, "empty_p50_ms")),
    Row("search", "… p50, beside the messages found alone", "ms",
        (SEARCH, "again_p50_ms"), (SEARCH, "alone_p50_ms")),
    Row("search", "a page of 50 for a word of most messages, p99", "ms",
        (SEARCH, "common_p99_ms")),
    Row("search", "the index on disk", "MiB", (SEARCH, "index_mib")),
    Row("paint", "the page, opened the first time: first paint", "s",
        (PAINT, "paint_s"), None, AtMost(1)),
    Row("paint", "… ready: messages shown, the composer has the focus", "s",
        (PAINT, "ready_s"), None, AtMost(1)),
    Row("paint", "… transferred over HTTP", "KiB", (PAINT, "kib"), None, AtMost(150)),
    Row("paint", "opened again: first paint", "s",
        (PAINT, "again_paint_s"), (PAINT, "paint_s")),
    Row("paint", "… ready", "s", (PAINT, "again_ready_s"), (PAINT, "ready_s")),
    Row("paint", "… transferred over HTTP", "KiB", (PAINT, "again_kib"), (PAINT, "kib")),
)  # fmt: skip
TOPICS = tuple(dict.fromkeys(row.topic for row in ROWS))


def subjects_of(rows: tuple[Row, ...]) -> list[str]:
    """Return the subjects that these rows need."""
    places = [place for row in rows for place in (row.ours, row.beside) if place is not None]
    return list(dict.fromkeys(subject for subject, _ in places))
