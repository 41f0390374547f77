/** What a connection to a peer is, in a few words. Pure. */
import { SLOW_ROUND_TRIP_MS } from "./limits.js";

/** Say it for a line of the list: `kind` direct, relayed, slow or unknown, and `words`. */
export function linkOf(connection) {
  if (!connection) return { kind: "unknown", words: "" };
  const { kind, round_trip_ms: roundTripMs } = connection;
  const isSlow = typeof roundTripMs === "number" && roundTripMs >= SLOW_ROUND_TRIP_MS;
  const words = [kind === "relayed" ? "Over a relay" : "Direct", isSlow ? "slow" : ""].filter(Boolean).join(", ");
  return { kind: isSlow ? "slow" : kind, words };
}

/** List what is known of a connection, as pairs of a name and a value. */
export function factsOfConnection(connection, { milliseconds, name }) {
  if (!connection) return [];
  const { kind, transport, round_trip_ms: roundTripMs, remote_address: address, relay_id: relayId } = connection;
  const relay = relayId ? ` ${name(relayId)}` : "";
  return [
    ["Connection", kind === "relayed" ? `Over the relay${relay}` : "Direct"],
    ["Transport", transport],
    ["Round trip", typeof roundTripMs === "number" ? milliseconds(roundTripMs) : ""],
    ["Address", address],
  ].filter(([, value]) => value);
}
