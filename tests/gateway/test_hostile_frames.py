"""No frame of a browser ends more than its own connection."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from tests.driver import GatewayProcess
from tests.driver.fixtures import stop_all
from tests.gateway.client import Client
from tests.gateway.raw import PING, TEXT, frame, raw_browser, wait_closed

CLOSE = 0x88
NO_NODE = "127.0.0.1:9"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess("attacked", tmp_path_factory.mktemp("attacked"), NO_NODE)
    gateway.start()
    yield gateway
    assert "Traceback" not in gateway.log()
    stop_all([gateway])


FRAMES = {
    "deep JSON": frame(b"[" * 60_000),
    "deep objects": frame(b'{"a":' * 10_000),
    "a huge number": frame(b'{"type":"join","id":1' + b"0" * 400 + b"}"),
    "a huge exponent": frame(b'{"type":"join","id":1e999}'),
    "a lone surrogate": frame(b'{"type":"publish","id":1,"text":"\\ud800"}'),
    "a lone surrogate as a name": frame(b'{"\\udfff":1}'),
    "duplicate keys": frame(b'{"type":"join","type":[],"id":1,"id":2}'),
    "NaN": frame(b'{"type":"history","id":1,"limit":NaN}'),
    "a byte order mark": frame(b'\xef\xbb\xbf{"type":"hello"}'),
    "a long id": frame(orjson.dumps({"type": "join", "id": "i" * 60_000})),
    "an object as id": frame(b'{"type":"join","id":{}}'),
    "text that is not UTF-8": frame(b'{"type":"\xff"}'),
    "a character cut by a fragment": frame(b'{"type":"\xc3', 0x01) + frame(b'\xa9"}', 0x80),
    "a continuation of nothing": frame(b"x", 0x80),
    "an unfinished message, then another": frame(b"{", 0x01) + frame(b"{}", TEXT),
    "the compressed bit": frame(b"{}", 0xC1),
    "a reserved opcode": frame(b"", 0x83),
    "a fragmented ping": frame(b"", PING & 0x7F),
    "a long ping": frame(b"p" * 126, PING),
    "an unmasked frame": bytes((TEXT, 2)) + b"{}",
    "a close code of one byte": frame(b"\x03", CLOSE),
    "a reserved close code": frame((1005).to_bytes(2, "big"), CLOSE),
    "a close code of zero": frame(b"\x00\x00", CLOSE),
    "a close reason that is not UTF-8": frame(b"\x03\xe8\xff", CLOSE),
    "frames behind a close": frame(b"\x03\xe8", CLOSE) + frame(b"{}") * 1000,
    "a size over 63 bits": bytes((TEXT, 0xFF)) + b"\xff" * 8,
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_hostile_frame_ends_at_most_its_own_connection(
    attacked: GatewayProcess, kind: str
) -> None:
    with Client(attacked.ws_url) as other:
        with raw_browser(attacked, hello=None) as hostile:
            hostile.sendall(FRAMES[kind])
            hostile.sendall(frame(b"\x03\xe8", CLOSE))
            left = wait_closed(hostile)
        assert left, "neither an answer nor a close frame"
        assert other.ask("shout")["reason"] == "UNKNOWN_TYPE"
    assert attacked.running
