"""``python -m gateway`` on a free port in front of one node.

Made by the ``start_gateway`` fixture, or directly by a benchmark.
"""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.driver.process import Service, setting_names
from tests.driver.waiting import DEADLINE_S, wait_until


class GatewayProcess(Service):
    """A gateway on loopback.

    Keyword settings are those of the contract without ``GATEWAY_``.
    """

    def __init__(self, name: str, directory: Path, node: str, **settings: object) -> None:
        quiet = {"GATEWAY_LISTEN": "127.0.0.1:0", "GATEWAY_NODE": node}
        super().__init__("gateway", name, directory, quiet | setting_names("GATEWAY", settings))

    @property
    def http_address(self) -> str:
        """Host and port."""
        return self.ready["http"]

    @property
    def url(self) -> str:
        """The page's URL without a final slash; also the gateway's own origin."""
        return f"http://{self.http_address}"

    @property
    def ws_url(self) -> str:
        """The URL of ``/ws``."""
        return f"ws://{self.http_address}/ws"

    def get(self, path: str, **options: object) -> httpx.Response:
        """GET a path of the gateway."""
        return httpx.get(self.url + path, timeout=30.0, **options)  # type: ignore[arg-type]

    def post(self, path: str, body: object, **options: object) -> httpx.Response:
        """POST JSON to a path of the gateway."""
        return httpx.post(self.url + path, json=body, timeout=30.0, **options)  # type: ignore[arg-type]

    def wait_node_reachable(self, timeout_s: float = DEADLINE_S) -> None:
        """Wait until ``/readyz`` says that the gateway hears its node."""
        wait_until(
            lambda: self.get("/readyz").status_code,
            lambda status: status == httpx.codes.OK,
            timeout_s=timeout_s,
            ignoring=(httpx.TransportError,),
        )

    def _pin_ports(self) -> None:
        if self.settings["GATEWAY_LISTEN"].endswith(":0"):
            self.settings["GATEWAY_LISTEN"] = self.http_address
