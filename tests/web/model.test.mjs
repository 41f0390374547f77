/** The small pure modules of the model, by tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversations } from "../../web/model/conversations.js";
import { timesOfFrame } from "../../web/model/believed-time.js";
import { Chat } from "../../web/model/chat.js";
import { CLOCK_SKEW_MS, FAILURES_BEFORE_BLOCKED, LIVE_WINDOW_MS, SYNC_WINDOW_MS } from "../../web/model/limits.js";
import { linkEnd } from "../../web/model/link-end.js";
import { LinkState } from "../../web/model/link-state.js";
import { noticesOf } from "../../web/model/notices.js";
import { Peers } from "../../web/model/peers.js";
import { urlFromText, wellFormed } from "../../web/model/text.js";
import { compareMessages, orderFromTime, placeOf } from "../../web/model/times.js";
import { Window } from "../../web/model/window.js";

const RECEIVED = Date.parse("2026-11-23T10:00:00Z");
const at = (ms) => new Date(RECEIVED + ms).toISOString();

for (const [delivery, lag, isBelieved] of [
  ["live", 0, true],
  ["live", LIVE_WINDOW_MS - 1, true],
  ["live", LIVE_WINDOW_MS, false],
  ["live", -CLOCK_SKEW_MS, true],
  ["live", -CLOCK_SKEW_MS - 1, false],
  ["backfilled", LIVE_WINDOW_MS, true],
  ["backfilled", SYNC_WINDOW_MS - 1, true],
  ["backfilled", SYNC_WINDOW_MS, false],
  ["backfilled", -CLOCK_SKEW_MS - 1, false],
  ["unknown", SYNC_WINDOW_MS, false],
]) {
  test(`a ${delivery} message sent ${lag} ms before its receipt is ${isBelieved ? "" : "not "}believed`, () => {
    const times = timesOfFrame({ send_time: at(-lag), receive_time: at(0), delivery });
    assert.deepEqual(times, { time: isBelieved ? at(-lag) : at(0), received: RECEIVED, lag: isBelieved ? lag : 0 });
  });
}

test("an order is of times whatever their fraction digits", () => {
  const sorted = ["2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000000001Z", "2026-11-23T10:00:00.5+00:00", "2026-11-23T10:00:01Z"];
  assert.deepEqual(sorted.map(orderFromTime).sort(), sorted.map(orderFromTime));
  assert.deepEqual([compareMessages({ order: "a", id: "x" }, { order: "a", id: "y" }), compareMessages({ order: "a", id: "x" }, { order: "a", id: "x" })], [-1, 0]);
});

test("a message's place is before the first that is not less", () => {
  const messages = [1, 3, 3, 5].map((order, index) => ({ order: String(order), id: String(index) }));
  for (const [order, id, place] of [["0", "", 0], ["1", "0", 0], ["2", "", 1], ["3", "1", 1], ["3", "2", 2], ["4", "", 3], ["6", "", 4]]) {
    assert.equal(placeOf(messages, { order, id }), place);
  }
  assert.equal(placeOf([], { order: "1", id: "" }), 0);
});

test("halves of characters are replaced, whole ones stay", () => {
  for (const text of ["", "plain", "\u{1F600}", "\ud83d", "\ude00", "a\ud83db", "\ud83d\ud83d\ude00\ude00", "\ude00\ud83d"]) {
    assert.equal(wellFormed(text), text.toWellFormed());
  }
});

test("a URL is read or is none", () => {
  assert.equal(urlFromText("https://a.example/").host, "a.example");
  for (const text of ["", "https://", "/path", "https://a b/"]) assert.equal(urlFromText(text), null);
});

test("an address ends where it cannot go on, and never before it begins", () => {
  assert.equal(linkEnd("https://a.example/b c", 8), 19);
  assert.equal(linkEnd("https://", 8), 8);
  assert.equal(linkEnd("https://...", 8), 8);
});

test("a conversation begins when its room is first spoken of, and forgets where its history was", () => {
  const conversations = new Conversations();
  const room = conversations.of("r");
  assert.equal(conversations.of("r"), room);
  room.older = { state: "more", cursor: "c", expired: false };
  conversations.forgetHistory();
  assert.equal(room.older.state, "unknown");
});

test("the link is closed since it was first closed, and open it knows of no refusal", () => {
  const link = new LinkState();
  link.change("waiting", 5, 100);
  link.change("connecting", 0, 200);
  assert.deepEqual([link.closedSince, link.state, link.retryTime], [100, "connecting", 0]);
  link.turnAway({ isReached: true, refusal: { reason: "TOKEN_REQUIRED", message: "" } });
  assert.equal(link.isTokenWanted, true);
  link.change("open", 0, 300);
  assert.deepEqual([link.closedSince, link.isTokenWanted, link.refusal], [0, false, null]);
  const isToRest = link.turnAway({ isReached: true, refusal: { reason: "TOKEN_REQUIRED", message: "" } });
  assert.deepEqual([isToRest, link.isTokenWanted], [false, false], "an answer about an attempt before");
});

test("a gateway that answers over HTTP but opens no WebSocket is told from one that is away", () => {
  const link = new LinkState();
  const fail = (isReached) => link.turnAway({ isReached, refusal: null });
  for (let count = 1; count < FAILURES_BEFORE_BLOCKED; count += 1) fail(true);
  assert.equal(link.refusal, null);
  assert.equal(fail(true), false, "it may be passing, so there is no long rest");
  assert.equal(link.refusal.reason, "WEBSOCKET_BLOCKED");
  fail(false);
  assert.equal(link.refusal, null);
});

test("each notice says what is the matter and what follows", () => {
  const chat = new Chat();
  const textOf = (now) => noticesOf(chat, now).map(({ text }) => text);
  chat.changeLink("waiting", 5_000, 1_000);
  assert.deepEqual(textOf(4_000), ["The gateway is away. Trying again in 1 s. What you write is kept and sent when it is back."]);
  chat.link.turnAway({ isReached: true, refusal: { reason: "ORIGIN_NOT_ALLOWED", message: "this Origin may not do that" } });
  assert.deepEqual(textOf(4_000), ["The gateway does not let this page in: this Origin may not do that. Trying again in 1 s."]);
  chat.link.turnAway({ isReached: true, refusal: { reason: "TOKEN_REQUIRED", message: "" } });
  assert.deepEqual(textOf(4_000), []);
  chat.changeLink("open", 0, 5_000);
  chat.node = { warnings: [{ reason: "IDENTITY_CONFLICT", message: "two programs use one identity", time: at(0) }] };
  assert.deepEqual(textOf(5_000), ["The node warns: two programs use one identity."]);
  chat.node = { warnings: [] };
  for (const [reason, missing, text] of [
    ["expired", 2, "2 messages are missing here. The node no longer kept them."],
    ["not_stored", 1, "1 message is missing here. The node could not store them."],
    ["unknown_cursor", 0, "Some messages may be missing here. The node has begun a new log."],
    ["of_a_later_version", 0, "Some messages may be missing here."],
  ]) {
    chat.gap = { reason, missing };
    assert.deepEqual(textOf(5_000), [text]);
  }
});

test("peers are in the order of their ids, and events of unknown ones do nothing", () => {
  const peers = new Peers();
  const peer = (id, rooms = []) => ({ peer_id: id, rooms, connection: null });
  peers.replace([peer("b", ["r"]), peer("a", ["r"])]);
  assert.deepEqual(peers.in("r").map((one) => one.peer_id), ["a", "b"]);
  for (const type of ["peer_joined", "peer_left", "peer_disconnected", "of_a_later_version"]) peers.receive({ type, peer_id: "c", room: "r" });
  assert.deepEqual([peers.in("r").length, peers.notIn("r").length], [2, 0]);
  peers.receive({ type: "peer_connected", peer: peer("a", ["s"]) });
  assert.deepEqual(peers.in("r").length + peers.in("s").length, 3, "the rooms of a peer stay when it is reported again");
  peers.receive({ type: "peer_connected", peer: { ...peer("a"), connection: { kind: "direct" } } });
  assert.deepEqual(peers.in("r").map((one) => one.connection?.kind), ["direct", undefined]);
});

test("a window on nothing follows", () => {
  const view = new Window();
  view.stay([]);
  assert.deepEqual([view.follows, view.rangeIn([]), view.up([]), view.down([])], [true, [0, 0], false, false]);
});
