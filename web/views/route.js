/**
 * The room in the page's address, so that a reload and a bookmark lead back to it; or
 * the invite that somebody sent as a link.
 */
import { keyOfPeer, peerOfKey } from "../model/places.js";
import { inviteIn } from "../model/invites.js";

const PREFIX = "#room=";
const PEER_PREFIX = "#peer=";
const INVITE_PREFIX = "#invite=";

function hashOf(key) {
  const peerId = peerOfKey(key);
  return peerId === null ? PREFIX + encodeURIComponent(key) : PEER_PREFIX + encodeURIComponent(peerId);
}

export const route = {
  /** Return the key of the conversation that the address names, or null. */
  get room() {
    if (location.hash.startsWith(PEER_PREFIX)) return keyOfPeer(location.hash.slice(PEER_PREFIX.length));
    if (!location.hash.startsWith(PREFIX)) return null;
    try {
      return decodeURIComponent(location.hash.slice(PREFIX.length)) || null;
    } catch {
      return null;
    }
  },

  /** Return the invite that the address holds, or null. */
  get invite() {
    return location.hash.startsWith(INVITE_PREFIX) ? inviteIn(location.hash) : null;
  },

  /** Show a room in the address, so that Back leads to the one before; an invite is not gone back to. */
  show(room) {
    const hash = hashOf(room);
    if (hash === location.hash) return;
    if (location.hash.startsWith(PREFIX) || location.hash.startsWith(PEER_PREFIX)) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
  },

  /** Name the first room in an address that names nothing yet, so that Back leads to it too. */
  begin(room) {
    if (!location.hash) history.replaceState(null, "", hashOf(room));
  },

  /** Call `changed()` when somebody changes the address, or goes back. */
  watch(changed) {
    window.addEventListener("popstate", changed);
  },
};
