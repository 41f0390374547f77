/** Announces messages outside of the page: as notifications, and by a count in the page's icon. */
import { announcementOf } from "../model/announcements.js";
import { unreadIn } from "../model/entries.js";

const PLAIN_ICON = "icon.svg";

/** @param preferences a `PreferenceStore`; enter(key) shows a conversation */
export function mountAnnouncing(chat, preferences, enter) {
  const announce = (frame) => {
    if (document.visibilityState === "visible" || !isAllowed()) return;
    const found = announcementOf(chat, frame, preferences.values.notify);
    if (found) notify(found, enter);
  };
  let shown = -1;
  const render = () => {
    const unread = unreadIn(chat);
    if (unread === shown) return;
    shown = unread;
    document.querySelector("link[rel=icon]").setAttribute("href", unread > 0 ? iconWith(unread) : PLAIN_ICON);
    if (navigator.setAppBadge) navigator.setAppBadge(unread).catch(() => undefined);
  };
  return { announce, render };
}

function isAllowed() {
  return typeof Notification === "function" && Notification.permission === "granted";
}

/** Some browsers leave notifications to the service worker: there is none to open then. */
function notify({ key, title, body }, enter) {
  try {
    const notification = new Notification(title, { body, tag: key, icon: PLAIN_ICON });
    notification.onclick = () => {
      window.focus();
      enter(key);
      notification.close();
    };
  } catch {
    navigator.serviceWorker?.ready.then((worker) => worker.showNotification(title, { body, tag: key, icon: PLAIN_ICON }));
  }
}

/** The icon with a number, as a picture that needs no request. */
function iconWith(unread) {
  const text = unread > 99 ? "99" : String(unread);
  const mark = `<circle cx="22" cy="10" r="10" fill="#c62828"/><text x="22" y="15" font-family="sans-serif" font-size="${text.length > 1 ? 12 : 15}" font-weight="700" text-anchor="middle" fill="#fff">${text}</text>`;
  const square = `<rect width="32" height="32" rx="8" fill="#0b6e69"/>`;
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${square}${mark}</svg>`)}`;
}
