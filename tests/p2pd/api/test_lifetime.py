"""How the API starts, fails to start, stops and crashes."""

from __future__ import annotations

import socket
import stat
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from grpc_health.v1 import health_pb2
from wsp.chat.v1 import chat_pb2

from p2pd.api.errors import ApiBindError, ApiCrashedError, ApiSettingsError
from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import CALL_S, Follower, reason_of
from tests.p2pd.api.running import (
    RunningApi,
    WaitingPublishing,
    dialling_through,
    health_stub_of,
    publishing_through,
    running_api,
    stub_of,
)
from tests.p2pd.facts import make_message


class HeldPublishing(WaitingPublishing):
    """Publishes nothing until the gate opens."""

    gate: trio.Event
    begun: int

    async def publish(self, publishes: Any, accepted: Any = None) -> Any:
        type(self).begun += 1
        await self.gate.wait()
        return await self._inner.publish(publishes, accepted)


def test_free_port_is_picked_and_told(api: RunningApi) -> None:
    host, _, port = api.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0


def test_busy_port_is_one_clear_error(api: RunningApi, tmp_path: Path) -> None:
    with (
        pytest.raises(ApiBindError, match=rf"cannot listen on {api.address}: Address already in"),
        running_api(tmp_path, api.address),
    ):
        pass


def test_foreign_address_is_one_clear_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ApiBindError, match=r"cannot listen on 203\.0\.113\.9:0: Cannot assign"),
        running_api(tmp_path, "203.0.113.9:0", token="x" * 20),
    ):
        pass


def test_unix_socket_is_open_to_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with running_api(tmp_path / "node", f"unix:{path}") as api, api.channel() as channel:
        assert api.address == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stub_of(channel).Publish(chat_pb2.PublishRequest(text="x"))


def test_unix_socket_left_behind_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with running_api(tmp_path / "node", f"unix:{path}") as api, api.channel() as channel:
        assert stub_of(channel).GetNode(chat_pb2.GetNodeRequest())


def test_unix_socket_in_use_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with running_api(tmp_path / "a", f"unix:{path}") as api, api.channel() as channel:
        with (
            pytest.raises(ApiBindError, match="another program listens there"),
            running_api(tmp_path / "b", f"unix:{path}"),
        ):
            pass
        assert stub_of(channel).GetNode(chat_pb2.GetNodeRequest())


@pytest.mark.parametrize("listen", ["", "localhost", "127.0.0.1:99999", "unix:", "::1:50051"])
def test_wrong_address_is_one_clear_error(tmp_path: Path, listen: str) -> None:
    sentence = r"is not an address: .*(HOST:PORT|65535|needs a path)"
    with pytest.raises(ApiSettingsError, match=sentence), running_api(tmp_path, listen):
        pass


def test_readers_are_told_that_the_node_stops(tmp_path: Path) -> None:
    with running_api(tmp_path) as api:
        followers = [
            Follower(stub_of(api.channel()).Events(chat_pb2.EventsRequest())) for _ in range(20)
        ]
        for follower in followers:
            follower.wait(bool)
        assert api.stop() < 2
        for follower in followers:
            end = follower.wait_end()
            assert end.code() is grpc.StatusCode.UNAVAILABLE
            assert reason_of(end) == "NODE_STOPPING"


def test_reader_that_never_reads_does_not_hold_the_stop(tmp_path: Path) -> None:
    with running_api(tmp_path) as api:
        call = stub_of(api.channel()).Events(chat_pb2.EventsRequest())
        wait_until(lambda: api.api.counters.streams_open, lambda count: count == 1)
        for start in range(1, 2_000, 100):
            messages = [make_message(n, data=b"x" * 10_000) for n in range(start, start + 100)]
            api.on_trio(api.log.append, messages)
        assert call.is_active()
        assert api.stop() < 2


