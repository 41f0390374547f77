"""What the rules and the panels name changes at running processes when it happens."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import grpc
import httpx
import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.api.rpc_server import ApiCounters
from p2pd.domain.message_ages import MessageAgesValue
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.reach import Reach, Reachability, RelayReservation
from p2pd.domain.storage import Damage, Storage, StorageState
from p2pd.node.metrics import CountsFeed, NodeCollector
from p2pd.node.snapshot import Latencies, NodeCounts
from p2pd.sync.room_ages import RoomAge
from tests.driver.fixtures import StartGateway, StartNode
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until
from tests.gateway.client import Client
from tests.operating.metrics import (
    SELECTOR,
    gateway_families,
    panel_expressions,
    rule_expressions,
)

ROOM = 'room="chat-room"'
HANG_S = 1.5

SHOWN_FROM_A_SNAPSHOT = {
    "p2pd_storage_damages",
    "p2pd_clock_steady",
    "p2pd_relays",
    "p2pd_reachability",
    "p2pd_grpc_failed_calls_total",
    "p2pd_send_pressure_ratio",
    "p2pd_sync_lag_seconds",
    "p2pd_message_age_doubts_total",
}
"""Hard to bring about at a running node; below, a collector shows them."""
SHOWN_FROM_PARTS = {"gateway_held_bytes", "gateway_publishes_in_flight"}
"""The same of the gateway."""


def key_of(name: str, labels: dict[str, str]) -> str:
    inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name


def values_of(families: Iterable[Metric]) -> dict[str, float]:
    return {
        key_of(sample.name, sample.labels): sample.value
        for family in families
        for sample in family.samples
    }


class Watch:
    """A service's metrics, and the names of those that have changed."""

    def __init__(self, address: str, moved: set[str]) -> None:
        self._url = f"http://{address}/metrics"
        self._moved = moved
        self._before: dict[str, float] | None = None

    def __call__(self) -> dict[str, float]:
        now = values_of(text_string_to_metric_families(httpx.get(self._url, timeout=30).text))
        if self._before is not None:
            self._moved |= {
                key.partition("{")[0] for key in now if now[key] != self._before.get(key)
            }
        self._before = now
        return now

    def wait(self, until: Callable[[dict[str, float]], object]) -> dict[str, float]:
        return wait_until(self, until, ignoring=(httpx.TransportError, KeyError))


def dial_in_vain(node: NodeProcess, port: int) -> None:
    address = f"/ip4/127.0.0.1/tcp/{port}/p2p/12D3KooWLZYczgnCEo1NjWAp7MaSyug8UbcwxUr5EMbr5WqrqrB3"
    with node.open_channel() as channel, pytest.raises(grpc.RpcError):
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        stub.Connect(chat_pb2.ConnectRequest(address=address), timeout=30)


def test_what_rules_and_panels_name_moves_when_it_happens(
    start_node: StartNode,
    start_gateway: StartGateway,
    free_tcp_port_factory: Callable[[], int],
    small_disk: Path,
) -> None:
    port_a, port_b, port_full, closed = (free_tcp_port_factory() for _ in range(4))
    a = start_node("a", metrics_listen=f"127.0.0.1:{port_a}")
    b = start_node("b", metrics_listen=f"127.0.0.1:{port_b}")
    moved: set[str] = set()
    watch_a, watch_b = (Watch(f"127.0.0.1:{port}", moved) for port in (port_a, port_b))
    names_of_builds(watch_a())
    publish_alone(a, watch_a)
    dial_in_vain(a, closed)
    assert watch_a()['p2pd_dial_failures_total{reason="refused",transport="tcp"}'] == 1
    meet(a, b, watch_a, watch_b)
    gateway = start_gateway(a)
    gateway.wait_node_reachable()
    watch_gateway = Watch(gateway.http_address, moved)
    chat(gateway.ws_url, watch_gateway)
    hang(a.pid, watch_a, "p2pd_loop_lag_seconds", 'loop="trio"')
    hang(gateway.pid, watch_gateway, "gateway_loop_lag_seconds")
    fill(small_disk, port_full, moved)
    a.stop()
    watch_gateway.wait(lambda now: now["gateway_node_ready"] == 0)
    watch_b.wait(lambda now: now["p2pd_peers"] == 0 and now[f"p2pd_sync_peers{{{ROOM}}}"] == 0)
    named = {
        name
        for expression in (*rule_expressions(), *panel_expressions())
        for name, _ in SELECTOR.findall(expression)
    }
    builds = {"p2pd_build_info", "gateway_build_info"}
    assert named - moved - builds == SHOWN_FROM_A_SNAPSHOT | SHOWN_FROM_PARTS


