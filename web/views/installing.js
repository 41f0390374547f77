/** Lets the browser install the page: its shell is kept by a service worker. */

const WORKER = "sw.js";

/** A service worker's address is one that Trusted Types guards: the only one there ever is. */
export function keepShell() {
  if (!navigator.serviceWorker || !window.isSecureContext) return;
  const policy = window.trustedTypes?.createPolicy("wsp-shell", { createScriptURL: () => WORKER });
  navigator.serviceWorker.register(policy ? policy.createScriptURL("") : WORKER).catch(() => undefined);
}
