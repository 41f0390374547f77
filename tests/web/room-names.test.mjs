import assert from "node:assert/strict";
import { test } from "node:test";
import { flawOfRoomName } from "../../web/model/room-names.js";

for (const name of ["chat-room", "کتاب\u200cها", "東京\u3000支部", "👨‍👩‍👧", "\u{1FAE8}", "a b", "\u200fא", "é".repeat(128), ""]) {
  test(`${JSON.stringify(name)} is a room's name`, () => assert.equal(flawOfRoomName(name), null));
}

for (const [name, flaw] of [
  [" chat-room", "room name starts with white space (U+0020)"],
  ["chat-room\u3000", "room name ends with white space (U+3000)"],
  ["a\u0007b", "room name contains a control character (U+0007)"],
  ["a\u0085b", "room name contains a control character (U+0085)"],
  ["a\u202eb", "room name contains a direction override (U+202E)"],
  ["a\u2067b", "room name contains a direction override (U+2067)"],
  ["a\ud83db", "room name contains a lone surrogate (U+D83D)"],
  ["a\udc00", "room name contains a lone surrogate (U+DC00)"],
  ["\u{1FAE8}\u{1FAE8}\u0000", "room name contains a control character (U+0000)"],
  [`${"é".repeat(128)}a`, "room name is over 256 bytes of UTF-8"],
]) {
  test(`${JSON.stringify(name)} is refused: ${flaw}`, () => assert.equal(flawOfRoomName(name), flaw));
}
