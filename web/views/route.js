/**
 * The room in the page's address, so that a reload and a bookmark lead back to it; or
 * the invite that somebody sent as a link.
 */
import { inviteIn } from "../model/invites.js";

const PREFIX = "#room=";
const INVITE_PREFIX = "#invite=";

export const route = {
  /** Return the room that the address names, or null. */
  get room() {
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
    const hash = PREFIX + encodeURIComponent(room);
    if (hash === location.hash) return;
    if (location.hash.startsWith(PREFIX)) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
  },

  /** Name the first room in an address that names nothing yet, so that Back leads to it too. */
  begin(room) {
    if (!location.hash) history.replaceState(null, "", PREFIX + encodeURIComponent(room));
  },

  /** Call `changed()` when somebody changes the address, or goes back. */
  watch(changed) {
    window.addEventListener("popstate", changed);
  },
};
