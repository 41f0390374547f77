"""What a node costs that does nothing: with every transport, and with TCP alone.

It has one peer, which it pings as it does every peer.
"""

from __future__ import annotations

import time
from typing import Literal

from bench.fan_out import MIB
from bench.measure import Figures
from bench.services import processor_s, resident_bytes, running_services
from bench.sizes import Sizes

TCP = "/ip4/127.0.0.1/tcp/0"
LISTEN = {
    "tcp": TCP,
    "all": f"{TCP},/ip6/::1/tcp/0,/ip4/127.0.0.1/udp/0/quic-v1,/ip6/::1/udp/0/quic-v1,"
    "/ip4/127.0.0.1/tcp/0/ws,/ip6/::1/tcp/0/ws",
}
SETTLE_S = 3.0
"""By then a node has looked for peers and met those it knows."""
MS_IN_S = 1e3


def run(transports: Literal["tcp", "all"], sizes: Sizes) -> Figures:
    """Measure one of two connected nodes."""
    with running_services() as running:
        node, _ = running.start_node_pair(listen=LISTEN[transports])
        time.sleep(SETTLE_S)
        begin_s, begin_cpu_s = time.monotonic(), processor_s(node.pid)
        time.sleep(sizes.idle_s)
        used_s = processor_s(node.pid) - begin_cpu_s
        return {
            "idle_mib": resident_bytes(node.pid) / MIB,
            "cpu_ms_per_s": used_s * MS_IN_S / (time.monotonic() - begin_s),
        }
