"""HAProxy as ``docs/haproxy.cfg`` runs it, on loopback and without TLS.

Used by tests of many gateways; the program is Debian's.
"""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.driver.gateway import GatewayProcess
from tests.driver.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "docs" / "haproxy.cfg"
STOP_TIMEOUT_S = 10
LISTENING = "bind :443 ssl crt /etc/haproxy/chat.example.pem alpn http/1.1"
KEPT_OPEN = "hard-stop-after 1h"


class Haproxy:
    """A running HAProxy; its master stays, its worker is replaced by each reload."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def reload(self) -> None:
        """Have a new worker take over; return once it serves.

        The old one keeps its WebSockets until ``hard-stop-after``.
        """
        before = self._worker_count()
        self._process.send_signal(signal.SIGUSR2)
        wait_until(self._worker_count, lambda count: count > before)

    def wait_old_workers_ended(self) -> None:
        """Wait until only the newest worker runs."""
        wait_until(
            lambda: self._log.read_text().count("Former worker"),
            lambda ended: ended >= self._worker_count() - 1,
        )

    def _worker_count(self) -> int:
        """Count the workers that were ever ready."""
        return self._log.read_text().count("Loading success.")


@contextmanager
def running_haproxy(
    directory: Path, port: int, gateways: Sequence[GatewayProcess], old_workers_end_after_s: int = 1
) -> Iterator[Haproxy]:
    """Run the example in front of two gateways until the block ends."""
    configuration, log = directory / "haproxy.cfg", directory / "haproxy.log"
    configuration.write_text(_example(port, gateways, old_workers_end_after_s), "utf-8")
    command = ["/usr/sbin/haproxy", "-W", "-db", "-f", str(configuration)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    proxy = Haproxy(process, log)
    try:
        wait_until(log.read_text, lambda seen: "Loading success." in seen, timeout_s=20.0)
        yield proxy
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def _example(port: int, gateways: Sequence[GatewayProcess], old_workers_end_after_s: int) -> str:
    """Return the example for this machine; each thing replaced must stand in it."""
    changes = {
        LISTENING: f"bind 127.0.0.1:{port}",
        KEPT_OPEN: f"hard-stop-after {old_workers_end_after_s}s",
        "127.0.0.1:8080": gateways[0].http_address,
        "127.0.0.1:8081": gateways[1].http_address,
    }
    text = EXAMPLE.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{old!r} does not stand in {EXAMPLE.name}"
        text = text.replace(old, new)
    return text


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
