/** What the banners say: the worst of the link first, then what is missing. */
import { shortId } from "./author.js";
import { UNREACHABLE_NOTICE_AFTER_MS } from "./limits.js";

/** List the banners that are due at a moment: `{kind, text, action}`. */
export function noticesOf(chat, now) {
  const { link, node, gap, failure, lookalike } = chat;
  const ofNode = [storageNotice(node?.storage), ...(node?.warnings ?? []).map(warningNotice)];
  return [failureNotice(failure), linkNotice(chat, link, now), ...ofNode, gapNotice(gap), lookalikeNotice(lookalike)].filter(Boolean);
}

function failureNotice(failure) {
  if (failure === null) return null;
  const text = `Something on this page failed (${failure}). What you write is kept. If a reload does not help, update the browser.`;
  return { kind: "failure", text, action: "reload" };
}

function linkNotice({ nodeState }, link, now) {
  const { state, retryTime, closedSince, refusal, isTokenWanted } = link;
  if (state === "open") return nodeState === "away" ? { kind: "node-unreachable", text: `The node is away. ${KEPT}`, action: null } : null;
  if (isTokenWanted || now - closedSince < UNREACHABLE_NOTICE_AFTER_MS) return null;
  const when = whenTried(state, retryTime - now);
  if (refusal) {
    const text = `The gateway does not let this page in: ${sentence(refusal.message || refusal.reason)} ${when}`;
    return { kind: "gateway-refuses", text, action: "retry" };
  }
  return { kind: "gateway-unreachable", text: `The gateway is away. ${when} ${KEPT}`, action: "retry" };
}

function sentence(text) {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

const KEPT = "What you write is kept and sent when it is back.";

function whenTried(state, leftMs) {
  const seconds = Math.ceil(leftMs / 1_000);
  return state === "connecting" || seconds <= 0 ? "Trying…" : `Trying again in ${seconds} s.`;
}

function storageNotice(storage) {
  const text = STORAGE[storage?.state];
  return text ? { kind: "storage", text, action: null } : null;
}

const STORAGE = {
  full: "The node's disk is full. What you write waits here and is sent when there is room.",
  failed: "The node's disk does not keep messages. What you write waits here until the node is repaired.",
};

/** What cannot be right at the node; its operator reads it here as well. */
function warningNotice({ reason, message }) {
  return { kind: `warning-${reason}`, text: `The node warns: ${sentence(message || reason)}`, action: null };
}

function gapNotice(gap) {
  if (!gap) return null;
  const { missing } = gap;
  const which = missing > 0 ? `${missing} message${missing === 1 ? "" : "s"}` : "Some messages";
  const verb = missing > 0 ? (missing === 1 ? "is" : "are") : "may be";
  return { kind: "gap", text: `${which} ${verb} missing here. ${WHY[gap.reason] ?? ""}`.trim(), action: "dismiss" };
}

/** Anybody may take any name: whoever may be taken for another one is pointed out. */
function lookalikeNotice(profile) {
  if (!profile) return null;
  const text = `Somebody new is called ${profile.name}, like somebody you know. It may be another person: this one is ${shortId(profile.peer_id)}.`;
  return { kind: "lookalike", text, action: "dismiss" };
}

const WHY = {
  expired: "The node no longer kept them.",
  unknown_cursor: "The node has begun a new log.",
  not_stored: "The node could not store them.",
};
