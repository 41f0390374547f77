"""grpcurl, which knows the API by reflection only."""

from __future__ import annotations

import json
import subprocess

from tests.driver import EventListener, NodeProcess
from tests.driver.fixtures import StartNode
from tests.interop.programs import go_program, run

SERVICE = "wsp.chat.v1.ChatService"


def grpcurl(node: NodeProcess, *arguments: str, options: tuple[str, ...] = ()) -> str:
    return run(go_program("grpcurl"), "-plaintext", *options, node.grpc_address, *arguments)


def test_grpcurl_lists_the_services(node: NodeProcess) -> None:
    services = grpcurl(node, "list").split()
    assert SERVICE in services
    assert "grpc.health.v1.Health" in services


def test_grpcurl_describes_every_call(node: NodeProcess) -> None:
    description = grpcurl(node, "describe", SERVICE)
    for call in ("Publish", "PublishStream", "Connect", "Events", "GetNode", "ListPeers"):
        assert f"rpc {call} (" in description
    for call in ("JoinRoom", "LeaveRoom", "ListRooms", "ListMessages"):
        assert f"rpc {call} (" in description


def test_grpcurl_asks_for_health(node: NodeProcess) -> None:
    assert json.loads(grpcurl(node, "grpc.health.v1.Health/Check")) == {"status": "SERVING"}


def test_grpcurl_publishes(node: NodeProcess) -> None:
    with EventListener(node) as listener:
        answer = json.loads(
            grpcurl(node, f"{SERVICE}/Publish", options=("-d", '{"text": "from grpcurl"}'))
        )
        assert listener.wait_text("from grpcurl").message_id == answer["message_id"]


def test_grpcurl_streams_events(node: NodeProcess) -> None:
    command = [go_program("grpcurl"), "-plaintext", node.grpc_address, f"{SERVICE}/Events"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stream:
        assert stream.stdout is not None
        lines: list[str] = []
        try:
            for line in stream.stdout:
                lines.append(line)
                if '"snapshot"' in line:
                    node.publish("to grpcurl")
                if '"text": "to grpcurl"' in line:
                    break
        finally:
            stream.kill()
    assert '"text": "to grpcurl"' in lines[-1], "".join(lines)


def test_grpcurl_shows_the_reason_of_a_refusal(node: NodeProcess) -> None:
    command = [go_program("grpcurl"), "-plaintext", "-d", "{}", node.grpc_address]
    refused = subprocess.run(
        [*command, f"{SERVICE}/Publish"], capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode != 0
    assert "InvalidArgument" in refused.stderr
    assert "EMPTY_MESSAGE" in refused.stderr


def test_grpcurl_needs_the_token_beyond_loopback(start_node: StartNode) -> None:
    node = start_node(grpc_listen="0.0.0.0:0")
    address = f"127.0.0.1:{node.grpc_address.rsplit(':', 1)[1]}"
    command = [go_program("grpcurl"), "-plaintext"]
    call = [address, f"{SERVICE}/GetNode"]
    refused = subprocess.run(
        [*command, *call], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Unauthenticated" in refused.stderr
    answer = run(*command, "-H", f"authorization: Bearer {node.token}", *call)
    assert json.loads(answer)["node"]["peer_id"] == node.peer_id
    assert SERVICE in run(*command, address, "list").split()
