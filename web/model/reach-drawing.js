/** Where everything stands in the drawing of how this node is connected. Pure. */

export const WIDTH = 260;
const ROW = 40;
const COLUMNS = { me: 30, router: 95, relay: 160, peer: 230 };
const MAX_PEERS = 8;
const MAX_RELAYS = 4;

/**
 * @returns `{height, dots, lines, hidden}`: dots `{kind, id, x, y}`, lines `{kind, points}`
 *   with the kind `direct` or `relayed`, and how many peers are left out
 */
export function drawingOf(node, peers) {
  const connected = peers.filter(({ connection }) => connection);
  const relays = relaysOf(node, connected);
  const others = connected.filter(({ peer_id: peerId }) => !relays.includes(peerId));
  const shown = others.slice(0, MAX_PEERS);
  const rows = Math.max(shown.length, relays.length, 1);
  const height = rows * ROW;
  const me = { kind: "me", id: node.peer_id, x: COLUMNS.me, y: height / 2 };
  const router = hasRouter(node) ? { kind: "router", id: "router", x: COLUMNS.router, y: height / 2 } : null;
  const relayDots = column("relay", relays, height);
  const peerDots = column("peer", shown.map((peer) => peer.peer_id), height)
    .map((dot, index) => ({ ...dot, roundTripMs: shown[index].connection.round_trip_ms }));
  const path = (...dots) => dots.filter(Boolean).map(({ x, y }) => [x, y]);
  const lines = shown.map(({ connection }, index) => {
    const relay = relayDots.find(({ id }) => id === connection.relay_id);
    const isRelayed = connection.kind === "relayed";
    return { kind: isRelayed ? "relayed" : "direct", points: path(me, router, isRelayed && relay, peerDots[index]) };
  });
  const toRelays = relayDots.map((dot) => ({ kind: "direct", points: path(me, router, dot) }));
  return { height, dots: [me, router, ...relayDots, ...peerDots].filter(Boolean), lines: [...toRelays, ...lines], hidden: others.length - shown.length };
}

function relaysOf(node, peers) {
  const held = (node.reach?.relays ?? []).map((relay) => relay.relay_id);
  const used = peers.map(({ connection }) => connection.relay_id).filter(Boolean);
  return [...new Set([...used, ...held])].slice(0, MAX_RELAYS);
}

/** A router is drawn where something is known of one. */
function hasRouter(node) {
  return node.reachability === "private" || (node.reach?.port_mappings ?? []).length > 0;
}

function column(kind, ids, height) {
  return ids.map((id, index) => ({ kind, id, x: COLUMNS[kind], y: ((index + 0.5) * height) / ids.length }));
}
