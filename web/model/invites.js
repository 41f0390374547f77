/**
 * Invites as people pass them on: one line, or a link to a page that ends in one. What
 * is in a line belongs to the contract, `Invite` in `proto/chat.proto`.
 */

const LINE = /\bwsp:[A-Za-z0-9_-]+/;
const LINK = "#invite=";
const ROOM_TAG = 0x0a;

/** Find the invite in what was typed, pasted or opened; null where there is none. */
export function inviteIn(text) {
  return LINE.exec(decoded(text))?.[0] ?? null;
}

/** Make a link that opens a page with an invite; what follows `#` never reaches a server. */
export function inviteLink(pageUrl, invite) {
  return `${pageUrl.replace(/#.*$/, "")}${LINK}${invite}`;
}

/** Read the name of the room; "" where the line does not begin with one. */
export function roomOfInvite(invite) {
  const bytes = bytesOf(invite.slice("wsp:".length));
  if (bytes[0] !== ROOM_TAG) return "";
  const { value: size, next } = varintAt(bytes, 1);
  if (next + size > bytes.length) return "";
  return new TextDecoder().decode(Uint8Array.from(bytes.slice(next, next + size)));
}

/** Say what came of an invite; `name` names peers. */
export function acceptedText({ room, peer, failure }, name) {
  const place = `You are in ${room.name}.`;
  return failure ? `${place} ${sentence(failure)}` : `${place} ${connectedText(peer, name)}`;
}

/** Say how a peer is connected. */
export function connectedText({ peer_id: peerId, connection }, name) {
  if (connection?.kind !== "relayed") return `Connected directly to ${name(peerId)}.`;
  const relay = connection.relay_id ? ` ${name(connection.relay_id)}` : "";
  return `Connected to ${name(peerId)} over the relay${relay}.`;
}

function sentence(text) {
  const words = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function bytesOf(base64url) {
  try {
    const text = atob(base64url.replace(/-/g, "+").replace(/_/g, "/"));
    return [...text].map((char) => char.charCodeAt(0));
  } catch {
    return [];
  }
}

/** Read a protobuf length; a name has at most 256 bytes, so two bytes are enough. */
function varintAt(bytes, at) {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { value: first, next: at + 1 };
  return { value: (first & 0x7f) + (bytes[at + 1] ?? 0) * 0x80, next: at + 2 };
}
