import assert from "node:assert/strict";
import { test } from "node:test";
import { UNREACHABLE_NOTICE_AFTER_MS, RECONNECT_FIRST_MS, RECONNECT_LONGEST_MS } from "../../web/model/limits.js";
import { hueOf, patternOf, shortId } from "../../web/model/author.js";
import { pauseBefore } from "../../web/model/backoff.js";
import { Chat } from "../../web/model/chat.js";
import { noticesOf } from "../../web/model/notices.js";
import { Outbox } from "../../web/model/outbox.js";
import { ANN, ME, ROOM, messageFrame, snapshotFrame } from "./frames.mjs";

function openChat() {
  const chat = new Chat();
  chat.changeLink("open", 0, 0);
  chat.receive(snapshotFrame());
  return chat;
}

function storeOf(entries = []) {
  const kept = new Map(entries.map((entry) => [entry.id, entry]));
  return { kept, load: () => [...kept.values()], save: (entry) => kept.set(entry.id, entry), drop: (id) => kept.delete(id) };
}

test("the cursor to resume from is that of the last event, a snapshot's only at first", () => {
  const chat = openChat();
  assert.equal(chat.cursor, "c0");
  chat.receive(messageFrame(5));
  chat.receive(snapshotFrame({ cursor: "c9" }));
  assert.equal(chat.cursor, "c5");
  chat.receive({ type: "gap", cursor: "c20", reason: "expired", missing: 3 });
  assert.equal(chat.cursor, "c20");
});

test("an empty log's cursor is one to resume from as well", () => {
  const chat = new Chat();
  chat.receive(snapshotFrame({ cursor: "" }));
  assert.equal(chat.cursor, "");
});

test("a snapshot replaces the peers, and events change them", () => {
  const chat = openChat();
  const bob = { peer_id: "bob", addresses: [], rooms: [] };
  const idsIn = (room) => chat.peers.in(room).map((peer) => peer.peer_id);
  assert.deepEqual(idsIn(ROOM), [ANN]);
  chat.receive({ type: "peer_connected", cursor: "c1", peer: bob });
  assert.deepEqual(chat.peers.notIn(ROOM).map((peer) => peer.peer_id), ["bob"]);
  chat.receive({ type: "peer_joined", cursor: "c1", peer_id: "bob", room: ROOM });
  chat.receive({ type: "peer_connected", cursor: "c1", peer: { ...bob, agent: "known now" } });
  assert.deepEqual(idsIn(ROOM), [ANN, "bob"]);
  chat.receive({ type: "peer_left", cursor: "c1", peer_id: ANN, room: ROOM });
  chat.receive({ type: "peer_disconnected", cursor: "c1", peer_id: "bob" });
  assert.deepEqual(idsIn(ROOM), []);
  chat.receive(snapshotFrame());
  assert.deepEqual(idsIn(ROOM), [ANN]);
});

test("a node that cannot keep messages says so until it can", () => {
  const chat = openChat();
  const tell = (state) => chat.receive({ type: "node_changed", cursor: "c0", node: { ...chat.node, storage: { state } } });
  const kinds = () => noticesOf(chat, 0).map((notice) => notice.kind);
  tell("full");
  assert.deepEqual(kinds(), ["storage"]);
  tell("failed");
  assert.match(noticesOf(chat, 0)[0].text, /does not keep messages/);
  tell("ok");
  assert.deepEqual(kinds(), []);
});

test("messages of other rooms are unread until the room is entered", () => {
  const chat = openChat();
  chat.receive(messageFrame(1, { room: "other" }));
  chat.receive(messageFrame(1, { room: "other" }));
  chat.receive(messageFrame(2, { room: "other", author_id: ME }));
  assert.equal(chat.conversation("other").reading.unread, 1);
  chat.receive(messageFrame(3, { room: "other", text: `@${ME.slice(-8)} hello` }));
  assert.equal(chat.conversation("other").reading.mentions, 1);
  chat.enter("other");
  assert.deepEqual(chat.active.reading.line, { count: 2, before: null }, "a line is due where the unread begins");
  chat.isWatching = true;
  chat.receive(messageFrame(4, { room: "other" }));
  assert.equal(chat.active.reading.unread, 2, "what is looked at is not unread");
});

