"""One's own address, dialling, and messages that failed."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage
from tests.e2e.scripted_gateway import ME

UNKNOWN_ID = "12D3KooWBmwkafWE2Fs1mkGEzZbiKHTkZvKrGd7aL3uQ2NxePp9y"


def test_my_address_can_be_copied_and_scanned(scripted_page: ChatPage) -> None:
    page = scripted_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.click("#me")
    page.page.click("#addresses button[aria-label^='Copy']")
    page.wait_text("#copy-result", "Copied.")
    address = f"/ip4/192.0.2.7/tcp/4001/p2p/{ME}"
    assert page.page.evaluate("navigator.clipboard.readText()") == address
    code = page.page.locator("#qr svg")
    assert code.get_attribute("aria-label") == f"QR code of {address}"
    box = code.bounding_box()
    assert box is not None
    assert box["width"] == box["height"] > 100
    page.assert_nothing_ran()


def test_an_address_that_leads_to_nobody_else_is_not_offered(page: ChatPage) -> None:
    page.page.click("#me")
    page.wait_text("#address-hint", "no address that another machine could use")
    assert page.page.locator("#addresses li").count() == 0
    assert page.page.locator("#qr svg").count() == 0


def test_dialling_tells_what_came_of_it(
    start_node: object, gateway: GatewayProcess, open_page: OpenPage
) -> None:
    page = open_page(gateway)
    peer: NodeProcess = start_node("peer")  # type: ignore[operator]
    page.dial(peer.address)
    page.wait_text("#dial-result", f"Connected directly to {peer.peer_id[-8:]}.")
    wait_until(lambda: page.page.inner_text("#peers-here"), lambda seen: peer.peer_id[-8:] in seen)
    for address, words in (
        ("nonsense", "address"),
        (f"/ip4/127.0.0.1/tcp/1/p2p/{UNKNOWN_ID}", ""),
    ):
        page.dial(address)
        expect(page.page.locator("#dial-result")).to_have_attribute(
            "data-state", "failed", timeout=30_000
        )
        told = page.page.inner_text("#dial-result")
        assert words in told.lower()
        assert len(told) > 10
        assert page.page.input_value("#dial-address") == address
    page.assert_nothing_ran()


def test_a_message_that_failed_says_why_and_is_sent_when_retried(
    node: NodeProcess, gateway: GatewayProcess, page: ChatPage
) -> None:
    gateway.kill()
    page.wait_text("#banners", "The gateway is away")
    page.type("to a room that was left")
    page.type("to be removed")
    leave(node, "chat-room")
    gateway.restart()
    page.wait_message("to a room that was left", state="Not sent")
    page.wait_message("to be removed", state="Not sent")
    row = page.page.locator(".message", has_text="to a room that was left")
    assert "not joined" in row.locator(".failure").inner_text().lower()
    page.page.locator(".message", has_text="to be removed").get_by_role(
        "button", name="Remove"
    ).click()
    row.get_by_role("button", name="Join and send").click()
    page.wait_message("to a room that was left", state="Sent, nobody here yet")
    expect(page.page.locator("#join-bar")).to_be_hidden()
    assert page.texts == ["to a room that was left"]
    page.wait_all_kept()


def test_a_message_over_the_limit_is_not_sent_and_says_so(page: ChatPage) -> None:
    page.type("é" * 16_385)
    page.wait_text("#composer-note", "2 bytes too long")
    assert page.texts == []
    assert page.page.input_value("#composer-text") != ""
    page.page.click("#composer-split")
    wait_until(lambda: len(page.texts), lambda number: number == 2)
    assert page.page.input_value("#composer-text") == ""
    page.wait_all_kept()


def test_the_largest_message_arrives(page_pair: tuple[ChatPage, ChatPage]) -> None:
    a, b = page_pair
    a.type("é" * 16_384)
    shown = "é" * 1_000 + "…"
    a.wait_message(shown, state="Sent")
    b.wait_message(shown)


def test_a_gateway_with_a_token_asks_for_it_once(
    node: NodeProcess, start_gateway: object, open_page: OpenPage, tmp_path: Path
) -> None:
    file = tmp_path / "gateway.token"
    file.write_text("open+sesame/and~so-on=\n")
    guarded: GatewayProcess = start_gateway(node, token_file=file)  # type: ignore[operator]
    guarded.wait_node_reachable()
    page = open_page(guarded, is_ready=False)
    for token in ("wrong", "open+sesame/and~so-on="):
        expect(page.page.locator("#token-form")).to_be_visible(timeout=30_000)
        page.page.fill("#token", token)
        page.page.press("#token", "Enter")
    page.wait_ready()
    expect(page.page.locator("#token-form")).to_be_hidden()
    page.page.reload()
    page.wait_ready()


def leave(node: NodeProcess, room: str) -> None:
    """Leave a room behind the page's back."""
    with node.open_channel() as channel:
        chat_pb2_grpc.ChatServiceStub(channel).LeaveRoom(
            chat_pb2.LeaveRoomRequest(room=room), timeout=30
        )
