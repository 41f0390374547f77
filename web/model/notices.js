/** What the banners say: the worst of the link first, then what is missing. */
import { AWAY_NOTICE_AFTER_MS } from "../limits.js";

/** List the banners that are due at a moment: `{kind, text, action}`. */
export function noticesOf(chat, now) {
  return [linkNotice(chat, now), storageNotice(chat.node?.storage), gapNotice(chat.gap)].filter(Boolean);
}

function linkNotice(chat, now) {
  const { state, retryTime, awaySince, isTokenWanted } = chat.link;
  if (state !== "open") {
    if (isTokenWanted || now - awaySince < AWAY_NOTICE_AFTER_MS) return null;
    const text = `The gateway is away. ${whenTried(state, retryTime - now)} ${KEPT}`;
    return { kind: "gateway-away", text, action: "retry" };
  }
  if (chat.nodeState === "away") {
    return { kind: "node-away", text: `The node is away. ${KEPT}`, action: null };
  }
  return null;
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
  failed: "The node's disk does not keep messages. What you write waits here until the node is mended.",
};

function gapNotice(gap) {
  if (!gap) return null;
  const { missing } = gap;
  const which = missing > 0 ? `${missing} message${missing === 1 ? "" : "s"}` : "Some messages";
  const verb = missing > 0 ? (missing === 1 ? "is" : "are") : "may be";
  return { kind: "gap", text: `${which} ${verb} missing here. ${WHY[gap.reason] ?? ""}`.trim(), action: "dismiss" };
}

const WHY = {
  expired: "The node no longer kept them.",
  unknown_cursor: "The node has begun a new log.",
};
