/** The room in the page's address, so that a reload and a bookmark lead back to it. */

export function roomFromHash() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return null;
  }
}

export function showRoomInAddress(room) {
  history.replaceState(null, "", `#${encodeURIComponent(room)}`);
}
