"""A gateway without a node, for tests of what the page does by itself.

It serves the files of ``web/`` with the real security headers and answers the page's
frames from a script; made by the ``scripted`` fixture. Whatever depends on the real
gateway or on delivery is tested with real processes instead.
"""

from __future__ import annotations

import functools
import itertools
import json
import threading
from collections import defaultdict
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import BrowserContext, WebSocketRoute

from gateway.http.headers import security_headers
from gateway.http.page import web_dir

ME = "12D3KooWQ8vXr2mPzL4kT9nYcB7hJdFgS3eWuAi5oRt6xVbN1MkZ"
PEER = "12D3KooWBmwkafWE2Fs1mkGEzZbiKHTkZvKrGd7aL3uQ2NxePp9y"
CONNECTION = {
    "kind": "direct",
    "direction": "outbound",
    "transport": "tcp",
    "remote_address": "/ip4/192.0.2.9/tcp/4001",
    "round_trip_ms": 12.5,
}
TIME = "2026-11-23T10:00:{second:02}.{micros:06}Z"


class _Handler(SimpleHTTPRequestHandler):
    """Serves the page; every call under /api answers as the gateway is told to."""

    extensions_map = {  # noqa: RUF012 - the base class has it so
        ".js": "text/javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
        ".html": "text/html",
    }
    gateway: ScriptedGateway

    def do_GET(self) -> None:
        """Serve a file, or answer a call."""
        if self.path.startswith("/api/"):
            self._answer()
        else:
            super().do_GET()

    def end_headers(self) -> None:
        """Add what the gateway adds."""
        for name, value in security_headers(self.headers["host"]):
            self.send_header(name.decode(), value.decode())
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        status, body = self.gateway.answer
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


class ScriptedGateway:
    """Serves pages until it is closed.

    Attributes:
        answer: Status and JSON body of every HTTP call; by default there is no such call.
        published: Room and text of every publish, in order.
        requested: The types of the other commands.
        rooms: The rooms that the node has joined.
        peers: The peers that are connected, each in the first room.
        features: What the node says that it does.
        answers: What to answer to commands, by their type.
        frames: The commands themselves, by their type, in order.
    """

    def __init__(self) -> None:
        self.answer: tuple[int, dict[str, Any]] = (404, {"code": "NOT_FOUND", "reason": ""})
        self.published: list[tuple[str, str]] = []
        self.requested: list[str] = []
        self.rooms = ["chat-room"]
        self.peers = [PEER]
        self.features: list[str] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.frames: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._numbers = itertools.count(1)
        self._log: list[dict[str, Any]] = []
        self._pages: list[WebSocketRoute] = []
        handler = type("Handler", (_Handler,), {"gateway": self})
        make: Any = functools.partial(handler, directory=str(web_dir()))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), make)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def accept(self, context: BrowserContext) -> None:
        """Answer the WebSockets that pages of a context open."""
        context.route_web_socket("**/ws", self._accept_page)

    def send_message(self, text: str | None, **changes: Any) -> None:
        """Have the peer say something in the room; other fields can be changed."""
        self._append(self._message(room="chat-room", text=text, author_id=PEER) | changes)

    def send_frame(self, frame: dict[str, Any]) -> None:
        """Send a frame as it is to all pages."""
        self._send_all(frame)

    def _accept_page(self, page: WebSocketRoute) -> None:
        self._pages.append(page)
        page.on_message(lambda data: self._handle(page, json.loads(data)))

    def _handle(self, page: WebSocketRoute, frame: dict[str, Any]) -> None:
        self.frames[frame["type"]].append(frame)
        match frame["type"]:
            case "hello":
                page.send(json.dumps(self._snapshot()))
                return
            case "publish":
                self._publish(page, frame)
                return
            case "join":
                self.requested.append("join")
                self.rooms = [*self.rooms, frame["room"]]
                answer: dict[str, Any] = {"room": {"name": frame["room"]}}
            case "leave":
                self.rooms = [room for room in self.rooms if room != frame["room"]]
                answer = {}
            case "history":
                answer = self._history(frame.get("before"), frame.get("limit", 100))
            case known if known in self.answers:
                answer = self.answers[known]
            case other:
                self.requested.append(other)
                peer: dict[str, object] = {
                    "peer_id": PEER,
                    "addresses": [],
                    "rooms": [],
                    "connection": None,
                }
                answer = {"peer": peer}
        if frame["type"] in {"join", "leave"}:
            self._send_all({"type": "node_changed", **self._stamp(), "node": self._node()})
        page.send(json.dumps({"type": "ack", "id": frame["id"], **answer}))

    def _publish(self, page: WebSocketRoute, frame: dict[str, Any]) -> None:
        place = {name: frame[name] for name in ("room", "peer_id") if name in frame}
        self.published.append((next(iter(place.values())), frame["text"]))
        event = self._message(**place, text=frame["text"], author_id=ME)
        event["client_message_id"] = frame["client_message_id"]
        answer = {key: event[key] for key in ("message_id", "cursor")} | {"recipients": 1}
        page.send(json.dumps({"type": "ack", "id": frame["id"], **answer}))
        self._append(event)

    def _append(self, message: dict[str, Any]) -> None:
        self._log.append(message)
        self._send_all(message)

    def _history(self, before: str | None, limit: int) -> dict[str, Any]:
        cursors = [message["cursor"] for message in self._log]
        end = len(cursors) if before is None else cursors.index(before)
        page = self._log[max(0, end - limit) : end]
        next_cursor = page[0]["cursor"] if end > limit else None
        return {"messages": page, "next_cursor": next_cursor, "gap": None}

    def _message(self, **fields: Any) -> dict[str, Any]:
        stamp = self._stamp()
        times = {"send_time": stamp["time"], "receive_time": stamp["time"]}
        rest = {"message_id": f"id-{stamp['cursor']}", "forwarder_id": PEER, "delivery": "live"}
        return {"type": "message", **stamp, **times, **rest, **fields}

    def _snapshot(self) -> dict[str, Any]:
        peers: list[dict[str, object]] = [
            {
                "peer_id": peer_id,
                "addresses": [],
                "agent": "",
                "rooms": ["chat-room"],
                "protocols": [],
                "connection": CONNECTION,
            }
            for peer_id in self.peers
        ]
        return {"type": "snapshot", **self._stamp(), "node": self._node(), "peers": peers}

    def _node(self) -> dict[str, Any]:
        address = f"/ip4/192.0.2.7/tcp/4001/p2p/{ME}"
        facts: dict[str, Any] = {"peer_id": ME, "addresses": [address], "agent": "wsp"}
        facts["rooms"] = self.rooms
        facts["features"] = self.features
        return facts | {"max_message_bytes": 32_768, "storage": {"state": "ok"}}

    def _stamp(self) -> dict[str, str]:
        number = next(self._numbers)
        second, micros = divmod(number, 1_000)
        return {"cursor": f"c{number}", "time": TIME.format(second=second, micros=micros)}

    def _send_all(self, frame: dict[str, Any]) -> None:
        for page in self._pages:
            page.send(json.dumps(frame))
