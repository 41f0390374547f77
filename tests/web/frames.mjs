/** Frames as a gateway sends them, for the tests of the model. */

export const ME = "12D3KooWQ8vXr2mPzL4kT9nYcB7hJdFgS3eWuAi5oRt6xVbN1MkZ";
export const ANN = "12D3KooWBmwkafWE2Fs1mkGEzZbiKHTkZvKrGd7aL3uQ2NxePp9y";
export const ROOM = "chat-room";

export function messageFrame(number, changes = {}) {
  const time = `2026-11-23T10:00:00.${String(number).padStart(6, "0")}Z`;
  return {
    type: "message",
    cursor: `c${number}`,
    time,
    message_id: `id${String(number).padStart(6, "0")}`,
    room: ROOM,
    author_id: ANN,
    text: `text ${number}`,
    send_time: time,
    receive_time: time,
    forwarder_id: ANN,
    delivery: "live",
    ...changes,
  };
}

export function snapshotFrame(changes = {}) {
  return {
    type: "snapshot",
    cursor: "c0",
    time: "2026-11-23T10:00:00.000000Z",
    node: { peer_id: ME, addresses: [], agent: "wsp", rooms: [ROOM, "other"], max_message_bytes: 32_768 },
    peers: [{ peer_id: ANN, addresses: [], agent: "", protocols: [], rooms: [ROOM], connection: null }],
    ...changes,
  };
}