def names_of_builds(now: dict[str, float]) -> None:
    (build,) = (key for key in now if key.startswith("p2pd_build_info"))
    assert 'libp2p="0.8.1"' in build
    assert 'python="3.' in build


def publish_alone(node: NodeProcess, watch: Watch) -> None:
    """Publish where no peer is: durable, and waiting for one."""
    before = watch()
    node.publish("nobody is here")
    now = watch()
    assert now["p2pd_publish_duration_seconds_count"] == 1
    assert now["p2pd_fsync_duration_seconds_count"] > before["p2pd_fsync_duration_seconds_count"]
    assert 0 < now["p2pd_publish_duration_seconds_sum"] < 60
    assert now["p2pd_unsent_messages"] == 1
    assert now["p2pd_storage_free_bytes"] > 0
    assert now["p2pd_storage_bytes"] > 0


def meet(a: NodeProcess, b: NodeProcess, watch_a: Watch, watch_b: Watch) -> None:
    """Connect two nodes: what waited is sent, the room is compared."""
    alone = watch_b()
    assert alone[f"p2pd_sync_peers{{{ROOM}}}"] == 0
    b.connect(a)
    watch_a.wait(lambda now: now["p2pd_unsent_messages"] == 0)
    watch_a.wait(lambda now: now["p2pd_peers"] == 1 and now[f"p2pd_sync_peers{{{ROOM}}}"] == 1)
    watch_b.wait(lambda now: now["p2pd_sync_bytes_total"] > 0)
    b.wait_peer(a, "chat-room")
    a.publish("somebody is here")
    watch_b.wait(lambda now: now["p2pd_message_age_seconds_count"] >= 1)
    # Compared again, a room is as young as that.
    age = f"p2pd_sync_age_seconds{{{ROOM}}}"
    last_s = watch_b()[age]

    def is_younger(now: dict[str, float]) -> bool:
        nonlocal last_s
        before_s, last_s = last_s, now[age]
        return now[age] < before_s

    watch_b.wait(is_younger)


def chat(ws_url: str, watch: Watch) -> None:
    """Publish from a browser, and refuse one of another site."""
    before = watch()
    with Client(ws_url) as browser:
        browser.hello()
        assert browser.ask("publish", room="chat-room", text="from a page")["type"] == "ack"
        now = watch.wait(lambda now: now["gateway_event_duration_seconds_count"] >= 1)
        assert now["gateway_clients"] == 1
        assert now["gateway_publish_duration_seconds_count"] == 1
        assert 0 < now["gateway_publish_duration_seconds_sum"] < 60
        assert now["gateway_frames_sent_total"] > before["gateway_frames_sent_total"]
    with pytest.raises(InvalidStatus), Client(ws_url, origin="https://elsewhere.example"):
        pass
    assert watch()['gateway_turned_away_total{reason="ORIGIN_NOT_ALLOWED"}'] == 1


def hang(pid: int, watch: Watch, metric: str, labels: str = "") -> None:
    """Stop a process for a while: its loop is late by as much."""
    all_of, in_time = f"{metric}_count", f'{metric}_bucket{{le="1.0"}}'
    if labels:
        all_of, in_time = f"{metric}_count{{{labels}}}", f'{metric}_bucket{{le="1.0",{labels}}}'

    def late(now: dict[str, float]) -> float:
        return now[all_of] - now[in_time]

    before = late(watch())
    os.kill(pid, signal.SIGSTOP)
    # The stop is what is measured; nothing is waited for.
    time.sleep(HANG_S)
    os.kill(pid, signal.SIGCONT)
    watch.wait(lambda now: late(now) > before)


