import assert from "node:assert/strict";
import { test } from "node:test";
import { KEPT_AFTER_CUT, MAX_KEPT, MAX_RENDERED } from "../../web/model/limits.js";
import { Conversation } from "../../web/model/conversation.js";
import { laidOut } from "../../web/model/layout.js";
import { messageFromEntry, messageFromFrame, newClientId } from "../../web/model/messages.js";
import { mayMissBehind } from "../../web/model/missing.js";
import { Window } from "../../web/model/window.js";
import { ANN, ME, ROOM, messageFrame } from "./frames.mjs";

const live = (conversation, number, changes) => conversation.append(messageFromFrame(messageFrame(number, changes)));
const texts = (conversation) => conversation.messages.map((message) => message.text);
const entry = (id) => ({ id, room: ROOM, text: `mine ${id}`, time: "2026-11-23T10:00:00.000Z" });

test("messages stand in the order of their send time, whatever order they come in", () => {
  const conversation = new Conversation(ROOM);
  for (const number of [3, 1, 2]) live(conversation, number);
  assert.deepEqual(texts(conversation), ["text 1", "text 2", "text 3"]);
});

test("messages of the same time stand in the order of their ids", () => {
  const conversation = new Conversation(ROOM);
  const time = "2026-11-23T10:00:00Z";
  for (const id of ["b", "c", "a"]) live(conversation, 1, { message_id: id, send_time: time, text: id });
  assert.deepEqual(texts(conversation), ["a", "b", "c"]);
});

test("a time with fewer fraction digits is compared as a time", () => {
  const conversation = new Conversation(ROOM);
  live(conversation, 1, { send_time: "2026-11-23T10:00:00.5Z", text: "later" });
  live(conversation, 2, { send_time: "2026-11-23T10:00:00Z", text: "first" });
  live(conversation, 3, { send_time: "2026-11-23T10:00:00.123456789Z", text: "between" });
  assert.deepEqual(texts(conversation), ["first", "between", "later"]);
});

test("a message without the author's time stands where it was received", () => {
  const conversation = new Conversation(ROOM);
  live(conversation, 1);
  live(conversation, 2, { send_time: null });
  assert.deepEqual(texts(conversation), ["text 1", "text 2"]);
});

test("a message that comes twice is there once", () => {
  const conversation = new Conversation(ROOM);
  assert.equal(live(conversation, 1), true);
  assert.equal(live(conversation, 1), false);
  conversation.prepend([messageFromFrame(messageFrame(1))], null, false);
  assert.deepEqual(texts(conversation), ["text 1"]);
  assert.equal(conversation.arrivals, 1);
});

for (const [order, steps] of Object.entries({
  "event before answer": ["event", "answer"],
  "answer before event": ["answer", "event"],
  "answer, event, history": ["answer", "event", "history"],
})) {
  test(`a message of one's own is there once and sent: ${order}`, () => {
    const conversation = new Conversation(ROOM);
    const frame = messageFrame(7, { author_id: ME, client_message_id: "own", text: "mine own" });
    conversation.propose(messageFromEntry(entry("own"), ME));
    assert.equal([...conversation.pending.values()][0].state, "sending");
    for (const step of steps) {
      if (step === "event") conversation.append(messageFromFrame(frame));
      if (step === "answer") conversation.confirm("own", { messageId: frame.message_id, author: ME, recipients: 3 });
      if (step === "history") conversation.prepend([messageFromFrame(frame)], null, false);
    }
    assert.equal(conversation.pending.size, 0);
    assert.deepEqual(texts(conversation), ["mine own"]);
    const [{ key, state, recipients, time }] = conversation.messages;
    assert.deepEqual({ key, state, recipients, time }, { key: "own", state: "sent", recipients: 3, time: frame.send_time });
  });
}

test("a failed message says why, waits to be sent again, and can be removed", () => {
  const conversation = new Conversation(ROOM);
  conversation.propose(messageFromEntry(entry("own"), ME));
  conversation.mark("own", { state: "failed", failure: "why" });
  assert.equal(conversation.pending.get("own").failure, "why");
  conversation.withdraw("own");
  assert.equal(conversation.pending.size, 0);
});

test("what is kept is bounded, and what was cut can be asked for again", () => {
  const conversation = new Conversation(ROOM);
  for (let number = 1; number <= MAX_KEPT + 1; number += 1) live(conversation, number);
  assert.equal(conversation.messages.length, KEPT_AFTER_CUT);
  const firstKept = MAX_KEPT + 2 - KEPT_AFTER_CUT;
  assert.deepEqual(conversation.older, { state: "more", cursor: null, expired: false });
  const page = [firstKept - 2, firstKept - 1].map((number) => messageFromFrame(messageFrame(number)));
  conversation.prepend(page, "c1", false);
  assert.equal(conversation.messages[0].text, `text ${firstKept - 2}`);
});

