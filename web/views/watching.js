/** Whether somebody sees the newest message: the page is in sight and stands at the end. */

/** @param seen is called whenever that is so; returns `render()` */
export function mountWatching(chat, { isAtEnd, seen }) {
  const look = () => {
    chat.isWatching = document.visibilityState === "visible" && document.hasFocus() && isAtEnd();
    if (chat.isWatching) seen();
  };
  document.addEventListener("visibilitychange", look);
  for (const type of ["focus", "blur"]) window.addEventListener(type, look);
  return look;
}
