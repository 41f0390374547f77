/** The connection to the gateway, with a WebSocket and a clock in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CONNECTION_STABLE_MS,
  CONNECT_DEADLINE_MS,
  MAX_FRAME_BYTES,
  RECONNECT_FIRST_MS,
  RECONNECT_LONGEST_MS,
  REFUSED_RECONNECT_MS,
  REQUEST_DEADLINE_MS,
  SIGN_OF_LIFE_MS,
  SILENCE_MS,
} from "../../web/model/limits.js";
import { askAdmission } from "../../web/socket/admission.js";
import { Link } from "../../web/socket/link.js";
import { RequestError, Requests } from "../../web/socket/requests.js";
import { watchSilence } from "../../web/socket/silence.js";
import { Source } from "../../web/socket/source.js";
import { openDocument } from "./dom.mjs";
import { openNetwork, turn } from "./sockets.mjs";

function openLink(context) {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const network = openNetwork(context);
  const heard = { states: [], frames: [], turnedAway: 0 };
  const link = new Link("ws://gateway.example/ws", {
    subprotocols: () => ["wsp.chat.v1"],
    hello: () => ({ type: "hello", after: "c7", rooms: [] }),
    receive: (frame) => heard.frames.push(frame),
    change: (state) => heard.states.push(state),
    turnedAway: () => (heard.turnedAway += 1),
  });
  link.open();
  return { ...network, link, heard, tick: (ms) => context.mock.timers.tick(ms) };
}

test("a connection begins with hello and hands events on", (context) => {
  const { link, last, heard, sockets } = openLink(context);
  link.open();
  assert.equal(sockets.length, 1, "one connection at a time");
  assert.deepEqual(last().subprotocols, ["wsp.chat.v1"]);
  last().accept();
  assert.deepEqual(last().sent, [{ type: "hello", after: "c7", rooms: [] }]);
  last().receive({ type: "message", cursor: "c8" });
  assert.deepEqual(heard.frames, [{ type: "message", cursor: "c8" }]);
  assert.deepEqual(heard.states, ["connecting", "open"]);
});

test("an answer settles its request and is no event, also where it is late", async (context) => {
  const { link, last, heard } = openLink(context);
  last().accept();
  const [kept, refused] = [link.request({ type: "publish", id: "a" }), link.request({ type: "join" })];
  last().receive({ type: "ack", id: "a", cursor: "c9" });
  last().receive({ type: "error", id: last().sent[2].id, code: "NOT_FOUND", reason: "NO_SUCH_ROOM", message: "" });
  last().receive({ type: "ack", id: "a", cursor: "c9" });
  last().receive({ type: "error", id: null, code: "INVALID_ARGUMENT" });
  assert.equal((await kept).cursor, "c9");
  await assert.rejects(refused, ({ code, message, isPassing }) => code === "NOT_FOUND" && message === "NO_SUCH_ROOM" && !isPassing);
  assert.deepEqual(heard.frames, []);
});

test("requests fail at once without a connection, and all of them when it ends", async (context) => {
  const { link, last } = openLink(context);
  await assert.rejects(link.request({ type: "join" }), { reason: "GATEWAY_UNREACHABLE" });
  last().accept();
  const waiting = link.request({ type: "join" });
  last().end(1009);
  await assert.rejects(waiting, { reason: "FRAME_TOO_LARGE" });
});

test("a frame over the gateway's limit is not sent", async (context) => {
  const { link, last } = openLink(context);
  last().accept();
  for (const text of ["x".repeat(MAX_FRAME_BYTES), "é".repeat(MAX_FRAME_BYTES / 2)]) {
    await assert.rejects(link.request({ type: "publish", text }), { reason: "FRAME_TOO_LARGE" });
  }
  assert.equal(last().sent.length, 1);
});

test("a lost connection comes back after pauses that grow and begin anew once it stood", (context) => {
  const { last, sockets, heard, tick } = openLink(context);
  context.mock.method(Math, "random", () => 1);
  for (let pauseMs = RECONNECT_FIRST_MS; pauseMs < RECONNECT_LONGEST_MS; pauseMs *= 2) {
    const count = sockets.length;
    last().end();
    tick(pauseMs - 1);
    assert.equal(sockets.length, count);
    tick(1);
    assert.equal(sockets.length, count + 1);
  }
  assert.equal(heard.turnedAway, 5);
  last().accept();
  tick(CONNECTION_STABLE_MS);
  last().end();
  assert.equal(heard.turnedAway, 5, "a connection that stood was not turned away");
  const count = sockets.length;
  tick(RECONNECT_FIRST_MS);
  assert.equal(sockets.length, count + 1);
});

test("a gateway that refuses is tried again after the pause asked for, or when somebody asks", (context) => {
  const { link, last, sockets, tick } = openLink(context);
  last().end();
  link.postpone(REFUSED_RECONNECT_MS);
  tick(REFUSED_RECONNECT_MS - 1);
  assert.equal(sockets.length, 1);
  tick(1);
  assert.equal(sockets.length, 2);
  link.postpone(REFUSED_RECONNECT_MS);
  assert.equal(last().readyState, 0, "an attempt under way is not given up");
  last().end();
  link.postpone(REFUSED_RECONNECT_MS);
  link.open();
  assert.equal(sockets.length, 3);
});

test("an attempt that nobody answers is given up, and its late events do nothing", (context) => {
  const { last, sockets, heard, tick } = openLink(context);
  tick(CONNECT_DEADLINE_MS);
  assert.equal(heard.states[heard.states.length - 1], "waiting");
  assert.equal(heard.turnedAway, 0, "silence is no refusal");
  const [first] = sockets;
  tick(RECONNECT_LONGEST_MS);
  last().accept();
  first.end();
  first.receive({ type: "message", cursor: "old" });
  assert.equal(heard.states[heard.states.length - 1], "open");
  assert.deepEqual(heard.frames, []);
});

test("a silent connection is asked for a sign of life and given up without one", async (context) => {
  const { link, last, heard, sockets, tick } = openLink(context);
  last().accept();
  last().receive({ type: "node_state", state: "ready" });
  tick(SILENCE_MS - 1);
  link.probe();
  assert.equal(last().sent.length, 1);
  tick(1);
  link.probe();
  assert.deepEqual([last().sent.length, last().sent[1].type], [2, "history"]);
  tick(SIGN_OF_LIFE_MS);
  await turn();
  assert.equal(heard.states[heard.states.length - 1], "waiting");
  tick(RECONNECT_LONGEST_MS);
  assert.equal(sockets.length, 2);
});

test("a request that is late fails alone while the connection brings other things", async (context) => {
  const { link, last, heard, tick } = openLink(context);
  last().accept();
  const late = link.request({ type: "connect" });
  tick(1);
  last().receive({ type: "message", cursor: "c1" });
  tick(REQUEST_DEADLINE_MS);
  await assert.rejects(late, ({ reason, isPassing }) => reason === "NO_ANSWER" && isPassing);
  assert.equal(heard.states[heard.states.length - 1], "open");
});

test("an error has the words of the gateway, or its reason, or its code", () => {
  const messageOf = (fields) => new RequestError({ code: "INTERNAL", ...fields }).message;
  assert.deepEqual([messageOf({ message: "why", reason: "R" }), messageOf({ reason: "R" }), messageOf({})], ["why", "R", "INTERNAL"]);
  assert.equal(new Requests().settle({ id: "nobody's" }), false);
});

for (const [name, answer, expected] of [
  ["an origin that is not allowed", [403, { code: "PERMISSION_DENIED", reason: "ORIGIN_NOT_ALLOWED", message: "no" }], { isReached: true, refusal: { reason: "ORIGIN_NOT_ALLOWED", message: "no" } }],
  ["a token that is wanted", [401, { reason: "TOKEN_REQUIRED", message: "" }], { isReached: true, refusal: { reason: "TOKEN_REQUIRED", message: "" } }],
  ["too many browsers", [503, { code: "RESOURCE_EXHAUSTED", reason: "TOO_MANY_CLIENTS", message: "full" }], { isReached: true, refusal: { reason: "TOO_MANY_CLIENTS", message: "full" } }],
  ["a gateway that lets us in", [200, {}], { isReached: true, refusal: null }],
  ["a gateway that knows no such call", [404, { code: "NOT_FOUND", reason: "NOT_FOUND", message: "" }], { isReached: true, refusal: null }],
  ["a proxy's own refusal", [403, {}], { isReached: true, refusal: null }],
  ["a gateway that stops", [503, { code: "UNAVAILABLE", reason: "GATEWAY_STOPPING", message: "" }], { isReached: true, refusal: null }],
  ["no gateway", new TypeError("failed to fetch"), { isReached: false, refusal: null }],
]) {
  test(`admission: ${name}`, async (context) => {
    openDocument(context);
    const { requests } = openNetwork(context, { answer: () => answer });
    assert.deepEqual(await askAdmission({ authorization: "Bearer t" }), expected);
    const [{ url, headers }] = requests;
    assert.equal(url, "http://gateway.example:8080/api/access?origin=http%3A%2F%2Fgateway.example%3A8080");
    assert.equal(headers.authorization, "Bearer t");
  });
}

function openSource(context, answer, turnedAway = () => false) {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  openDocument(context);
  const network = openNetwork(context, { answer });
  const heard = { measured: [], states: [] };
  const source = new Source({ subprotocols: [], headers: { authorization: "Bearer t" } }, {
    hello: () => ({ type: "hello" }),
    isReady: () => true,
    receive: () => undefined,
    change: (state, retryTime) => heard.states.push([state, retryTime]),
    measured: (peers) => heard.measured.push(peers),
    turnedAway,
  });
  source.start();
  return { ...network, source, heard };
}

test("the source asks why it was turned away, and rests where it would be again", async (context) => {
  const asked = [];
  const refusal = { code: "PERMISSION_DENIED", reason: "ORIGIN_NOT_ALLOWED", message: "" };
  const { last, heard } = openSource(context, () => [403, refusal], (admission) => asked.push(admission) > 0);
  assert.equal(last().url, "ws://gateway.example:8080/ws");
  last().end();
  await turn();
  assert.equal(asked[0].refusal.reason, "ORIGIN_NOT_ALLOWED");
  assert.deepEqual(heard.states[heard.states.length - 1], ["waiting", 1_000_000 + REFUSED_RECONNECT_MS]);
});

test("the source asks for round trips while somebody looks, and outlives a gateway that is away", async (context) => {
  let count = 0;
  const answers = [new TypeError("failed to fetch"), [503, {}], [200, { peers: ["measured"] }]];
  const { heard, requests } = openSource(context, () => answers[count++]);
  for (let time = 0; time < 3; time += 1) {
    context.mock.timers.tick(15_000);
    await turn();
  }
  assert.deepEqual(heard.measured, [["measured"]]);
  document.visibilityState = "hidden";
  context.mock.timers.tick(15_000);
  await turn();
  assert.equal(requests.length, 3);
});

test("silence is looked for on waking, on coming online and from time to time, while somebody looks", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  openDocument(context);
  let probes = 0;
  watchSilence({ probe: () => (probes += 1) });
  document.fire("visibilitychange");
  window.fire("online");
  context.mock.timers.tick(SILENCE_MS);
  assert.equal(probes, 3);
  document.visibilityState = "hidden";
  document.fire("visibilitychange");
  assert.equal(probes, 3);
});