test("a history that is larger than what is kept does not push out what was sent since", () => {
  const conversation = new Conversation(ROOM);
  live(conversation, 3 * MAX_KEPT, { text: "anybody here?" });
  for (let number = 1; number <= 2 * MAX_KEPT; number += 1) live(conversation, number);
  assert.deepEqual(texts(conversation).slice(-2), [`text ${2 * MAX_KEPT}`, "anybody here?"]);
  assert.equal(conversation.older.state, "more");
});

test("a page of the log that may lack what was sent meanwhile asks for the one before", () => {
  const received = (number, seconds) => {
    const receive_time = `2026-11-23T11:00:${String(seconds).padStart(2, "0")}Z`;
    return messageFromFrame(messageFrame(number, { receive_time, delivery: "backfilled" }));
  };
  const conversation = new Conversation(ROOM);
  conversation.prepend([received(40, 1), received(42, 1)], "c40", false);
  assert.equal(mayMissBehind(conversation, conversation.messages[0]), true);
  conversation.prepend([received(41, 0), received(43, 0)], "c41", false);
  assert.equal(mayMissBehind(conversation, conversation.messages[0]), true, "that page belonged between");
  conversation.prepend([received(20, 0), received(21, 0)], "c20", false);
  assert.equal(mayMissBehind(conversation, conversation.messages[0]), false, "that page belonged before");
});

test("a page of what was received as it was sent lacks nothing", () => {
  const conversation = new Conversation(ROOM);
  conversation.prepend([1, 2, 3].map((number) => messageFromFrame(messageFrame(number))), "c1", false);
  assert.equal(mayMissBehind(conversation, conversation.messages[0]), false);
});

test("the part in the document follows the end, and stays where a reader is", () => {
  const messages = Array.from({ length: 2_500 }, (_, index) => {
    const message = messageFromFrame(messageFrame(index));
    return { ...message, order: message.time };
  });
  const view = new Window();
  assert.deepEqual(view.rangeIn(messages), [2_500 - MAX_RENDERED, 2_500]);
  view.stay(messages.slice(0, 2_400));
  assert.deepEqual(view.rangeIn(messages), [2_400 - MAX_RENDERED, 2_400]);
  while (view.up(messages));
  assert.deepEqual(view.rangeIn(messages), [0, MAX_RENDERED]);
  while (view.down(messages));
  assert.deepEqual(view.rangeIn(messages), [2_500 - MAX_RENDERED, 2_500]);
  assert.equal(view.follows, false);
  view.follow();
  assert.equal(view.follows, true);
});

test("messages of one author close together stand under one name", () => {
  const at = (author, time, state = "sent") => ({ key: time, id: time, author, time, state });
  const rows = laidOut(
    [
      at(ANN, "2026-11-23T10:00:00Z"),
      at(ANN, "2026-11-23T10:01:00Z"),
      at(ME, "2026-11-23T10:02:00Z"),
      at("", "2026-11-23T10:02:30Z", "sending"),
      at(ANN, "2026-11-23T10:03:00Z"),
      at(ANN, "2026-11-23T10:13:00Z"),
      at(ANN, "2026-11-25T10:13:00Z"),
    ],
    { me: ME, isWaiting: false, isAlone: false },
  );
  assert.deepEqual(rows.map((row) => row.startsGroup), [true, false, true, false, true, true, true]);
  assert.deepEqual(rows.map((row) => row.startsDay), [true, false, false, false, false, false, true]);
  assert.deepEqual(rows.map((row) => row.isOwn), [false, false, true, true, false, false, false]);
});

test("bytes that are not text are counted, not shown", () => {
  const frame = messageFrame(1, { text: undefined, data: Buffer.from([255, 254, 0, 1]).toString("base64") });
  const { text, byteCount } = messageFromFrame(frame);
  assert.deepEqual({ text, byteCount }, { text: null, byteCount: 4 });
});

test("client ids are UUIDs, each another", () => {
  const ids = new Set(Array.from({ length: 1_000 }, newClientId));
  assert.equal(ids.size, 1_000);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("what was answered is the node's own, also where its event is long past", () => {
  const conversation = new Conversation(ROOM);
  conversation.propose(messageFromEntry(entry("own"), ""));
  conversation.confirm("own", { messageId: "id-own", author: ME, recipients: 0 });
  assert.equal(conversation.messages[0].author, ME);
  live(conversation, 1, { message_id: "other", client_message_id: "another tab's" });
  assert.deepEqual(["own", "another tab's", "nobody's"].map((id) => conversation.messages.some((one) => one.clientId === id)), [true, true, false]);
});

test("what nobody had received is on its way once somebody comes, and stays so", () => {
  const conversation = new Conversation(ROOM);
  conversation.propose(messageFromEntry({ id: "a", room: ROOM, text: "hello", time: "2026-11-23T10:00:00Z" }, ME));
  assert.equal(conversation.last.isProposed, true, "what is not sent has no time yet");
  conversation.confirm("a", { messageId: "m", author: ME, recipients: 0 });
  assert.equal(conversation.last.recipients, 0);
  conversation.handOver();
  assert.equal(conversation.last.recipients, undefined);
});
