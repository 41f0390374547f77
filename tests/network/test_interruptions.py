"""Machines that sleep, move or lose their cable are back within seconds of their return."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess
from tests.driver.lan import Machine, open_lan
from tests.driver.listener import EventListener
from tests.driver.process import Service
from tests.driver.waiting import wait_until

pytestmark = pytest.mark.netns
BACK_WITHIN_S = 5.0
NOTICED_WITHIN_S = 30.0
"""Of a peer that hangs, over TCP and over QUIC."""
NOISE_S = 5.0
"""What a busy machine and the look of a test may add."""
FAILED_DIALS = 6
"""After so many the next dial is 12 s away or more."""
FAILED_DIAL = '"event": "dial failed"'


def node_on(machine: Machine, directory: Path, name: str, **settings: object) -> NodeProcess:
    return NodeProcess(
        name,
        directory,
        prefix=machine.prefix,
        listen="/ip4/0.0.0.0/tcp/4001,/ip4/0.0.0.0/udp/4001/quic-v1",
        grpc_listen=f"unix:{directory}/{name}.sock",
        log_level="debug",
        log_format="json",
        **settings,
    )


def connect_over_quic(node: NodeProcess, other: NodeProcess) -> None:
    address = next(each for each in other.addresses if "/quic-v1/" in each)
    with node.open_channel() as channel:
        request = chat_pb2.ConnectRequest(address=address)
        peer = chat_pb2_grpc.ChatServiceStub(channel).Connect(request, timeout=30).peer
    assert peer.connection.transport == "quic-v1"


def has_event(listener: EventListener, kind: str, node: NodeProcess) -> Callable[[], bool]:
    """Make a look for an event about a node, from now on."""
    first = len(listener.events)
    return lambda: any(getattr(e, kind).peer_id == node.peer_id for e in listener.events[first:])


@contextmanager
def back_in_time(hub: EventListener, node: NodeProcess) -> Iterator[None]:
    """Let the block bring a node back, and wait until the hub has it in the room."""
    look = has_event(hub, "peer_joined", node)
    yield
    wait_until(look, timeout_s=BACK_WITHIN_S + NOISE_S)


def test_interrupted_machines_are_back_within_seconds(
    tmp_path: Path, services: list[Service]
) -> None:
    with open_lan(4) as (at_hub, at_home, asleep, moving):
        hub = node_on(at_hub, tmp_path, "hub")
        home = node_on(at_home, tmp_path, "home")
        sleeper = node_on(asleep, tmp_path, "sleeper")
        mover = node_on(moving, tmp_path, "mover")
        for node in (hub, home, sleeper, mover):
            services.append(node)
            node.start()
        # The sleeper is dialled: it holds nobody, and whoever holds it backs off.
        connect_over_quic(home, hub)
        hub.connect(sleeper)
        mover.connect(hub)
        for node in (home, sleeper, mover):
            hub.wait_peer(node, "chat-room")
            node.wait_peer(hub, "chat-room")

        with EventListener(hub) as listener:
            moving.move_to("10.77.0.104")
            wait_until(
                lambda: hub.peers()[mover.peer_id].connection.remote_address,
                lambda address: address.startswith("/ip4/10.77.0.104/"),
                timeout_s=BACK_WITHIN_S + NOISE_S,
            )
            with EventListener(mover) as moved:
                hub.publish("to the new address", "chat-room")
                wait_until(lambda: moved.texts, timeout_s=BACK_WITHIN_S + NOISE_S)
            at_home.unplug()
            sleeper.signal(signal.SIGSTOP)
            try:
                looks = [has_event(listener, "peer_disconnected", gone) for gone in (home, sleeper)]
                wait_until(
                    lambda: all(look() for look in looks), timeout_s=NOTICED_WITHIN_S + NOISE_S
                )
                wait_until(lambda: home.log().count(FAILED_DIAL) >= FAILED_DIALS)
                with back_in_time(listener, home):
                    at_home.plug_in()
                with back_in_time(listener, sleeper):
                    sleeper.signal(signal.SIGCONT)
            finally:
                sleeper.signal(signal.SIGCONT)
        for node in (hub, home, sleeper, mover):
            node.stop()
