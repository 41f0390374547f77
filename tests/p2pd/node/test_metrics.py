from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.driver.fixtures import StartNode


def scrape(address: str) -> dict[str, float]:
    text = httpx.get(f"http://{address}/metrics", timeout=10).text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {sample.name: sample.value for sample in samples if not sample.labels}


def test_a_node_tells_what_it_keeps_and_whom_it_knows(
    start_node: StartNode, free_tcp_port: int
) -> None:
    address = f"127.0.0.1:{free_tcp_port}"
    node, other = start_node("a", metrics_listen=address), start_node("b")
    node.connect(other)
    node.publish("one")
    node.publish("two")
    values = scrape(address)
    assert values["p2pd_messages_total"] == 2
    assert values["p2pd_peers"] == 1
    assert values["p2pd_rooms"] == 1
    assert values["process_resident_memory_bytes"] > 0
