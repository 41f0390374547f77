"""Invites on the page: made, sent as a line or a link, accepted by another page."""

from __future__ import annotations

import base64

from playwright.sync_api import expect
from wsp.chat.v1 import chat_pb2

from p2pd.domain.names import PeerId
from p2pd.net.addresses import bytes_from_address, bytes_from_peer_id
from tests.driver import NodeProcess
from tests.driver.fixtures import StartGateway, StartNode
from tests.e2e.conftest import OpenPage

STALE = [f"/ip4/127.0.0.1/tcp/{port}" for port in (1, 2, 3, 4)]


def test_a_line_from_one_page_brings_another_into_the_room(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    host, guest = start_node("host"), start_node("guest")
    ours = open_page(start_gateway(host), permissions=["clipboard-read", "clipboard-write"])
    theirs = open_page(start_gateway(guest))
    ours.join("garden")
    ours.page.click("#invite")
    line = ours.wait_text("#invite-line", "wsp:")
    assert ours.page.inner_text("#invite-room") == "garden"
    expect(ours.page.locator("#invite-qr svg")).to_be_visible()
    ours.page.click("#copy-invite-link")
    ours.wait_text("#invite-result", "Copied.")
    link = ours.page.evaluate("navigator.clipboard.readText()")
    assert link == f"{ours.url}/#invite={line}".replace("//#", "/#")
    ours.page.click("#invite-close")
    theirs.dial(f"Come in: {line}")
    theirs.wait_text("#dial-result", f"Connected directly to {host.peer_id[-8:]}.")
    theirs.wait_text("#room-title", "garden")
    theirs.close_dialog()
    theirs.type("I am here")
    ours.wait_message("I am here", author=guest.peer_id)
    for page in (ours, theirs):
        page.assert_nothing_ran()


def test_a_link_asks_first_and_passes_over_stale_addresses(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    host, guest = start_node("host"), start_node("guest")
    line = line_of(host, [*STALE, host.address.partition("/p2p/")[0]])
    page = open_page(start_gateway(guest))
    page.page.goto(f"{page.url}/#invite={line}")
    page.wait_text("#invited-room", "chat-room")
    page.page.click("#invited-decline")
    expect(page.page.locator("#invited-dialog")).not_to_be_visible()
    assert page.page.evaluate("location.hash") == "#room=chat-room"
    page.page.goto(f"{page.url}/#invite={line}")
    expect(page.page.locator("#invited-dialog")).to_be_visible()
    assert page.page.evaluate("location.hash").startswith("#invite=")
    page.page.click("#invited-accept")
    page.wait_text("#invited-result", f"Connected directly to {host.peer_id[-8:]}.")
    assert page.page.evaluate("location.hash") == "#room=chat-room"
    page.page.click("#invited-decline")
    expect(page.page.locator("#invited-dialog")).not_to_be_visible()
    guest.wait_peer(host, "chat-room")


def test_an_invite_that_leads_nowhere_or_is_none_says_so(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    host = start_node("host")
    line = line_of(host, STALE[:1])
    host.kill()
    page = open_page(start_gateway(start_node("guest")))
    page.dial(line)
    said = page.wait_text("#dial-result", "Nobody answered")
    assert f"at {STALE[0]}; they may be offline" in said
    page.dial("wsp:nonsense")
    page.wait_text("#dial-result", "Not an invite")
    assert page.page.input_value("#dial-address") == "wsp:nonsense"


def line_of(node: NodeProcess, addresses: list[str]) -> str:
    message = chat_pb2.Invite(
        room="chat-room",
        peer_id=bytes_from_peer_id(PeerId(node.peer_id)),
        addresses=map(bytes_from_address, addresses),
    )
    return "wsp:" + base64.urlsafe_b64encode(message.SerializeToString()).decode().rstrip("=")
