/** The room in the page's address, so that a reload and a bookmark lead back to it. */

const PREFIX = "#room=";

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

  show(room) {
    history.replaceState(null, "", PREFIX + encodeURIComponent(room));
  },

  /** Call `changed()` when somebody changes the address. */
  watch(changed) {
    window.addEventListener("hashchange", changed);
  },
};
