import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_IN_FLIGHT } from "../../web/model/limits.js";
import { Outbox } from "../../web/model/outbox.js";
import { Courier } from "../../web/actions/courier.js";
import { RequestError } from "../../web/socket/requests.js";

const NO_STORE = { load: () => [], save: () => undefined, drop: () => undefined };

/** A link whose answers the test gives, and what the courier told. */
function open() {
  const requests = [];
  const told = [];
  const state = { isReady: true };
  const link = { request: (frame) => new Promise((resolve, reject) => requests.push({ frame, resolve, reject })) };
  const courier = new Courier(link, new Outbox(NO_STORE), {
    isReady: () => state.isReady,
    kept: (entry) => told.push(["kept", entry.id]),
    refused: (entry, error) => told.push(["refused", entry.id, error.code]),
  });
  const post = (id) => courier.post({ id, room: "r", text: id, time: "2026-11-23T10:00:00Z" });
  return { courier, post, requests, told, state, ids: () => requests.map(({ frame }) => frame.id) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Let the pause after a refusal pass. */
async function pass(context) {
  await turn();
  context.mock.timers.tick(2);
  await turn();
}

test("a message is sent at once under its own id, and told when kept", async () => {
  const { post, requests, told } = open();
  post("a");
  assert.deepEqual(requests[0].frame, { type: "publish", id: "a", client_message_id: "a", room: "r", text: "a" });
  requests[0].resolve({});
  await turn();
  assert.deepEqual(told, [["kept", "a"]]);
});

test("nothing is sent while the node is away, and all of it in order afterwards", () => {
  const { courier, post, ids, state } = open();
  state.isReady = false;
  for (const id of ["a", "b", "c"]) post(id);
  assert.deepEqual(ids(), []);
  state.isReady = true;
  courier.pump();
  assert.deepEqual(ids(), ["a", "b", "c"]);
});

test("only so many are on their way at once", async () => {
  const { post, requests, ids } = open();
  for (let number = 0; number <= MAX_IN_FLIGHT; number += 1) post(String(number));
  assert.equal(ids().length, MAX_IN_FLIGHT);
  requests[0].resolve({});
  await turn();
  assert.equal(ids().length, MAX_IN_FLIGHT + 1);
});

test("what the rate refused is sent again after the pause told", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { post, requests, ids, told } = open();
  post("a");
  requests[0].reject(new RequestError({ code: "RESOURCE_EXHAUSTED", retry_after_ms: 1 }));
  await pass(context);
  assert.deepEqual(ids(), ["a", "a"]);
  assert.deepEqual(told, []);
});

for (const error of [
  { code: "UNAVAILABLE", reason: "OUTCOME_UNKNOWN" },
  { code: "DEADLINE_EXCEEDED", reason: "NO_ANSWER" },
]) {
  test(`${error.reason} has the message sent again under the same id until somebody knows`, async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const { post, requests, ids, told } = open();
    post("a");
    requests[0].reject(new RequestError({ ...error, retry_after_ms: 1 }));
    await pass(context);
    assert.deepEqual(ids(), ["a", "a"]);
    requests[1].resolve({});
    await turn();
    assert.deepEqual(told, [["kept", "a"]]);
  });
}

test("a lost connection puts messages back; they go out again under the same id", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { courier, post, requests, ids, state, told } = open();
  post("a");
  state.isReady = false;
  requests[0].reject(new RequestError({ code: "UNAVAILABLE", reason: "GATEWAY_UNREACHABLE", retry_after_ms: 1 }));
  await turn();
  assert.deepEqual(ids(), ["a"]);
  state.isReady = true;
  await pass(context);
  courier.pump();
  assert.deepEqual(ids(), ["a", "a"]);
  assert.deepEqual(told, []);
});

for (const error of [
  { code: "OUT_OF_RANGE", reason: "MESSAGE_TOO_LARGE" },
  { code: "FAILED_PRECONDITION", reason: "ROOM_NOT_JOINED" },
]) {
  test(`${error.reason} fails the message until it is retried`, async () => {
    const { courier, post, requests, ids, told } = open();
    post("a");
    requests[0].reject(new RequestError(error));
    await turn();
    assert.deepEqual(told, [["refused", "a", error.code]]);
    courier.pump();
    assert.deepEqual(ids(), ["a"]);
    courier.retry("a");
    assert.deepEqual(ids(), ["a", "a"]);
  });
}
