/** How a node is connected, in words and as a drawing. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { drawingOf } from "../../web/model/reach-drawing.js";
import { reachLines, verdictOf } from "../../web/model/reach.js";
import { ANN, ME } from "./frames.mjs";

const name = (id) => id.slice(-4);
const GOLDEN = JSON.parse(readFileSync(new URL("../golden/snapshot.json", import.meta.url), "utf8"));
const node = (changes = {}) => ({ peer_id: ME, reachability: "unknown", ...changes });
const peer = (id, connection) => ({ peer_id: id, connection });
const DIRECT = { kind: "direct", relay_id: null, round_trip_ms: 12 };

test("the verdict is one sentence, also for what is not known", () => {
  assert.match(verdictOf(node({ reachability: "public" })), /^Others can connect/);
  assert.match(verdictOf(node({ reachability: "private" })), /^A router keeps others/);
  assert.match(verdictOf(node({ reachability: "of tomorrow" })), /not known yet/);
});

test("what a node reports is said in sentences", () => {
  assert.deepEqual(reachLines(GOLDEN.node, name), [
    "Others reach this node at /ip4/192.0.2.7/tcp/4001 (tcp).",
    `${name(GOLDEN.node.reach.evidence[0].peer_id)} was asked, and reached this node at /ip4/192.0.2.7/tcp/4001.`,
    "The router forwards /ip4/192.0.2.7/tcp/4001 to this node (upnp).",
    `Others reach this node over the relay ${name(GOLDEN.node.reach.relays[0].relay_id)}; it carries 128 KiB of a connection.`,
    "This node is a relay for others: 2 may be called over it, 1 connection goes through it.",
    `The connection to ${name(GOLDEN.node.reach.hole_punches[0].peer_id)} became direct after 1.5 s (quic-v1).`,
  ]);
  assert.deepEqual(reachLines(node(), name), []);
});

test("each address that peers were asked about has its line", () => {
  const addresses = ["public", "private", "unspecified"].map((reachability) => ({ address: "/ip4/192.0.2.7/tcp/1", transport: "tcp", reachability }));
  const said = reachLines(node({ reach: { addresses } }), name);
  assert.deepEqual(said.map((line) => line.split(" at ")[0]), ["Others reach this node", "Nobody reaches this node", "Too few have tried to reach this node"]);
  assert.ok(said.every((line) => line.endsWith(" at /ip4/192.0.2.7/tcp/1 (tcp).")));
});

test("every result of an attempt has its words", () => {
  for (const result of ["no_connection", "no_addresses", "refused", "protocol_error"]) {
    const [line] = reachLines(node({ reach: { hole_punches: [{ peer_id: ANN, result, duration_ms: 1 }] } }), name);
    assert.match(line, /stays over the relay: [^_]+\.$/);
  }
});

test("direct peers have a line of their own, relayed ones a line over their relay and the router", () => {
  const peers = [peer("a", DIRECT), peer("b", { kind: "relayed", relay_id: "r" }), peer("c", null)];
  const { dots, lines, hidden } = drawingOf(node({ reachability: "private" }), peers);
  assert.deepEqual(dots.map(({ kind, id }) => [kind, id]), [["me", ME], ["router", "router"], ["relay", "r"], ["peer", "a"], ["peer", "b"]]);
  assert.deepEqual(lines.map(({ kind, points }) => [kind, points.length]), [["direct", 3], ["direct", 3], ["relayed", 4]]);
  assert.equal(hidden, 0);
  assert.equal(dots.find(({ id }) => id === "a").roundTripMs, 12);
  const alsoPeer = drawingOf(node(), [...peers, peer("r", DIRECT)]);
  assert.deepEqual(alsoPeer.dots.filter(({ id }) => id === "r").map(({ kind }) => kind), ["relay"]);
});

test("a crowd is cut, and nobody is a drawing too", () => {
  const crowd = Array.from({ length: 50 }, (_, index) => peer(String(index), DIRECT));
  assert.equal(drawingOf(node(), crowd).hidden, 42);
  const alone = drawingOf(node(), []);
  assert.deepEqual([alone.dots.length, alone.lines.length, alone.hidden], [1, 0, 0]);
});
