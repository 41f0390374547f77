/*
 * Keeps the page's own files, so that it opens while the gateway is away. Nothing that
 * is said, and no answer of the gateway, is ever stored: only the shell. The gateway is
 * asked first each time, so that no page is older than it has to be.
 */
const SHELL = "wsp-shell-1";
const NOT_SHELL = /^\/(?:api|ws|healthz|readyz|metrics|asyncapi|openapi)/;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method === "GET" && url.origin === self.location.origin && !NOT_SHELL.test(url.pathname)) {
    event.respondWith(fromGateway(request));
  }
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(showPage());
});

async function fromGateway(request) {
  const shell = await caches.open(SHELL);
  try {
    const answer = await fetch(request);
    if (answer.ok) await shell.put(request, answer.clone());
    return answer;
  } catch (error) {
    const kept = await shell.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

async function showPage() {
  const [page] = await self.clients.matchAll({ type: "window" });
  return page ? page.focus() : self.clients.openWindow("./");
}
