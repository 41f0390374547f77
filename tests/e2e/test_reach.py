"""How a node is connected, as its page shows it: what the node really does."""

from __future__ import annotations

from tests.driver import wait_until
from tests.driver.fixtures import StartGateway, StartNode
from tests.e2e.conftest import OpenPage
from tests.network.test_relay import ELSEWHERE, relayed_address


def test_a_peer_behind_a_relay_is_shown_with_its_relay(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    relay = start_node("relay", relay_service="on", rooms=ELSEWHERE)
    hidden = start_node("hidden", listen="none", relays=relay.address)
    relayed_address(hidden, relay)
    theirs = open_page(start_gateway(hidden))
    theirs.page.click("#me")
    theirs.wait_text("#reach-drawing", relay.peer_id[-8:])
    theirs.page.click("#reach-details summary")
    theirs.wait_text("#reach-lines", f"Others reach this node over the relay {relay.peer_id[-8:]}")
    theirs.close_dialog()
    theirs.page.click("#invite")
    line = theirs.wait_text("#invite-line", "wsp:")
    caller = start_node("caller")
    ours = open_page(start_gateway(caller))
    ours.dial(line)
    ours.wait_text(
        "#dial-result",
        f"Connected to {hidden.peer_id[-8:]} over the relay {relay.peer_id[-8:]}.",
    )
    drawn = "all => all.map((one) => one.getAttribute('class'))"
    wait_until(
        lambda: ours.page.eval_on_selector_all("#reach-drawing polyline", drawn),
        lambda lines: "reach-line relayed" in lines,
    )
    ours.close_dialog()
    ours.wait_text("#peers-here", "Over a relay")
    ours.type("over the relay")
    theirs.wait_message("over the relay", author=caller.peer_id)
    ours.assert_nothing_ran()
