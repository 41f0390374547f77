/** What the browser keeps for the page, with storages that are full or denied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts } from "../../web/model/drafts.js";
import { DraftStore } from "../../web/storage/draft-store.js";
import { OutboxStore } from "../../web/storage/outbox-store.js";
import { PageStorage, openStorage } from "../../web/storage/page-storage.js";
import { Token } from "../../web/storage/token.js";
import { define, openDocument } from "./dom.mjs";

/** A `Storage` as browsers have it: keys are properties of its own. */
class FakeStorage {
  constructor(entries = {}) {
    Object.assign(this, entries);
    Object.defineProperty(this, "isFull", { value: false, writable: true });
  }

  getItem(key) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }

  setItem(key, value) {
    if (this.isFull) throw new Error("QuotaExceededError");
    this[key] = value;
  }

  removeItem(key) {
    delete this[key];
  }
}

const ENTRY = { id: "a", room: "r", text: "hello", time: "2026-11-23T10:00:00Z", position: 1 };

test("what the browser stores outlives the page, what it has no room for does not", () => {
  const shared = new FakeStorage();
  const storage = new PageStorage(shared);
  assert.equal(storage.set("k", "stored"), true);
  assert.equal(new PageStorage(shared).get("k"), "stored");
  shared.isFull = true;
  assert.equal(storage.set("k", "only here"), false);
  assert.deepEqual([storage.get("k"), new PageStorage(shared).get("k")], ["only here", "stored"]);
  assert.deepEqual(storage.keys, ["k"]);
  storage.remove("k");
  assert.deepEqual([storage.get("k"), shared.getItem("k"), storage.keys], [null, null, []]);
});

test("a storage that is denied, absent or broken is this page's alone", (context) => {
  const broken = { getItem: () => { throw new Error("no"); }, setItem: () => { throw new Error("no"); }, removeItem: () => { throw new Error("no"); } };
  define(context, { window: { get localStorage() { throw new Error("SecurityError"); }, sessionStorage: undefined } });
  for (const storage of [openStorage(), openStorage("sessionStorage"), new PageStorage(broken)]) {
    assert.equal(storage.set("k", "v"), false);
    assert.equal(storage.get("k"), "v");
    storage.remove("k");
    assert.equal(storage.get("k"), null);
  }
});

test("the outbox is stored one key an entry, and what is no entry is passed over", () => {
  const shared = new FakeStorage({ "wsp.outbox.x": "{", "wsp.outbox.y": '{"id":"y"}', other: "kept" });
  const store = new OutboxStore(new PageStorage(shared));
  store.save({ ...ENTRY, id: "b", position: 2 });
  store.save(ENTRY);
  assert.deepEqual(store.load().map(({ id, position }) => [id, position]), [["a", 1], ["b", 2]]);
  store.drop("a");
  assert.deepEqual(store.load().map(({ id }) => id), ["b"]);
  assert.equal(shared.other, "kept");
});

test("an entry that another tab dropped is heard of, its changes are not", (context) => {
  openDocument(context);
  const dropped = [];
  new OutboxStore(new PageStorage(null)).watch((id) => dropped.push(id));
  for (const [key, newValue] of [["wsp.outbox.a", null], ["wsp.outbox.b", "{}"], ["other", null], [null, null]]) {
    window.fire("storage", { key, newValue });
  }
  assert.deepEqual(dropped, ["a"]);
});

test("the token is offered as a subprotocol in base64url, and as a header", () => {
  const token = new Token(new PageStorage(new FakeStorage()));
  assert.deepEqual([token.subprotocols, token.headers], [[], {}]);
  token.keep("open+sesame/ü?>");
  const [protocol, bearer] = token.subprotocols;
  assert.equal(protocol, "wsp.chat.v1");
  assert.match(bearer, /^bearer\.[\w-]+$/);
  assert.equal(Buffer.from(bearer.slice("bearer.".length), "base64url").toString(), "open+sesame/ü?>");
  assert.equal(token.headers.authorization, "Bearer open+sesame/ü?>");
});

