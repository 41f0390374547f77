// A js-libp2p chat peer for the tests: every line of its input is a message to
// the room, every message of the room is a line of its output.
//
//   node js-peer.js [--room NAME] [--circuits] [--behind ADDRESS] [ADDRESS…]
//
// It dials the addresses given, those behind relays with --circuits; with --behind it
// listens nowhere and is reached through the relay at that address. Output lines are JSON objects with a "type":
// ready (id, addresses), joined (peer), message (author, text).

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { gossipsub } from "@libp2p/gossipsub";
import { identify } from "@libp2p/identify";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    room: { type: "string", default: "chat-room" },
    circuits: { type: "boolean", default: false },
    behind: { type: "string", default: "" },
  },
});
const transports = [tcp()];
if (values.circuits || values.behind) {
  const { circuitRelayTransport } = await import("@libp2p/circuit-relay-v2");
  transports.push(circuitRelayTransport());
}
const peer = await createLibp2p({
  // A relay's subscriptions come while the reservation is made, which is part of the start.
  start: false,
  addresses: { listen: [values.behind ? `${values.behind}/p2p-circuit` : "/ip4/127.0.0.1/tcp/0"] },
  transports,
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: {
    identify: identify(),
    ping: ping(),
    pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }),
  },
});
const { pubsub } = peer.services;
const present = new Set();

pubsub.addEventListener("message", ({ detail }) => {
  if (detail.topic !== values.room) return;
  const text = new TextDecoder().decode(detail.data);
  tell({ type: "message", author: detail.from.toString(), text });
});
pubsub.addEventListener("subscription-change", ({ detail }) => {
  const id = detail.peerId.toString();
  const joined = detail.subscriptions.some(({ topic, subscribe }) => topic === values.room && subscribe);
  if (joined && !present.has(id)) {
    present.add(id);
    tell({ type: "joined", peer: id });
  }
});
await peer.start();
pubsub.subscribe(values.room);
tell({
  type: "ready",
  id: peer.peerId.toString(),
  addresses: peer.getMultiaddrs().map(String),
});

for (const address of positionals) await peer.dial(multiaddr(address));
for await (const line of createInterface({ input: process.stdin })) {
  await pubsub.publish(values.room, new TextEncoder().encode(line));
}
await peer.stop();

function tell(line) {
  console.log(JSON.stringify(line));
}
