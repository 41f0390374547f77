import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../web/model/outbox.js";
import { OutboxStore } from "../../web/storage/outbox-store.js";
import { PageStorage } from "../../web/storage/page-storage.js";
import { ROOM } from "./frames.mjs";

/** A `Storage` as browsers have it, with room for so many values. */
class Shared {
  constructor(room = Infinity) {
    Object.defineProperty(this, "room", { value: room, enumerable: false });
  }

  getItem(key) {
    return this[key] ?? null;
  }

  setItem(key, value) {
    if (Object.keys(this).length >= this.room) throw new Error("QuotaExceededError");
    this[key] = value;
  }

  removeItem(key) {
    delete this[key];
  }
}

const open = (shared) => new Outbox(new OutboxStore(new PageStorage(shared)));
const entry = (id) => ({ id, room: ROOM, text: id, time: "2026-11-23T10:00:00Z" });
const idsOf = (entries) => entries.map(({ id }) => id);

test("what a closed tab left is taken over by one that is open, once", () => {
  const shared = new Shared();
  const [one, other] = [open(shared), open(shared)];
  one.add(entry("a"));
  one.add(entry("b"));
  assert.deepEqual(idsOf(other.adopt()), ["a", "b"]);
  assert.deepEqual(other.adopt(), []);
  assert.deepEqual([other.claimNext().id, other.claimNext().id], ["a", "b"]);
  other.remove("a");
  assert.deepEqual(idsOf(open(shared).entries), ["b"]);
});

for (const [why, shared] of [["is denied", null], ["has no room", new Shared(1)]]) {
  test(`where storage ${why} the page keeps what is written, and knows that only it does`, () => {
    const outbox = open(shared);
    if (shared) outbox.add(entry("kept"));
    assert.equal(outbox.isSafe, true);
    outbox.add(entry("a"));
    assert.equal(outbox.isSafe, false);
    assert.deepEqual(idsOf(outbox.entries), shared ? ["kept", "a"] : ["a"]);
    assert.deepEqual(outbox.adopt(), []);
    outbox.remove("a");
    assert.equal(outbox.isSafe, true);
    assert.deepEqual(idsOf(open(shared).entries), shared ? ["kept"] : []);
  });
}

test("a message that failed goes where another tab removed it; one that waits stays", () => {
  const outbox = open(new Shared());
  for (const id of ["failed", "waiting"]) outbox.add(entry(id));
  outbox.fail("failed");
  assert.equal(outbox.removeFailed("waiting"), null);
  assert.equal(outbox.removeFailed("failed").id, "failed");
  assert.deepEqual(idsOf(outbox.entries), ["waiting"]);
});

test("a token given to a page without storage holds as long as the page", () => {
  const storage = new PageStorage(null);
  storage.set("wsp.token", "sesame");
  assert.equal(storage.get("wsp.token"), "sesame");
});
