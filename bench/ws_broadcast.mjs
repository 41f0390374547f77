// The peer of bench/fan_out.py: sends each text that comes in on /publish to
// everybody on /ws. The least a broadcast server on the ws library can do.
// Prints its address and process id; ends with its stdin.
import { createRequire } from "node:module";

const { WebSocket, WebSocketServer } = createRequire(
  new URL("../tests/javascript/", import.meta.url),
)("ws");

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: false,
  clientTracking: false,
});
const browsers = new Set();

server.on("connection", (socket, request) => {
  if (request.url === "/publish") {
    socket.on("message", (text) => {
      for (const browser of browsers) {
        if (browser.readyState === WebSocket.OPEN) browser.send(text, { binary: false });
      }
    });
    return;
  }
  browsers.add(socket);
  socket.on("close", () => browsers.delete(socket));
  socket.on("error", () => browsers.delete(socket));
});

server.on("listening", () => console.log(`127.0.0.1:${server.address().port} ${process.pid}`));
process.stdin.resume().on("end", () => process.exit());