def fill(disk: Path, port: int, moved: set[str]) -> None:
    """Publish until the disk is full, and make room again."""
    node = NodeProcess("cramped", disk, metrics_listen=f"127.0.0.1:{port}")
    node.start()
    try:
        watch = Watch(f"127.0.0.1:{port}", moved)
        before = watch()
        with pytest.raises(grpc.RpcError):
            for number in range(1000):
                node.publish(f"{number} {'x' * 20_000}")
        now = watch()
        assert now['p2pd_storage_state{state="full"}'] == 1
        assert now['p2pd_storage_state{state="ok"}'] == 0
        assert now["p2pd_storage_free_bytes"] < before["p2pd_storage_free_bytes"]
        assert now["p2pd_storage_bytes"] > before["p2pd_storage_bytes"]
    finally:
        node.signal(signal.SIGTERM)
        node.wait_stopped()


class OneSnapshot(CountsFeed):
    def __init__(self, snapshot: NodeCounts) -> None:
        self._one = snapshot

    def snapshot(self) -> tuple[NodeCounts | None, float]:
        return self._one, 0.25


def test_a_collector_shows_what_the_snapshot_holds(tmp_path: Path) -> None:
    room = RoomAge(RoomName("quiet"), 30.0, 12.0, 3)
    damage = Storage(StorageState.FAILED, "broken", (Damage("x", "y", 1),))
    ages = MessageAgesValue(doubtful=(("ahead", 7), ("behind", 0), ("no_time", 0)))
    reach = Reach(Reachability.PRIVATE, relays=(RelayReservation(PeerId("relay"), (), 0),))
    snapshot = NodeCounts(
        peers=1, rooms=1, first_offset=1, last_offset=0, send_pressure=0.5, sync_bytes=0,
        rejected=(), api=ApiCounters(0, 0, 0, 5, 0, 0),
        reach=reach, clock_is_steady=False, latencies=Latencies(messages=ages),
        storage=damage, evicted_readers=4, unindexed_messages=6, room_ages=(room,),
    )  # fmt: skip
    found = values_of(NodeCollector(OneSnapshot(snapshot), tmp_path).collect())
    expected = {
        "p2pd_storage_damages": 1.0,
        'p2pd_storage_state{state="failed"}': 1.0,
        "p2pd_clock_steady": 0.0,
        "p2pd_relays": 1.0,
        'p2pd_reachability{verdict="private"}': 1.0,
        "p2pd_grpc_failed_calls_total": 5.0,
        "p2pd_send_pressure_ratio": 0.5,
        'p2pd_sync_lag_seconds{room="quiet"}': 12.0,
        'p2pd_sync_age_seconds{room="quiet"}': 30.0,
        'p2pd_sync_peers{room="quiet"}': 3.0,
        'p2pd_message_age_doubts_total{clock="ahead"}': 7.0,
        "p2pd_snapshot_age_seconds": 0.25,
        "p2pd_evicted_readers_total": 4.0,
        "p2pd_unindexed_messages": 6.0,
    }
    assert {key: found[key] for key in expected} == expected
    assert {key.partition("{")[0] for key in expected} >= SHOWN_FROM_A_SNAPSHOT


def test_a_collector_shows_what_the_gateway_holds_for_browsers() -> None:
    sockets = [SimpleNamespace(held_bytes=lambda: 700), SimpleNamespace(held_bytes=lambda: 300)]
    found = values_of(gateway_families(in_flight=3, sockets=sockets))
    assert found["gateway_publishes_in_flight"] == 3
    assert found["gateway_held_bytes"] == 1000
    assert {"gateway_held_bytes", "gateway_publishes_in_flight"} == SHOWN_FROM_PARTS
