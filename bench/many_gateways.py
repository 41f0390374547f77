"""1, 2 and 4 gateways at one node, the same browsers shared out among them.

One browser publishes, one event at a time, and each time all browsers have got it
before the next. All run on one machine together with the browsers, so more gateways
than cores show what they cost; docs/scaling.md reckons with the processor time.
"""

from __future__ import annotations

import orjson

from bench.audience import Audience
from bench.fan_out import MIB, US_IN_S, WARM_UP_EVENTS
from bench.measure import Figures, p99_ms
from bench.pages import text_of
from bench.services import allow_open_files, processor_s, resident_bytes, running_services
from bench.sizes import Sizes
from tests.driver import GatewayProcess, NodeProcess

COUNTS = (1, 2, 4)
SPARE_FILES = 512


def run(sizes: Sizes) -> Figures:
    """Measure each number of gateways with the same browsers in all."""
    allow_open_files(sizes.sockets + SPARE_FILES)
    figures: dict[str, float] = {}
    with running_services() as running:
        node = running.start_node()
        for count in COUNTS:
            gateways = [
                running.start_gateway(node, max_clients=sizes.sockets + SPARE_FILES)
                for _ in range(count)
            ]
            found = _measure(node, gateways, sizes)
            figures |= {f"{name}_{count}": value for name, value in found.items()}
            for gateway in gateways:
                gateway.stop()
    return figures


def _measure(node: NodeProcess, gateways: list[GatewayProcess], sizes: Sizes) -> dict[str, float]:
    payload = orjson.dumps({"type": "publish", "id": 1, "text": text_of(0)})
    addresses = [gateway.http_address for gateway in gateways]
    with Audience(addresses, sizes.sockets, greets=True) as audience:
        audience.deliveries_per_s([payload], WARM_UP_EVENTS)
        audience.arrivals_ns.clear()
        begin_s = sum(processor_s(gateway.pid) for gateway in gateways)
        node_begin_s = processor_s(node.pid)
        per_s = audience.deliveries_per_s([payload], sizes.batches)
        spent_s = sum(processor_s(gateway.pid) for gateway in gateways) - begin_s
        node_spent_s = processor_s(node.pid) - node_begin_s
        deliveries = sizes.batches * audience.size
        return {
            "sockets": audience.size,
            "per_s": per_s,
            "p99_ms": p99_ms(audience.arrivals_ns),
            "cpu_us": spent_s / deliveries * US_IN_S,
            "node_cpu_us": node_spent_s / sizes.batches * US_IN_S,
            "gateway_mib": max(resident_bytes(gateway.pid) for gateway in gateways) / MIB,
        }