test("somebody who sees the newest messages is not led away from them when counts come anew", () => {
  const chat = openChat();
  const counted = { type: "read_marker_changed", cursor: "r", reader: "me", room: ROOM, read_cursor: "c1", unread_count: 5, mention_count: 0 };
  chat.isWatching = true;
  chat.active.reading.clear();
  chat.receive(counted);
  assert.equal(chat.active.reading.line, null);
  chat.isWatching = false;
  chat.receive(counted);
  assert.equal(chat.active.reading.line.count, 5);
});

test("of an event of an unknown kind only the cursor is stored", () => {
  const chat = openChat();
  for (const type of ["constructor", "from_the_future", "caught_up", "progress", undefined]) {
    assert.deepEqual(chat.receive({ type, cursor: `c ${type}` }), []);
    assert.equal(chat.cursor, `c ${type}`);
  }
  assert.deepEqual(chat.receive({ type: "without_a_cursor" }), []);
  assert.equal(chat.cursor, "c undefined");
});

test("banners tell of the gateway before the node, and of what is missing", () => {
  const chat = openChat();
  const kinds = (now) => noticesOf(chat, now).map((notice) => notice.kind);
  assert.deepEqual(kinds(0), []);
  chat.receive({ type: "node_state", state: "away" });
  assert.deepEqual(kinds(0), ["node-unreachable"]);
  assert.equal(chat.isReady, false);
  chat.changeLink("waiting", 5_000, 1_000);
  chat.changeLink("connecting", 0, 1_100);
  chat.changeLink("waiting", 5_000, 1_200);
  assert.deepEqual(kinds(1_000 + UNREACHABLE_NOTICE_AFTER_MS - 1), []);
  assert.match(noticesOf(chat, 2_000)[0].text, /again in 3 s/);
  chat.changeLink("open", 0, 3_000);
  chat.receive({ type: "node_state", state: "ready" });
  chat.receive({ type: "gap", cursor: "c1", reason: "expired", missing: 2 });
  assert.match(noticesOf(chat, 3_000)[0].text, /^2 messages are missing here/);
});

test("pauses grow to a bound and have chance in them", () => {
  assert.equal(pauseBefore(0, 1), RECONNECT_FIRST_MS);
  assert.equal(pauseBefore(0, 0), RECONNECT_FIRST_MS / 2);
  assert.equal(pauseBefore(50, 1), RECONNECT_LONGEST_MS);
  assert.ok(pauseBefore(3, 0.5) > pauseBefore(2, 0.5));
});

test("the outbox outlives the page, keeps its order, and forgets what is kept", () => {
  const store = storeOf();
  const before = new Outbox(store);
  for (const id of ["a", "b", "c"]) before.add({ id, room: ROOM, text: id, time: "2026-11-23T10:00:00Z" });
  assert.equal(before.claimNext().id, "a");
  const after = new Outbox(store);
  assert.deepEqual([after.claimNext().id, after.claimNext().id], ["a", "b"]);
  after.remove("a");
  after.requeue("b");
  after.fail("c");
  assert.equal(after.claimNext().id, "b");
  assert.equal(after.claimNext(), null);
  after.requeue("c");
  assert.equal(after.claimNext().id, "c");
  assert.deepEqual([...store.kept.keys()], ["b", "c"]);
});

test("a peer always looks the same, and peers look different", () => {
  assert.equal(shortId(ME), "xVbN1MkZ");
  assert.equal(patternOf(ME), patternOf(ME));
  assert.notEqual(patternOf(ME), patternOf(ANN));
  assert.notEqual(hueOf(ME), hueOf(ANN));
});