/** Tabs of one browser; `reload` gives the page that a tab shows afterwards. */
function openTabs(shared = new FakeStorage()) {
  const open = (own = new FakeStorage()) => {
    const store = new DraftStore(new PageStorage(own), new PageStorage(shared));
    return { drafts: new Drafts(store), own, reload: () => open(own) };
  };
  return { shared, open };
}

test("a draft belongs to its room, outlives the page and is gone once it is empty", () => {
  const { open, shared } = openTabs();
  const tab = open();
  tab.drafts.update("a", "for a");
  tab.drafts.update("b", "for b");
  const { drafts } = tab.reload();
  assert.deepEqual([drafts.textIn("a"), drafts.textIn("b"), drafts.textIn("c")], ["for a", "for b", ""]);
  drafts.clear("a");
  drafts.update("b", "");
  assert.deepEqual(Object.keys(shared), []);
  assert.equal(tab.reload().drafts.textIn("a"), "");
});

test("a new tab shows what another one left; each keeps its own over a reload", () => {
  const { open } = openTabs();
  const [one, two] = [open(), open()];
  assert.equal(two.drafts.textIn("a"), "");
  one.drafts.update("a", "of one");
  assert.equal(open().drafts.textIn("a"), "of one");
  two.drafts.update("a", "of two");
  assert.deepEqual([one.reload().drafts.textIn("a"), two.reload().drafts.textIn("a")], ["of one", "of two"]);
  one.drafts.clear("a");
  assert.equal(two.reload().drafts.textIn("a"), "of two", "what is sent clears its own draft only");
  assert.equal(open().drafts.textIn("a"), "of two");
});

test("a draft sent in one tab goes from a copy of it, and not from another draft", (context) => {
  openDocument(context);
  const { open, shared } = openTabs();
  const one = open();
  one.drafts.update("a", "written");
  const draft = JSON.parse(shared["wsp.draft.a"]);
  const [copy, other] = [open(), open()];
  assert.equal(copy.drafts.textIn("a"), "written");
  other.drafts.update("a", "another");
  one.drafts.clear("a");
  delete shared["wsp.draft.a"];
  for (const tab of [copy, other]) tab.drafts.droppedElsewhere("a", draft);
  assert.deepEqual([copy.drafts.textIn("a"), other.drafts.textIn("a")], ["", "another"]);
  assert.equal(JSON.parse(shared["wsp.draft.a"]).text, "another", "it is stored for later pages again");
});

test("the removal of a draft in another tab is heard from the storage that all share", (context) => {
  openDocument(context);
  const shared = new FakeStorage();
  const heard = [];
  new DraftStore(new PageStorage(new FakeStorage()), new PageStorage(shared)).watch((room, draft) => heard.push([room, draft.text]));
  const oldValue = JSON.stringify({ id: "1", text: "gone" });
  const removal = { key: "wsp.draft.a", oldValue, newValue: null, storageArea: shared };
  for (const change of [{}, { newValue: oldValue }, { oldValue: "{" }, { key: "wsp.outbox.a" }, { key: null }, { storageArea: {} }]) {
    window.fire("storage", { ...removal, ...change });
  }
  assert.deepEqual(heard, [["a", "gone"]]);
});

test("a draft is safe while one of the storages has room for it", () => {
  const { open, shared } = openTabs();
  const tab = open();
  shared.isFull = true;
  tab.drafts.update("a", "in this tab");
  assert.equal(tab.drafts.isSafe, true);
  tab.own.isFull = true;
  tab.drafts.update("a", "nowhere");
  assert.deepEqual([tab.drafts.isSafe, tab.drafts.textIn("a")], [false, "nowhere"]);
  tab.drafts.clear("a");
  assert.equal(tab.drafts.isSafe, true);
});

test("a stored draft that is none is passed over", () => {
  for (const json of ["{", "null", '"text"', '{"id":1,"text":"x"}', '{"id":"x","text":""}']) {
    const { open } = openTabs(new FakeStorage({ "wsp.draft.a": json }));
    assert.equal(open().drafts.textIn("a"), "");
  }
});
