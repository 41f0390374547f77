"""``docker compose --profile demo up``: two pairs that chat, hardened, self-healing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.compose.deployment import CallFailedError, Deployment, open_deployment
from tests.driver.waiting import wait_until
from tests.interop.programs import go_program

pytestmark = pytest.mark.timeout(900)

SERVICES = ("node", "node-b", "gateway", "gateway-b")
MESSAGES = "/api/rooms/chat-room/messages"

PROCESS_FACTS = """
import glob, json
facts = {}
for path in glob.glob("/proc/[0-9]*/status"):
    fields = dict(line.split(":", 1) for line in open(path))
    keys = ("Uid", "Gid", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs")
    facts[fields["Name"].strip()] = {key: fields[key].split() for key in keys}
print(json.dumps(facts))
"""
WRITE_TO = """
import errno
try:
    open({path!r}, "w")
except OSError as error:
    print(errno.errorcode[error.errno])
else:
    print("written")
"""
KILL_NODE = """
import glob, os, signal
for path in glob.glob("/proc/[0-9]*/cmdline"):
    command = open(path).read()
    process = int(path.split("/")[2])
    if command.rstrip("\\0").endswith("/p2pd") and "python" in command and process != 1:
        os.kill(process, signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def demo() -> Iterator[Deployment]:
    """Give the running demo, one for all the tests here."""
    with open_deployment() as deployment:
        yield deployment


def texts(demo: Deployment, port: str) -> list[str]:
    status, page = demo.get(port, MESSAGES)
    assert status == 200, page
    return [message.get("text", "") for message in page["messages"]]


def say(demo: Deployment, port: str, text: str) -> None:
    status, answer = demo.post(port, MESSAGES, {"text": text})
    assert status == 201, answer


def assert_heard(demo: Deployment, text: str, port: str) -> None:
    wait_until(lambda: texts(demo, port), lambda seen: text in seen, timeout_s=60)


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_healthy(demo: Deployment, service: str) -> None:
    wait_until(
        lambda: demo.inspect(service)["State"]["Health"],
        lambda health: health["Status"] == "healthy",
        timeout_s=120,
    )


def test_message_posted_to_one_gateway_is_read_from_the_other(demo: Deployment) -> None:
    say(demo, "PAGE_PORT", "from the first page")
    assert_heard(demo, "from the first page", "PAGE_B_PORT")
    say(demo, "PAGE_B_PORT", "from the second page")
    assert_heard(demo, "from the second page", "PAGE_PORT")


@pytest.mark.parametrize("service", SERVICES)
def test_no_process_is_root_or_has_a_capability(demo: Deployment, service: str) -> None:
    facts: dict[str, Any] = json.loads(demo.python_in(service, PROCESS_FACTS))
    assert facts
    for name, process in facts.items():
        assert set(process["Uid"] + process["Gid"]) == {"10001"}, name
        capabilities = process["CapEff"] + process["CapPrm"] + process["CapBnd"]
        assert {int(value, 16) for value in capabilities} == {0}, name
        assert process["NoNewPrivs"] == ["1"], name


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("path", ["/etc/wsp", "/opt/wsp/wsp", "/usr/local/wsp"])
def test_file_system_is_read_only(demo: Deployment, service: str, path: str) -> None:
    assert demo.python_in(service, WRITE_TO.format(path=path)).strip() == "EROFS"


def test_gateway_cannot_change_the_node_token(demo: Deployment) -> None:
    path = "/run/wsp/grpc.token"
    assert demo.python_in("gateway", WRITE_TO.format(path=path)).strip() == "EROFS"


def test_memory_and_processes_are_bounded(demo: Deployment) -> None:
    for service in SERVICES:
        bounds = demo.inspect(service)["HostConfig"]
        assert bounds["Memory"] > 0
        assert bounds["PidsLimit"] > 0


def test_grpc_is_published_and_asks_for_the_token(demo: Deployment) -> None:
    command = (go_program("grpcurl"), "-plaintext")
    call = (f"127.0.0.1:{demo.ports['GRPC_PORT']}", "wsp.chat.v1.ChatService/GetNode")
    with pytest.raises(CallFailedError, match="Unauthenticated"):
        demo.near(*command, *call)
    token = demo.compose("exec", "-T", "node", "cat", "/run/wsp/grpc.token").strip()
    node = json.loads(demo.near(*command, "-H", f"authorization: Bearer {token}", *call))["node"]
    assert node["peer_id"] == demo.get("PAGE_PORT", "/api/node")[1]["peer_id"]


def test_killed_node_comes_back_as_itself_and_hears_again(demo: Deployment) -> None:
    before = demo.get("PAGE_PORT", "/api/node")[1]
    restarts = demo.inspect("node")["RestartCount"]
    demo.python_in("node", KILL_NODE)
    wait_until(
        lambda: demo.inspect("node")["RestartCount"], lambda count: count > restarts, timeout_s=60
    )
    demo.wait_healthy("node")
    after = wait_until(
        lambda: demo.get("PAGE_PORT", "/api/node"), lambda answer: answer[0] == 200, timeout_s=60
    )[1]
    assert after["peer_id"] == before["peer_id"]
    assert after["start_time"] > before["start_time"]
    wait_until(
        lambda: demo.get("PAGE_B_PORT", "/api/peers?room=chat-room")[1]["peers"], timeout_s=60
    )
    say(demo, "PAGE_B_PORT", "welcome back")
    assert_heard(demo, "welcome back", "PAGE_PORT")


def test_services_end_cleanly_when_stopped(demo: Deployment) -> None:
    demo.compose("stop")
    codes = {service: demo.inspect(service)["State"]["ExitCode"] for service in SERVICES}
    assert codes == dict.fromkeys(SERVICES, 0)
