"""Two thousand messages at once from one page."""

from __future__ import annotations

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage

COUNT = 2_000
MAX_RENDERED = 1_000
#: Every publish on its own, as fast as the page can; what came of each.
PUBLISH_ALL = """async ({ link }, count) => {
  const publish = (text) => link.request({ type: "publish", room: "chat-room", text });
  const nameOf = ({ code, reason, retryAfterMs }) => `${code} ${reason} ${retryAfterMs > 0}`;
  const outcomeOf = (text) => publish(text).then(() => "ack", nameOf);
  return Promise.all(Array.from({ length: count }, (_, number) => outcomeOf(`burst ${number}`)));
}"""
SEND_ALL = """({ outgoing }, count) => {
  for (let number = 0; number < count; number += 1) outgoing.send(`burst ${number}`);
}"""
READ_TEXTS = "(app) => app.chat.active.messages.map((message) => message.text)"
READ_WAITING = "(app) => app.outbox.entries.length"


def test_each_of_a_burst_is_acknowledged_or_refused_and_what_is_acknowledged_arrives_once(
    page_pair: tuple[ChatPage, ChatPage],
) -> None:
    a, b = page_pair
    outcomes = a.run(PUBLISH_ALL, COUNT)
    assert set(outcomes) <= {"ack", "RESOURCE_EXHAUSTED CLIENT_RATE true"}
    kept = {f"burst {number}" for number, outcome in enumerate(outcomes) if outcome == "ack"}
    assert len(kept) >= 100
    arrived = wait_until(lambda: b.run(READ_TEXTS), lambda seen: kept <= set(seen))
    assert sorted(arrived) == sorted(kept)
    assert sorted(a.run(READ_TEXTS)) == sorted(kept)


def test_a_burst_below_the_rate_arrives_whole_and_in_order(
    node_pair: tuple[NodeProcess, NodeProcess],
    start_gateway: object,
    open_page: OpenPage,
) -> None:
    rate = {"message_rate": 100_000, "message_burst": 100_000}
    gateways: list[GatewayProcess] = [start_gateway(node, **rate) for node in node_pair]  # type: ignore[operator]
    for gateway in gateways:
        gateway.wait_node_reachable()
    a, b = (open_page(gateway) for gateway in gateways)
    a.run(SEND_ALL, COUNT)
    expected = [f"burst {number}" for number in range(COUNT)]
    arrived = wait_until(lambda: b.run(READ_TEXTS), lambda seen: len(seen) >= COUNT, timeout_s=90)
    assert arrived == expected
    wait_until(lambda: a.run(READ_WAITING), lambda left: left == 0, timeout_s=60)
    assert a.run(READ_TEXTS) == expected
    wait_until(lambda: len(b.messages), lambda shown: shown == MAX_RENDERED)
    a.wait_message(f"burst {COUNT - 1}", state="Sent")
    a.assert_nothing_ran()
