"""The HTTP server for operators: ``/metrics``, ``/healthz`` and ``/readyz``.

Opened by ``composition``. It answers in threads of its own, so that a slow client
holds up nobody, and closes without waiting for clients.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from common.addresses import tcp_address_from_text
from p2pd.node.closing import done_in_thread
from p2pd.node.errors import MetricsBindError
from p2pd.node.metrics import CountsFeed, NodeCollector

CLIENT_TIMEOUT_S = 5.0
CLIENT_LIFE_S = 15.0
MAX_CLIENTS = 32
POLL_S = 0.05
ACCEPT_RETRY_S = 0.1
CLOSE_S = 0.5
JSON = "application/json"

Answer = tuple[HTTPStatus, str, bytes]


@asynccontextmanager
async def serve_metrics(
    listen: str | None, feed: CountsFeed, data_dir: Path
) -> AsyncIterator[None]:
    """Serve metrics at HOST:PORT inside the block; None serves nothing.

    Raises:
        MetricsBindError: The address cannot be listened on.
    """
    if listen is None:
        yield
        return
    server = _bound_server(listen, _pages(feed, data_dir))
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        await done_in_thread(server.shutdown, CLOSE_S)
        server.socket.close()


def _pages(feed: CountsFeed, data_dir: Path) -> dict[str, Callable[[], Answer]]:
    registry = CollectorRegistry()
    registry.register(NodeCollector(feed, data_dir))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)

    def metrics() -> Answer:
        return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)

    def ready() -> Answer:
        return _health("ok") if feed.is_ready() else _health("not serving")

    return {"/metrics": metrics, "/healthz": lambda: _health("ok"), "/readyz": ready}


def _health(status: str) -> Answer:
    code = HTTPStatus.OK if status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
    return code, JSON, json.dumps({"status": status}).encode()


def _bound_server(listen: str, pages: dict[str, Callable[[], Answer]]) -> _Server:
    address = tcp_address_from_text(listen)
    try:
        family, _, _, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _Server(family, place, partial(_Handler, pages))
    except (OSError, UnicodeError) as error:
        cause = (isinstance(error, OSError) and error.strerror) or str(error)
        raise MetricsBindError(listen, cause) from error


class _Server(ThreadingHTTPServer):
    """A thread a client, up to ``MAX_CLIENTS``; one more is turned away."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        family: socket.AddressFamily,
        place: object,
        handler: Callable[..., BaseHTTPRequestHandler],
    ) -> None:
        self.address_family = family
        self._places = threading.BoundedSemaphore(MAX_CLIENTS)
        super().__init__(place, handler)  # type: ignore[arg-type]

    def server_bind(self) -> None:
        """Bind without asking a resolver for this machine's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a client; where no descriptor is left it waits, and the loop does not spin."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(ACCEPT_RETRY_S)
            raise

    def process_request(self, request: object, client_address: object) -> None:
        """Answer in a thread of its own, if one is to be had."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        try:
            super().process_request(request, client_address)  # type: ignore[arg-type]
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Answer within ``CLIENT_LIFE_S``, then let another client in."""
        cut = threading.Timer(CLIENT_LIFE_S, _cut_off, (request,))
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            cut.cancel()
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client went away."""


def _cut_off(request: socket.socket) -> None:
    """End a client that sends or reads by drops."""
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request of one client."""

    server_version = "p2pd"
    sys_version = ""
    timeout = CLIENT_TIMEOUT_S

    def __init__(self, pages: dict[str, Callable[[], Answer]], *arguments: object) -> None:
        self._pages = pages
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with a page, or 404."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        page = self._pages.get(self.path.partition("?")[0])
        not_found = (HTTPStatus.NOT_FOUND, JSON, b'{"status": "not found"}')
        status, content_type, body = page() if page else not_found
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing: a scrape a few seconds is no event."""
