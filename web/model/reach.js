/** How this node is connected, in plain words; what the names mean is in `proto/chat.proto`. */

const VERDICTS = {
  public: "Others can connect to this node directly.",
  private: "A router keeps others from connecting to this node directly. It connects to them, or meets them over relays.",
};
const VERDICT_UNKNOWN = "It is not known yet whether others can connect to this node directly.";

/** Say whether others can connect. */
export function verdictOf(node) {
  return VERDICTS[node.reachability] ?? VERDICT_UNKNOWN;
}

/** List what is known, in sentences: addresses, evidence, ports, relays, attempts; newest evidence first. */
export function reachLines({ reach }, name) {
  if (!reach) return [];
  const { evidence = [], addresses = [], port_mappings: mappings = [], relays = [], relay_service: service, hole_punches: punches = [] } = reach;
  return [
    ...addresses.map(addressText),
    ...[...evidence].reverse().map((one) => evidenceText(one, name)),
    ...mappings.map(mappingText),
    ...relays.map((relay) => relayText(relay, name)),
    ...(service?.is_on ? [serviceText(service)] : []),
    ...[...punches].reverse().map((punch) => punchText(punch, name)),
  ];
}

function evidenceText({ kind, is_reachable: isReachable, peer_id: peerId, address }, name) {
  const who = peerId ? name(peerId) : "A peer";
  const place = address ? ` at ${address}` : "";
  if (kind === "inbound_connection") return `${who} connected from the internet${place}.`;
  if (kind === "autonat") return isReachable ? `${who} was asked, and reached this node${place}.` : `${who} was asked, and could not reach this node${place}.`;
  if (kind === "port_mapping") return isReachable ? `The router forwards a port${place}.` : "The router forwards a port, but has no public address itself.";
  return "";
}

const FOUND = { public: "Others reach this node at", private: "Nobody reaches this node at" };

function addressText({ address, transport, reachability }) {
  return `${FOUND[reachability] ?? "Too few have tried to reach this node at"} ${address} (${transport}).`;
}

function mappingText({ protocol, external_address: external }) {
  return `The router forwards ${external} to this node (${protocol}).`;
}

function relayText({ relay_id: relayId, max_circuit_bytes: maxBytes }, name) {
  const limit = maxBytes > 0 ? `; it carries ${Math.round(maxBytes / 1024)} KiB of a connection` : "";
  return `Others reach this node over the relay ${name(relayId)}${limit}.`;
}

function serviceText({ reservation_count: reservations, circuit_count: circuits }) {
  return `This node is a relay for others: ${reservations} may be called over it, ${circuits} ${circuits === 1 ? "connection goes" : "connections go"} through it.`;
}

const FAILED = {
  no_connection: "no attempt got through; the routers of both sides are too strict",
  no_addresses: "one side knows no address of its own",
  refused: "the peer does not do this",
  protocol_error: "the relayed connection broke",
};

function punchText({ peer_id: peerId, result, transport, duration_ms: durationMs }, name) {
  const seconds = `${(durationMs / 1_000).toFixed(1)} s`;
  if (result === "succeeded") return `The connection to ${name(peerId)} became direct after ${seconds} (${transport}).`;
  return `The connection to ${name(peerId)} stays over the relay: ${FAILED[result] ?? result}.`;
}
