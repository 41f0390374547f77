/** The room in the page's address, so that a reload and a bookmark lead back to it. */

const PREFIX = "#room=";

export function roomFromHash() {
  if (!location.hash.startsWith(PREFIX)) return null;
  try {
    return decodeURIComponent(location.hash.slice(PREFIX.length)) || null;
  } catch {
    return null;
  }
}

export function showRoomInAddress(room) {
  history.replaceState(null, "", PREFIX + encodeURIComponent(room));
}
