// A chat client in Node: publishes what it is told and prints what it hears.
//
//   node chat-client.js ADDRESS TEXT COUNT PROTO_DIR…
//
// It joins the stream of events first, then publishes TEXT, prints COUNT
// messages as "AUTHOR TEXT" lines and ends. No code is generated: the client is
// made from chat.proto in one of the folders.

import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [address, text, count, ...includeDirs] = process.argv.slice(2);
const { wsp } = loadPackageDefinition(loadSync("chat.proto", { includeDirs }));
const client = new wsp.chat.v1.ChatService(address, credentials.createInsecure());

let left = Number(count);
const events = client.events({});
events.once("data", () => client.publish({ text }, fail)); // the snapshot: nothing after it is missed
events.on("data", (batch) => batch.events.forEach(show));
events.on("error", fail);

function show({ message }) {
  if (!message || left === 0) return;
  console.log(message.authorId, message.text);
  left -= 1;
  if (left === 0) client.close(events.cancel());
}

function fail(error) {
  if (!error || left === 0) return;
  console.error(error.message);
  process.exit(1);
}
