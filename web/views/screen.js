/** Draws what changed, once a frame however much came in. */
import { reportError } from "./failures.js";

export class Screen {
  #views = [];
  #touched = new Set();
  #isDue = false;

  /** Draw a view whenever one of the topics changed. */
  add(topics, render) {
    this.#views.push({ topics, render });
  }

  touch(topics) {
    for (const topic of topics) this.#touched.add(topic);
    if (this.#isDue || this.#touched.size === 0) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.draw());
  }

  /** Draw now what is due; a view that fails does not keep the others from it. */
  draw() {
    const touched = this.#touched;
    this.#touched = new Set();
    this.#isDue = false;
    for (const { topics, render } of this.#views) {
      if (topics.some((topic) => touched.has(topic))) attempt(render);
    }
  }
}

function attempt(render) {
  try {
    render();
  } catch (error) {
    reportError(error);
  }
}
