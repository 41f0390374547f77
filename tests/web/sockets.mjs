/** The edges of the page's sockets, in the test's hands: WebSockets, fetch and time. */
import { define } from "./dom.mjs";

export class FakeWebSocket {
  static OPEN = 1;
  static made = [];
  sent = [];
  readyState = 0;

  constructor(url, subprotocols) {
    this.url = url;
    this.subprotocols = subprotocols;
    FakeWebSocket.made.push(this);
  }

  send(json) {
    this.sent.push(JSON.parse(json));
  }

  close() {
    this.readyState = 2;
  }

  /** What the gateway does. */
  accept() {
    this.readyState = FakeWebSocket.OPEN;
    this.onopen();
  }

  receive(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  end(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

/** Put fakes in the place of WebSocket and fetch; return the sockets made and requests sent. */
export function openNetwork(context, { answer = () => new Error("no network") } = {}) {
  FakeWebSocket.made = [];
  const requests = [];
  define(context, {
    WebSocket: FakeWebSocket,
    fetch: async (url, options) => {
      requests.push({ url: String(url), ...options });
      const given = answer(requests.length);
      if (given instanceof Error) throw given;
      const [status, body] = given;
      return { status, ok: status < 300, json: async () => body };
    },
  });
  return { sockets: FakeWebSocket.made, requests, last: () => FakeWebSocket.made[FakeWebSocket.made.length - 1] };
}

/** Let promises that are due go on. */
export async function turn() {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
}
