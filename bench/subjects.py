"""Everything that can be measured, by name. Used by ``bench.rows`` and ``bench.__main__``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench import api, fan_out, libp2p_layer, pages
from bench.measure import Figures
from bench.sizes import Sizes

STOCK = "stock py-libp2p"
LAYER = "our libp2p layer"
API = "gRPC to gRPC"
PAGES = "page to page"
GATEWAY = "gateway"
BROADCAST = "ws on Node"

SUBJECTS: Mapping[str, Callable[[Sizes], Figures]] = {
    STOCK: partial(libp2p_layer.run, "stock"),
    LAYER: partial(libp2p_layer.run, "ours"),
    API: api.run,
    PAGES: pages.run,
    GATEWAY: fan_out.run_gateway,
    BROADCAST: fan_out.run_broadcast,
}
