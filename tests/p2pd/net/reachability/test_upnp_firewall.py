"""What a machine of the link answers as a firewall, honest or not; sockets on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import ClassVar

import pytest

from p2pd.net.reachability.mapping import upnp_firewall
from p2pd.net.reachability.mapping.router import MappingError, Wanted
from p2pd.net.reachability.mapping.upnp_firewall import SERVICE, UpnpFirewall

OWN = "::1"
WEB = Wanted("tcp", 4001, 4001)
ANSWER = "<s:Body><u:AddPinholeResponse><UniqueID>7</UniqueID></u:AddPinholeResponse></s:Body>"
SERVICES = """
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
<controlURL>/other</controlURL></service>
<service><serviceType>{}</serviceType><controlURL>/firewall</controlURL></service>
"""


class Firewall(BaseHTTPRequestHandler):
    """One that says what a test has it say, and records what it is asked."""

    description: ClassVar[str] = ""
    answers: ClassVar[dict[str, tuple[int, str]]] = {}
    calls: ClassVar[list[tuple[str, str, str]]] = []

    def do_GET(self) -> None:
        self._reply(200, self.description)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = self.headers["SOAPAction"].partition("#")[2].strip('"')
        self.calls.append((self.path, action, body))
        self._reply(*self.answers.get(action, (200, "")))

    def _reply(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    address_family = AF_INET6


@contextmanager
def firewall(
    monkeypatch: pytest.MonkeyPatch, named: str = "[::1]", described: str = SERVICE
) -> Iterator[type[Firewall]]:
    """Have a search find this firewall, which names its address as ``named``."""
    Firewall.description = SERVICES.format(described)
    Firewall.answers = {"AddPinhole": (200, ANSWER)}
    Firewall.calls = []
    with Server((OWN, 0), Firewall) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        location = f"http://{named}:{server.server_port}/description.xml"
        answer = f"HTTP/1.1 200 OK\r\nLOCATION: {location}\r\n\r\n".encode()
        monkeypatch.setattr(upnp_firewall, "_search", lambda _: (answer, OWN))
        yield Firewall
        server.shutdown()


@pytest.mark.trio
async def test_pinhole_is_made_renewed_made_again_and_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with firewall(monkeypatch) as at:
        asked = UpnpFirewall(OWN)
        for _ in range(2):
            granted = await asked.add(WEB, 7200)
            assert (granted.external_ip, granted.external_port) == (OWN, 4001)
        at.answers["UpdatePinhole"] = (500, "<errorCode>704</errorCode>")
        await asked.add(WEB, 7200)
        await asked.remove(WEB)
        assert [action for _, action, _ in at.calls] == [
            *("AddPinhole", "UpdatePinhole", "UpdatePinhole", "AddPinhole", "DeletePinhole"),
        ]
        assert {path for path, _, _ in at.calls} == {"/firewall"}
        assert "<InternalClient>::1</InternalClient><InternalPort>4001<" in at.calls[0][2]


@pytest.mark.trio
@pytest.mark.parametrize("answer", [(500, ANSWER), (200, ""), (200, "<UniqueID>x</UniqueID>")])
async def test_refusal_is_no_pinhole(
    monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]
) -> None:
    with firewall(monkeypatch) as at:
        at.answers["AddPinhole"] = answer
        with pytest.raises(MappingError):
            await UpnpFirewall(OWN).add(WEB, 7200)


@pytest.mark.trio
@pytest.mark.parametrize(
    ("named", "described"),
    [
        ("127.0.0.1", SERVICE),
        ("[fd77::1]", SERVICE),
        ("router.example", SERVICE),
        ("[::1]", "urn:schemas-upnp-org:service:Other:1"),
    ],
)
async def test_nobody_else_is_asked_than_who_answered(
    monkeypatch: pytest.MonkeyPatch, named: str, described: str
) -> None:
    with firewall(monkeypatch, named, described) as at:
        with pytest.raises(MappingError):
            await UpnpFirewall(OWN).add(WEB, 7200)
        assert not at.calls
