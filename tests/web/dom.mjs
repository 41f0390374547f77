/**
 * A document small enough to read, for the tests of single views: elements, attributes,
 * events and the selectors that the page uses. It has no layout. What depends on a
 * browser is tested in one, by tests/e2e.
 */
import { readFileSync } from "node:fs";

const INDEX = new URL("../../web/index.html", import.meta.url);
const VOID = new Set(["input", "link", "meta", "img", "path", "use"]);
const REFLECTED = ["title", "type", "id", "name", "placeholder", "href", "dateTime"];
const ATTRIBUTE_OF = { dateTime: "datetime" };

class Events {
  #listeners = [];

  addEventListener(type, listener, options = false) {
    this.#listeners.push({ type, listener, capture: options === true });
  }

  /** Fire an event by its type, or one that was made; return it. */
  fire(type, fields = {}) {
    const event = { type, target: this, bubbles: true, isStopped: false, defaultPrevented: false, ...fields };
    event.preventDefault = () => (event.defaultPrevented = true);
    event.stopImmediatePropagation = () => (event.isStopped = true);
    const path = [];
    for (let one = this; one; one = one.parentNode) path.push(one);
    for (const one of [...path].reverse()) one.hear(event, true);
    for (const one of path) one.hear(event, false);
    return event;
  }

  hear(event, capture) {
    for (const one of this.#listeners) {
      if (!event.isStopped && one.type === event.type && one.capture === capture) one.listener(event);
    }
  }
}

class Text {
  constructor(text) {
    this.textContent = text;
  }
}

class Element extends Events {
  #attributes = new Map();
  childNodes = [];
  parentNode = null;
  hidden = false;
  inert = false;
  value = "";
  scrollTop = 0;
  scrollHeight = 0;
  clientHeight = 0;

  constructor(name, document) {
    super();
    this.localName = name;
    this.ownerDocument = document;
    this.style = { setProperty: (property, value) => (this.style[property] = value) };
    this.dataset = new Proxy({}, {
      get: (_, key) => this.getAttribute(dataName(key)) ?? undefined,
      set: (_, key, value) => (this.setAttribute(dataName(key), value), true),
      deleteProperty: (_, key) => (this.removeAttribute(dataName(key)), true),
    });
    this.classList = {
      contains: (one) => this.#classes.has(one),
      toggle: (one, isOn) => {
        const classes = this.#classes;
        if (isOn) classes.add(one);
        else classes.delete(one);
        this.setAttribute("class", [...classes].join(" "));
      },
    };
  }

