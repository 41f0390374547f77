/** Invites as the page reads and writes them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptedText, connectedText, inviteIn, inviteLink, roomOfInvite } from "../../web/model/invites.js";

const LINE = "wsp:CgZnYXJkZW4SJgAkCAESIA";
const name = (id) => id.toUpperCase();
const encode = (...bytes) => `wsp:${Buffer.from(bytes).toString("base64url")}`;

test("an invite is found in a line, a link and around words", () => {
  for (const text of [LINE, ` ${LINE}\n`, `http://127.0.0.1:8080/#invite=${LINE}`, `#invite=${encodeURIComponent(LINE)}`, `come: ${LINE}.`]) {
    assert.equal(inviteIn(text), LINE, text);
  }
  for (const text of ["", "wsp:", "/ip4/127.0.0.1/tcp/1/p2p/12D3", "swsp:abc", "%E0%A4%A"]) assert.equal(inviteIn(text), null, text);
});

test("a link replaces what the page's address had behind its sign", () => {
  assert.equal(inviteLink("https://chat.example/a/#room=b", LINE), `https://chat.example/a/#invite=${LINE}`);
});

test("the room's name is read, whatever it is", () => {
  assert.equal(roomOfInvite(LINE), "garden");
  const long = Buffer.from("é".repeat(120));
  assert.equal(roomOfInvite(encode(0x0a, 0xf0, 0x01, ...long)), "é".repeat(120));
  for (const bad of ["wsp:", "wsp:****", encode(0x12, 1, 65), encode(0x0a, 9, 65), encode(0x0a)]) assert.equal(roomOfInvite(bad), "", bad);
});

test("the outcome is said in words", () => {
  const direct = { peer_id: "ann", connection: { kind: "direct", relay_id: null } };
  const relayed = { peer_id: "ann", connection: { kind: "relayed", relay_id: "rob" } };
  const room = { name: "garden" };
  assert.equal(connectedText(direct, name), "Connected directly to ANN.");
  assert.equal(connectedText(relayed, name), "Connected to ANN over the relay ROB.");
  assert.equal(acceptedText({ room, peer: direct, failure: "" }, name), "You are in garden. Connected directly to ANN.");
  const failure = "nobody answered at /ip4/192.0.2.1/tcp/1; they may be offline";
  assert.equal(
    acceptedText({ room, peer: { peer_id: "ann", connection: null }, failure }, name),
    "You are in garden. Nobody answered at /ip4/192.0.2.1/tcp/1; they may be offline.",
  );
});
