import assert from "node:assert/strict";
import { test } from "node:test";
import { LATE_AFTER_MS, LATE_TOGETHER_MS, LIVE_WINDOW_MS, SYNC_WINDOW_MS } from "../../web/model/limits.js";
import { Conversation } from "../../web/model/conversation.js";
import { latenessOf } from "../../web/model/lateness.js";
import { messageFromEntry, messageFromFrame } from "../../web/model/messages.js";
import { ROOM, messageFrame } from "./frames.mjs";

const BEGIN = Date.parse("2026-11-23T10:00:00Z");
const at = (ms) => new Date(BEGIN + ms).toISOString();
const DAY_MS = 86_400_000;
let number = 0;

/** A message sent and received so many ms after the beginning. */
function message(sent, received, delivery = "live") {
  number += 1;
  const send_time = sent === null ? null : at(sent);
  return messageFromFrame(messageFrame(number, { send_time, receive_time: at(received), delivery }));
}

/** The marks of a conversation that takes these messages in their order. */
function marksOf(...messages) {
  const conversation = new Conversation(ROOM);
  for (const one of messages) conversation.append(one);
  return latenessOf(conversation.messages).map(({ lateCount }) => lateCount);
}

const FIRST = message(0, 0);
const late = (sent, received) => message(sent, received, "backfilled");

test("what was received as it was sent has no mark", () => {
  assert.deepEqual(marksOf(FIRST, message(1, LATE_AFTER_MS), message(2, 3)), [0, 0, 0]);
});

test("what synchronisation brought noticeably later is marked, sooner is not", () => {
  assert.deepEqual(marksOf(FIRST, late(1, LATE_AFTER_MS)), [0, 0]);
  assert.deepEqual(marksOf(FIRST, late(1, LATE_AFTER_MS + 1)), [0, 1]);
});

test("what came live and late is marked where it stands before what was here", () => {
  const heldUp = message(1, 90_000);
  assert.deepEqual(marksOf(FIRST, message(50_000, 50_000), heldUp), [0, 1, 0]);
  assert.deepEqual(marksOf(FIRST, heldUp, message(95_000, 95_000)), [0, 0, 0]);
});

test("what came live stands where it arrived, without a mark, whatever far time its author gave", () => {
  for (const sent of [90_000 - LIVE_WINDOW_MS, -40 * DAY_MS, -10 * 365 * DAY_MS, 200_000, 365 * DAY_MS]) {
    const conversation = new Conversation(ROOM);
    const odd = message(sent, 90_000);
    for (const one of [FIRST, message(50_000, 50_000), odd, message(95_000, 95_000)]) conversation.append(one);
    assert.equal(conversation.messages.findIndex(({ id }) => id === odd.id), 2);
    assert.equal(conversation.messages[2].time, at(90_000));
    assert.deepEqual(latenessOf(conversation.messages).map(({ isLate }) => isLate), [false, false, false, false]);
  }
});

test("what synchronisation brought stands by its author's time only as far back as it reaches", () => {
  const timeOf = (sent) => late(sent, 0).time;
  assert.equal(timeOf(-10 * DAY_MS), at(-10 * DAY_MS));
  assert.equal(timeOf(-SYNC_WINDOW_MS), at(0));
  assert.equal(timeOf(60_000), at(0), "nothing is sent after it is received");
  assert.deepEqual(marksOf(FIRST, message(50, 50), late(-SYNC_WINDOW_MS, 90_000)), [0, 0, 0]);
});

test("messages sent at once stand in the same order on every page", () => {
  const [early, later] = [{ message_id: "b", sent: 0 }, { message_id: "a", sent: 3 }];
  const orderOf = (received) => {
    const conversation = new Conversation(ROOM);
    for (const { message_id, sent } of [later, early]) {
      const times = { send_time: at(sent), receive_time: at(received(sent)) };
      conversation.append(messageFromFrame(messageFrame(1, { message_id, ...times })));
    }
    return conversation.messages.map(({ id }) => id);
  };
  assert.deepEqual(orderOf((sent) => 10 - sent), ["b", "a"]);
  assert.deepEqual(orderOf((sent) => sent - 20), ["b", "a"]);
});

test("a frame with times that are none is a message all the same", () => {
  for (const times of [{ send_time: "yesterday" }, { receive_time: "" }, { receive_time: undefined, time: undefined }]) {
    const { time, received, lag } = messageFromFrame(messageFrame(1, times));
    assert.ok(!Number.isNaN(Date.parse(time)) && !Number.isNaN(received) && lag >= 0);
  }
});

test("late ones between others are marked each, those together once with their number", () => {
  const timely = [10_000, 20_000, 30_000].map((time) => message(time, time));
  const others = [15_000, 16_000, 17_000, 25_000].map((time) => late(time, 60_000));
  assert.deepEqual(marksOf(FIRST, ...timely, ...others), [0, 0, 3, 0, 0, 0, 1, 0]);
});

test("late ones that came at another time have a mark of their own", () => {
  const again = 60_001 + LATE_TOGETHER_MS;
  assert.deepEqual(marksOf(FIRST, late(1, 60_000), late(2, 60_000), late(3, again)), [0, 2, 0, 1]);
});

test("the history of one who joined late has no mark, and what was said since has none", () => {
  const history = Array.from({ length: 50 }, (_, index) => late(index, 90_000 + index));
  const since = message(89_000, 89_000);
  assert.deepEqual(new Set(marksOf(since, ...history, message(95_000, 95_000))), new Set([0]));
});

test("without the author's time, or without an answer yet, nothing is late", () => {
  const proposed = messageFromEntry({ id: "own", room: ROOM, text: "mine", time: at(5) }, "");
  const told = latenessOf([FIRST, message(null, 90_000, "backfilled"), proposed]);
  assert.deepEqual(told.map(({ isLate }) => isLate), [false, false, false]);
});

test("a history page shows the same marks as the events did", () => {
  const messages = [FIRST, message(40_000, 40_000), late(10_000, 60_000), late(11_000, 60_000)];
  const reloaded = new Conversation(ROOM);
  reloaded.prepend(messages, null, false);
  assert.deepEqual(latenessOf(reloaded.messages).map(({ lateCount }) => lateCount), marksOf(...messages));
  assert.deepEqual(marksOf(...messages), [0, 2, 0, 0]);
});