def test_accepted_publish_is_answered_before_the_end(tmp_path: Path) -> None:
    HeldPublishing.gate, HeldPublishing.begun = trio.Event(), 0
    with running_api(tmp_path, change=publishing_through(HeldPublishing)) as api:
        stub = stub_of(api.channel())
        call = stub.Publish.future(chat_pb2.PublishRequest(text="kept"), timeout=CALL_S)
        wait_until(lambda: HeldPublishing.begun)
        follower = Follower(stub.Events(chat_pb2.EventsRequest()))
        follower.wait(bool)
        api.ask_to_stop()
        follower.wait_end()
        with pytest.raises(grpc.RpcError) as caught:
            stub.Publish(chat_pb2.PublishRequest(text="late"), timeout=CALL_S)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        api.on_trio(HeldPublishing.gate.set)
        assert call.result().message_id
        api.stop()
    assert api.log.store.last_offset == 1


def test_publish_that_never_ends_is_cut_at_the_grace(tmp_path: Path) -> None:
    HeldPublishing.gate, HeldPublishing.begun = trio.Event(), 0
    with running_api(tmp_path, change=publishing_through(HeldPublishing), grace_s=1.0) as api:
        stub = stub_of(api.channel())
        call = stub.Publish.future(chat_pb2.PublishRequest(text="stuck"), timeout=CALL_S)
        wait_until(lambda: HeldPublishing.begun)
        assert 0.9 < api.stop() < 3
        assert call.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_dial_under_way_does_not_hold_the_stop(tmp_path: Path) -> None:
    class UnansweredDialling:
        async def connect(self, address: str) -> Any:
            await trio.sleep_forever()

    with running_api(tmp_path, change=dialling_through(UnansweredDialling())) as api:
        stub = stub_of(api.channel())
        call = stub.Connect.future(chat_pb2.ConnectRequest(address="x"), timeout=CALL_S)
        wait_until(lambda: api.api.counters.calls_active)
        assert api.stop() < 2
        assert call.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_nothing_is_left_open_after_the_stop(tmp_path: Path) -> None:
    with running_api(tmp_path / "first"):
        pass
    before = open_files()
    for number in range(5):
        with running_api(tmp_path / str(number)) as api, api.channel() as channel:
            stub_of(channel).GetNode(chat_pb2.GetNodeRequest())
    wait_until(open_files, lambda now: now <= before + 5)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_crash_of_the_grpc_thread_ends_the_program(tmp_path: Path) -> None:
    async def crash(server: grpc.aio.Server) -> None:
        raise RuntimeError("a fault of the thread")

    def make_crash(api: RunningApi) -> None:
        rpc = api.api._rpc
        rpc._drain = crash  # type: ignore[method-assign]
        api.api._bridge.signal(rpc.stop)

    with pytest.raises(ApiCrashedError, match="a fault of"), running_api(tmp_path) as api:
        api.on_trio(make_crash, api)
        wait_until(lambda: api.failure, timeout_s=CALL_S)


@pytest.mark.parametrize("service", ["", "wsp.chat.v1.ChatService"])
def test_health_serves_only_when_told(tmp_path: Path, service: str) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        health = health_stub_of(channel)
        request = health_pb2.HealthCheckRequest(service=service)
        assert health.Check(request).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch = Follower(health.Watch(request))
        wait_until(lambda: statuses(watch), lambda seen: seen == [2])
        api.on_trio(api.api.set_serving, True)
        wait_until(lambda: health.Check(request).status, lambda status: status == 1)
        wait_until(lambda: statuses(watch), lambda seen: seen == [2, 1])
        api.stop()
        end = watch.wait_end()
        assert statuses(watch) == [2, 1, 2]
        assert end.code() is grpc.StatusCode.UNAVAILABLE


def statuses(watch: Follower) -> list[int]:
    return [batch.status for batch in watch.batches]


def test_health_of_an_unknown_service_is_not_found(channel: grpc.Channel) -> None:
    health = health_stub_of(channel)
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="nothing"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    unknown = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch = health.Watch(health_pb2.HealthCheckRequest(service="nothing"))
    assert next(watch).status == unknown
    watch.cancel()


def test_one_watcher_leaving_does_not_silence_another(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        health = health_stub_of(channel)
        first, second = (Follower(health.Watch(health_pb2.HealthCheckRequest())) for _ in "ab")
        wait_until(lambda: (statuses(first), statuses(second)), lambda seen: seen == ([2], [2]))
        first.cancel()
        api.on_trio(api.api.set_serving, True)
        wait_until(lambda: statuses(second), lambda seen: seen == [2, 1])
