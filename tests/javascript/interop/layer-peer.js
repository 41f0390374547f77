// One js-libp2p node of bench/libp2p_layer.py: what bench/libp2p_peer.py is for py-libp2p.
//
// It writes [address, pid], takes commands on standard input and answers on standard
// output, each a line of JSON. Times are of the system's monotonic clock, the same in
// every process. Buffers are so large that nothing is dropped.

import { createInterface } from "node:readline";

import { gossipsub } from "@libp2p/gossipsub";
import { identify } from "@libp2p/identify";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";

const ROOM = "bench";
const SIZE_BYTES = 100;
const STAMP_BYTES = 20;
const NS_IN_MS = 1e6;

const peer = await createLibp2p({
  addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  // It closes the connection of a peer that is busy for long.
  connectionMonitor: { enabled: false },
  services: {
    identify: identify(),
    ping: ping(),
    pubsub: gossipsub({ allowPublishToZeroTopicPeers: true, maxOutboundBufferSize: Infinity }),
  },
});
const { pubsub } = peer.services;
let arrivals = [];

pubsub.addEventListener("message", ({ detail }) => {
  const stamp = new TextDecoder().decode(detail.data.subarray(0, STAMP_BYTES));
  arrivals.push([Number(stamp), now()]);
});
pubsub.subscribe(ROOM);
answer([String(peer.getMultiaddrs()[0]), process.pid]);

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...values] = JSON.parse(line);
  answer(await { connect, publish, expect, first }[name](...values));
}
await peer.stop();

async function connect(address) {
  const { remotePeer } = await peer.dial(multiaddr(address));
  while (!pubsub.getMeshPeers(ROOM).includes(remotePeer.toString())) await pause(1);
  return "connected";
}

async function publish(count, ratePerSecond, publishers) {
  const each = Array.from({ length: publishers }, () => publishSome(count / publishers, ratePerSecond));
  await Promise.all(each);
  return "published";
}

async function publishSome(count, ratePerSecond) {
  const begin = now();
  for (let number = 0; number < count; number += 1) {
    if (ratePerSecond) await pause((begin - now()) / NS_IN_MS + (number / ratePerSecond) * 1e3);
    await pubsub.publish(ROOM, message());
  }
}

async function expect(count, timeoutS) {
  for (const end = now() + timeoutS * 1e9; arrivals.length < count && now() < end; ) await pause(1);
  const found = arrivals;
  arrivals = [];
  return found;
}

async function first(address, durationS) {
  const begin = now();
  await peer.dial(multiaddr(address));
  for (const end = begin + durationS * 1e9; now() < end; await pause(5)) await pubsub.publish(ROOM, message());
  return [begin];
}

function message() {
  const data = new Uint8Array(SIZE_BYTES);
  data.set(new TextEncoder().encode(String(now()).padStart(STAMP_BYTES, "0")));
  return data;
}

function now() {
  return Number(process.hrtime.bigint());
}

function pause(delayMs) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, delayMs)));
}

function answer(value) {
  console.log(JSON.stringify(value));
}
