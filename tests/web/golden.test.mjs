import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { Chat } from "../../web/model/chat.js";

const DIRECTORY = new URL("../golden/", import.meta.url);
const KINDS = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.replace(".json", ""));

function golden(kind) {
  return JSON.parse(readFileSync(new URL(`${kind}.json`, DIRECTORY), "utf8"));
}

function openChat() {
  const chat = new Chat();
  chat.receive({ ...golden("snapshot"), cursor: "before" });
  return chat;
}

test("there is a golden frame of each kind", () => {
  assert.ok(KINDS.includes("message") && KINDS.includes("snapshot"));
});

for (const kind of KINDS) {
  test(`the page receives ${kind} as the gateway sends it`, () => {
    const chat = openChat();
    const frame = golden(kind);
    chat.receive(frame);
    assert.equal(chat.cursor, kind === "snapshot" ? "before" : frame.cursor);
    assert.equal(chat.node.peer_id, golden("snapshot").node.peer_id);
  });
}

test("the golden message stands in its room with its text", () => {
  const chat = openChat();
  const frame = golden("message");
  chat.receive(frame);
  const [message] = chat.conversation(frame.room).messages;
  assert.equal(message.text, frame.text);
});
