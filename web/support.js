/*
 * Says in plain words that a browser is too old for this page, or that the page
 * did not arrive whole. A classic script in the oldest syntax, so that every
 * browser runs it; it needs nothing of the page's modules.
 */
(function () {
  var NEEDED = {
    WebSocket: window.WebSocket,
    fetch: window.fetch,
    URL: window.URL,
    Promise: window.Promise,
    Map: window.Map,
    TextEncoder: window.TextEncoder,
    "Intl.DateTimeFormat": window.Intl && window.Intl.DateTimeFormat,
    "crypto.getRandomValues": window.crypto && window.crypto.getRandomValues,
    matchMedia: window.matchMedia,
    requestAnimationFrame: window.requestAnimationFrame,
    "Array.prototype.flatMap": Array.prototype.flatMap,
    "Object.entries": Object.entries,
    "Element.prototype.append": window.Element && window.Element.prototype.append,
    "Element.prototype.replaceChildren": window.Element && window.Element.prototype.replaceChildren,
  };
  var failure = "";

  /* The theme that was chosen, before anything is drawn. */
  try {
    var theme = JSON.parse(window.localStorage.getItem("wsp.preferences")).theme;
    if (theme === "dark" || theme === "light") document.documentElement.setAttribute("data-theme", theme);
  } catch (error) {
    if (error instanceof SyntaxError) window.localStorage.removeItem("wsp.preferences");
  }

  function missing() {
    var names = [];
    for (var name in NEEDED) {
      if (typeof NEEDED[name] !== "function") names.push(name);
    }
    return names;
  }

  function say(text) {
    var place = document.getElementById("unsupported");
    place.textContent = text;
    place.removeAttribute("hidden");
  }

  function look() {
    var names = missing();
    if (names.length > 0) {
      say("This browser is too old for this page: it has no " + names.join(", ") + ". Please update it, or use another one.");
    } else if (document.documentElement.getAttribute("data-started") === null) {
      say("This page could not start" + (failure && " (" + failure + ")") + ". Please reload it. If that does not help, the browser is too old for it: update it, or use another one.");
    }
  }

  window.addEventListener("error", function (event) {
    failure = failure || event.message || "";
  });
  window.addEventListener("load", look);
})();
