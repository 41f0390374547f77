"""Everything that can be measured, by name. Used by ``bench.rows`` and ``bench.__main__``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench import (
    api,
    callers,
    direct,
    fan_out,
    idle,
    kept,
    libp2p_layer,
    many_gateways,
    overload,
    pages,
    painting,
    searching,
    storm,
    synchronising,
    twenty,
    way,
)
from bench.measure import Figures
from bench.sizes import Sizes

STOCK = "stock py-libp2p"
LAYER = "our libp2p layer"
GO_LAYER = "go-libp2p"
JS_LAYER = "js-libp2p"
FIVE = "five nodes of ours"
GO_FIVE = "go-libp2p, five nodes"
JS_FIVE = "js-libp2p, five nodes"
FIRST_WORD = "first word"
GO_FIRST_WORD = "go-libp2p, first word"
JS_FIRST_WORD = "js-libp2p, first word"
QUIC_LAYER = "our libp2p layer over QUIC"
ALL_TRANSPORTS = "every transport"
TCP_ALONE = "TCP alone"
API = "gRPC to gRPC"
RELAYED = "gRPC to gRPC over a relay"
PAGES = "page to page"
GATEWAY = "gateway"
BROADCAST = "ws on Node"
STDIO_GATEWAY = "Rust gateway"
MANY_GATEWAYS = "many gateways"
PAGES_IN_MEMORY = "pages, log in memory"
CALLERS = "32 callers"
CALLERS_IN_MEMORY = "log in memory"
SYNC = "synchronisation"
FULL_STORE = "full store"
EMPTY_STORE = "empty store"
STORM = "returning browsers"
OVERLOADED_CALLS = "offered calls"
OVERLOADED_STREAMS = "offered streams"
TWENTY = "twenty nodes"
TWENTY_IN_MEMORY = "twenty nodes, log in memory"
WAY = "the whole way"
WAY_IN_MEMORY = "the whole way, log in memory"
DIRECT = "direct and room messages"
SEARCH = "full and empty store"
PAINT = "Chromium"
STDIO_PAIR = "Go and Rust over STDIO"

SUBJECTS: Mapping[str, Callable[[Sizes], Figures]] = {
    STOCK: partial(libp2p_layer.run, "stock"),
    LAYER: partial(libp2p_layer.run, "ours"),
    GO_LAYER: partial(libp2p_layer.run, "go"),
    JS_LAYER: partial(libp2p_layer.run, "js"),
    FIVE: partial(libp2p_layer.run_five, "ours"),
    GO_FIVE: partial(libp2p_layer.run_five, "go"),
    JS_FIVE: partial(libp2p_layer.run_five, "js"),
    FIRST_WORD: partial(libp2p_layer.run_first_word, "ours"),
    GO_FIRST_WORD: partial(libp2p_layer.run_first_word, "go"),
    JS_FIRST_WORD: partial(libp2p_layer.run_first_word, "js"),
    QUIC_LAYER: partial(libp2p_layer.run, "ours", transport="quic"),
    ALL_TRANSPORTS: partial(idle.run, "all"),
    TCP_ALONE: partial(idle.run, "tcp"),
    API: api.run,
    RELAYED: api.run_relayed,
    PAGES: partial(pages.run, "disk"),
    PAGES_IN_MEMORY: partial(pages.run, "memory"),
    GATEWAY: fan_out.run_gateway,
    BROADCAST: fan_out.run_broadcast,
    STDIO_GATEWAY: fan_out.run_stdio,
    MANY_GATEWAYS: many_gateways.run,
    CALLERS: partial(callers.run, "disk"),
    CALLERS_IN_MEMORY: partial(callers.run, "memory"),
    SYNC: synchronising.run,
    FULL_STORE: kept.run_full,
    EMPTY_STORE: kept.run_empty,
    STORM: storm.run,
    OVERLOADED_CALLS: partial(overload.run, "calls"),
    OVERLOADED_STREAMS: partial(overload.run, "streams"),
    TWENTY: twenty.run,
    TWENTY_IN_MEMORY: twenty.run_in_memory,
    WAY: partial(way.run, "disk"),
    WAY_IN_MEMORY: partial(way.run, "memory"),
    DIRECT: direct.run,
    SEARCH: searching.run,
    PAINT: painting.run,
    STDIO_PAIR: way.run_stdio,
}
