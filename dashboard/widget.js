// The frame of every widget: its heading, and what it says while it waits, when there is nothing,
// and when the host refuses.

import { fill, h, newId } from "./dom.js";

export class Widget {
  #status = h("div", { class: "status", role: "status" });
  #drawn = false;

  /** `controls` stand beside the heading; `name` is what style sheets and tests call it. */
  constructor(name, title, { controls = [], note = null, wide = false } = {}) {
    const id = newId("widget");
    this.title = h("h2", { id }, title);
    this.body = h("div", { class: "body" });
    this.element = h(
      "section",
      { class: wide ? "card wide" : "card", "data-widget": name, "aria-labelledby": id },
      h("div", { class: "head" }, this.title, ...controls),
      note && h("p", { class: "note" }, note),
      this.#status,
      this.body,
    );
  }

  /**
   * Ask, then draw what came; `draw` gives false when that is nothing. What was drawn before stays,
   * standing back, until there is something new. Gives whether it has come to an end.
   */
  async load(signal, ask, draw, empty = "Nothing in this period.") {
    this.element.setAttribute("aria-busy", "true");
    if (!this.#drawn) this.#say(skeleton());
    try {
      const answer = await ask(signal);
      if (signal.aborted) return false;
      this.#drawn = draw(answer) !== false;
      if (this.#drawn) this.#say();
      else this.#say(h("p", { class: "empty" }, empty));
      this.body.hidden = !this.#drawn;
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted) return false;
      if (error.name !== "Refused" && error.status === undefined) console.error(error);
      this.#drawn = false;
      this.body.hidden = true;
      this.#say(
        h("p", { class: "error" }, error.message),
        h(
          "button",
          { type: "button", onclick: () => this.load(signal, ask, draw, empty) },
          "Try again",
        ),
      );
    }
    this.element.setAttribute("aria-busy", "false");
    return true;
  }

  #say(...words) {
    fill(this.#status, ...words);
  }
}

function skeleton() {
  return h(
    "div",
    { class: "skeleton" },
    h("span", { class: "unseen" }, "Loading"),
    ...Array.from({ length: 3 }, () => h("span", { class: "bone" })),
  );
}
