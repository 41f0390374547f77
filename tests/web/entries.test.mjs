/** The list of conversations, where people talk, and how a long text is cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat } from "../../web/model/chat.js";
import { factsOfConnection, linkOf } from "../../web/model/connections.js";
import { entriesOf, unreadIn } from "../../web/model/entries.js";
import { frameOfKey, keyOfFrame, keyOfPeer, peerOfKey } from "../../web/model/places.js";
import { flawOfRoomName } from "../../web/model/room-names.js";
import { splitText } from "../../web/model/splitting.js";
import { firstUnreadOf } from "../../web/model/unread-line.js";
import { ANN, ME, ROOM, messageFrame, snapshotFrame } from "./frames.mjs";

function openChat() {
  const chat = new Chat();
  chat.changeLink("open", 0, 0);
  chat.receive(snapshotFrame());
  return chat;
}

test("conversations stand with the latest first, and say their last line and what is unread", () => {
  const chat = openChat();
  assert.deepEqual(entriesOf(chat).map(({ key, line }) => [key, line.kind]), [[ROOM, "empty"], ["other", "empty"]]);
  chat.receive(messageFrame(1, { room: "other", text: "two\n\nlines" }));
  chat.receive(messageFrame(2, { room: "other", author_id: ME, text: null, data: "AAAA" }));
  const [first, second] = entriesOf(chat);
  assert.deepEqual([first.key, first.line, first.unread], ["other", { kind: "own", author: ME, text: "Not text" }, 1]);
  assert.deepEqual([second.key, second.isActive, unreadIn(chat)], [ROOM, true, 1]);
  chat.receive(messageFrame(3, { room: "other", text: "two\n\n  lines" }));
  assert.equal(entriesOf(chat)[0].line.text, "two lines");
});

test("a draft stands in the line of a conversation that is not shown", () => {
  const drafts = { [ROOM]: "being written", other: "left\nhere" };
  const lines = entriesOf(openChat(), (key) => drafts[key]).map(({ key, line }) => [key, line.text]);
  assert.deepEqual(lines, [[ROOM, ""], ["other", "left here"]]);
});

test("what is shown is listed though it is not joined", () => {
  const chat = openChat();
  chat.enter("elsewhere");
  const entry = entriesOf(chat).find(({ key }) => key === "elsewhere");
  assert.deepEqual([entry.isJoined, entry.isActive], [false, true]);
});

test("the key of a direct conversation is no room's name", () => {
  const key = keyOfPeer(ANN);
  assert.ok(flawOfRoomName(key));
  assert.deepEqual([peerOfKey(key), peerOfKey(ROOM)], [ANN, null]);
  assert.deepEqual([frameOfKey(key), frameOfKey(ROOM)], [{ peer_id: ANN }, { room: ROOM }]);
  assert.deepEqual([keyOfFrame({ peer_id: ANN }), keyOfFrame({ room: ROOM })], [key, ROOM]);
});

test("a long text is cut between paragraphs, lines or words, and none of it is lost", () => {
  const size = (text) => new TextEncoder().encode(text).length;
  const paragraphs = `${"a ".repeat(30)}\n\n${"b ".repeat(30)}`;
  assert.deepEqual(splitText(paragraphs, 80), ["a ".repeat(30).trim(), "b ".repeat(30).trim()]);
  for (const text of ["word ".repeat(500), "é".repeat(999), "\u{1F600}".repeat(300), "line\n".repeat(400)]) {
    const parts = splitText(text, 100);
    assert.ok(parts.every((part) => size(part) <= 100));
    assert.equal(parts.join("").replace(/\s/g, ""), text.replace(/\s/g, ""));
  }
  assert.deepEqual(splitText("short", 100), ["short"]);
});

test("a connection is direct, relayed or slow", () => {
  const words = (connection) => linkOf(connection).words;
  assert.equal(words(null), "");
  assert.equal(words({ kind: "direct", round_trip_ms: null }), "Direct");
  assert.equal(words({ kind: "direct", round_trip_ms: 900 }), "Direct, slow");
  assert.equal(linkOf({ kind: "relayed", round_trip_ms: 2 }).kind, "relayed");
  const relayed = { kind: "relayed", transport: "tcp", round_trip_ms: 12, remote_address: "/a", relay_id: ANN };
  const facts = Object.fromEntries(factsOfConnection(relayed, { milliseconds: String, name: (id) => id.slice(-4) }));
  assert.deepEqual(facts, { Connection: `Over the relay ${ANN.slice(-4)}`, Transport: "tcp", "Round trip": "12", Address: "/a" });
});

test("the line stands at the first of the messages that arrived last, wherever they stand", () => {
  const message = (id, received, author = ANN) => ({ id, received, author });
  const messages = [message("a", 1), message("late", 9), message("mine", 3, ME), message("b", 4), message("c", 5)];
  const older = { state: "nothing" };
  assert.equal(firstUnreadOf({ messages, older }, 2, ME).id, "late");
  assert.equal(firstUnreadOf({ messages, older }, 99, ME).id, "a");
  assert.equal(firstUnreadOf({ messages, older: { state: "more" } }, 99, ME), null, "the log has more to bring");
  assert.equal(firstUnreadOf({ messages, older: { state: "unknown" } }, 1, ME), null);
});