  get #classes() {
    return new Set((this.getAttribute("class") ?? "").split(/\s+/).filter(Boolean));
  }

  setAttribute(name, value) {
    this.#attributes.set(name, String(value));
    if (name === "hidden") this.hidden = true;
  }

  getAttribute(name) {
    return this.#attributes.get(name) ?? null;
  }

  removeAttribute(name) {
    this.#attributes.delete(name);
    if (name === "hidden") this.hidden = false;
  }

  get children() {
    return this.childNodes.filter((one) => one instanceof Element);
  }

  get firstChild() {
    return this.childNodes[0] ?? null;
  }

  get firstElementChild() {
    return this.children[0] ?? null;
  }

  get nextElementSibling() {
    const siblings = this.parentNode?.children ?? [];
    return siblings[siblings.indexOf(this) + 1] ?? null;
  }

  get isConnected() {
    return this === this.ownerDocument.documentElement || Boolean(this.parentNode?.isConnected);
  }

  get textContent() {
    return this.childNodes.map((one) => one.textContent).join("");
  }

  set textContent(text) {
    this.replaceChildren(...(text === "" ? [] : [text]));
  }

  append(...nodes) {
    for (const one of nodes) this.#insert(one, this.childNodes.length);
  }

  prepend(...nodes) {
    for (const one of nodes.reverse()) this.#insert(one, 0);
  }

  insertBefore(node, next) {
    node.remove?.();
    this.#insert(node, next ? this.childNodes.indexOf(next) : this.childNodes.length);
  }

  replaceChildren(...nodes) {
    for (const one of this.childNodes) one.parentNode = null;
    this.childNodes = [];
    this.append(...nodes);
  }

  replaceWith(node) {
    this.parentNode.insertBefore(node, this);
    this.remove();
  }

  remove() {
    const siblings = this.parentNode?.childNodes;
    if (siblings) siblings.splice(siblings.indexOf(this), 1);
    this.parentNode = null;
  }

  #insert(node, index) {
    const one = typeof node === "object" ? node : new Text(String(node));
    const isBehind = one.parentNode === this && this.childNodes.indexOf(one) < index;
    one.remove?.();
    this.childNodes.splice(isBehind ? index - 1 : index, 0, one);
    one.parentNode = this;
  }

  get all() {
    return this.children.flatMap((one) => [one, ...one.all]);
  }

  matches(selector) {
    const [, name, rest] = /^([a-z0-9]*)(.*)$/i.exec(selector);
    if (name && name !== this.localName) return false;
    return [...rest.matchAll(/\.([\w-]+)|#([\w-]+)|\[([\w-]+)(?:=['"]?([^\]'"]*)['"]?)?\]/g)].every(([, cls, id, attribute, value]) => {
      if (cls) return this.classList.contains(cls);
      if (id) return this.getAttribute("id") === id;
      const found = this.getAttribute(attribute);
      return value === undefined ? found !== null : found === value;
    });
  }

  contains(node) {
    return node === this || this.all.includes(node);
  }

  querySelectorAll(selector) {
    return this.all.filter((one) => one.matches(selector));
  }

  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null;
  }

  focus() {
    this.ownerDocument.activeElement = this;
  }

  select() {}

  click() {
    return this.fire("click");
  }

  getBoundingClientRect() {
    return { top: 0, bottom: 0 };
  }
}

for (const property of REFLECTED) {
  const attribute = ATTRIBUTE_OF[property] ?? property;
  Object.defineProperty(Element.prototype, property, {
    get() {
      return this.getAttribute(attribute) ?? "";
    },
    set(value) {
      this.setAttribute(attribute, value);
    },
  });
}

function dataName(key) {
  return `data-${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Read well-formed markup, such as that of index.html, into an element. */
function parseInto(root, markup) {
  let parent = root;
  for (const [, comment, closing, name, attributes, isEmpty, text] of markup.matchAll(
    /<!(.*?)>|<\/([\w]+)>|<([\w]+)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*(\/?)>|([^<]+)/g,
  )) {
    if (comment !== undefined) continue;
    if (text !== undefined) {
      if (text.trim()) parent.append(text);
    } else if (closing) parent = parent.parentNode;
    else {
      const one = new Element(name, root.ownerDocument);
      for (const [, key, value = ""] of attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)) one.setAttribute(key, value);
      parent.append(one);
      if (!VOID.has(name) && !isEmpty) parent = one;
    }
  }
}

/** Put the page's document into the globals; undone when the test ends. */
export function openDocument(context) {
  const document = new Events();
  document.visibilityState = "visible";
  document.activeElement = null;
  document.baseURI = "http://gateway.example:8080/";
  document.title = "";
  document.createElement = (name) => new Element(name, document);
  document.createElementNS = (_, name) => new Element(name, document);
  const root = document.createElement("root");
  root.ownerDocument = document;
  document.documentElement = root;
  parseInto(root, readFileSync(INDEX, "utf8"));
  root.parentNode = document;
  document.getElementById = (id) => root.all.find((one) => one.getAttribute("id") === id) ?? null;
  document.body = root.querySelector("body");
  document.querySelectorAll = (selector) => root.querySelectorAll(selector);
  document.querySelector = (selector) => root.querySelector(selector);
  const window = new Events();
  window.matchMedia = () => new Events();
  define(context, { document, window });
  return document;
}

/** Set globals for the time of a test. */
export function define(context, globals) {
  for (const [name, value] of Object.entries(globals)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    context.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
}
