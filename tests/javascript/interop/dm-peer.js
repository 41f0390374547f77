// A js-libp2p program that speaks /universal-connectivity/dm/1.0.0 and nothing else of a chat:
//
//   node dm-peer.js ADDRESS
//
// It dials the address. Every line of its input is sent to that peer as a direct message, twice
// with the same timestamp where it ends in "!". Output lines are JSON objects with a "type":
// ready (id, addresses), direct (author, text, timestamp, client, kind), sent (text, status).

import { createInterface } from "node:readline";

import { identify } from "@libp2p/identify";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";

import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  frameOf,
  framed,
} from "./dm-messages.js";

const PROTOCOL = "/universal-connectivity/dm/1.0.0";
const OK = 200;

const peer = await createLibp2p({
  addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() },
});

await peer.handle(PROTOCOL, async (stream, connection) => {
  const request = decodeRequest(await readFrame(stream));
  tell({ type: "direct", author: connection.remotePeer.toString(), ...request });
  stream.send(framed(encodeResponse({ client: "dm-peer/1", timestamp: Date.now(), status: OK })));
  await stream.close();
});
tell({ type: "ready", id: peer.peerId.toString(), addresses: peer.getMultiaddrs().map(String) });

const connection = await peer.dial(multiaddr(process.argv[2]));
for await (const line of createInterface({ input: process.stdin })) {
  const timestamp = Date.now();
  for (let times = line.endsWith("!") ? 2 : 1; times > 0; times -= 1) await send(line, timestamp);
}
await peer.stop();

async function send(text, timestamp) {
  const stream = await connection.newStream(PROTOCOL);
  const answer = readFrame(stream);
  stream.send(framed(encodeRequest({ client: "dm-peer/1", timestamp, text, kind: "text/plain" })));
  const { status } = decodeResponse(await answer);
  await stream.close();
  tell({ type: "sent", text, status });
}

function readFrame(stream) {
  return new Promise((resolve, reject) => {
    const bytes = [];
    stream.addEventListener("message", ({ data }) => {
      bytes.push(...data.subarray());
      const frame = frameOf(Uint8Array.from(bytes));
      if (frame) resolve(frame);
    });
    stream.addEventListener("close", ({ error }) => reject(error ?? new Error("closed")));
  });
}

function tell(line) {
  console.log(JSON.stringify(line));
}
