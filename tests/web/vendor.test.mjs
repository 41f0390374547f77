import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { encode } from "../../web/vendor/uqr/uqr.js";
import jsQR from "../javascript/node_modules/jsqr/dist/jsQR.js";

const VENDOR = new URL("../../web/vendor/", import.meta.url);
const ROW = /^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$/gm;

test("every vendored file is listed, and is what was listed", () => {
  const listed = new Map([...readFileSync(new URL("README.md", VENDOR), "utf8").matchAll(ROW)].map((row) => [row[1], row[2]]));
  const files = readdirSync(VENDOR, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => `${file.parentPath ?? file.path}/${file.name}`.replace(VENDOR.pathname, "").replace(/^\//, ""))
    .filter((name) => name !== "README.md");
  assert.deepEqual(files.sort(), [...listed.keys()].sort());
  for (const [name, hash] of listed) {
    assert.equal(createHash("sha256").update(readFileSync(new URL(name, VENDOR))).digest("hex"), hash, name);
  }
});

test("nothing vendored makes code or markup from strings", () => {
  const code = readFileSync(new URL("uqr/uqr.js", VENDOR), "utf8");
  assert.doesNotMatch(code, /\beval\b|new Function|innerHTML|document\./);
});

test("a QR code is square and has its three corners", () => {
  const { data, size } = encode("/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWQ8vXr2mPzL4kT9nYcB7hJdFgS3eWuAi5oRt6xVbN1MkZ", { border: 0 });
  assert.equal(data.length, size);
  for (const [x, y] of [[0, 0], [size - 7, 0], [0, size - 7]]) {
    assert.ok(data[y].slice(x, x + 7).every(Boolean), `corner at ${x}, ${y}`);
  }
});

test("a QR code is read back by another program, as long as an invite may be", () => {
  for (const length of [1, 166, 856, 1_900]) {
    const text = `wsp:${"Ab0-_z".repeat(400).slice(0, length)}`;
    assert.equal(jsQR(...imageOf(encode(text, { ecc: "L", border: 2 }))).data, text);
  }
});

/** Draw a code as a camera would see it: four pixels a module. */
function imageOf({ data, size }) {
  const scale = 4;
  const width = size * scale;
  const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
  for (let y = 0; y < width; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (data[Math.floor(y / scale)][Math.floor(x / scale)]) pixels.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return [pixels, width, width];
}
