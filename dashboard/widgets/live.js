// Who is there now, the last half hour minute by minute, and the pages that they are on.

import { TimeChart } from "../chart.js";
import { fill, h } from "../dom.js";
import { number, time } from "../format.js";
import { Widget } from "../widget.js";

const OWN_PACE = 1_000;
const REMOTE_PACE = 5_000;
/** A host that takes long to answer is asked less often. */
const SHARE = 4;

export class Live {
  keys = ["tenant", "tz"];
  #context;
  #widget = new Widget("live", "Right now", { wide: true });
  #chart = new TimeChart("bar");
  #count = h("p", { class: "figure", "data-figure": "live-sessions" });
  #about = h("p", { class: "note" });
  #pages = h("ol", { class: "pages", "aria-label": "Pages that people are on" });
  #timer = null;
  #wake = () => {};

  constructor(context) {
    this.#context = context;
    this.element = this.#widget.element;
    this.#widget.title.prepend(h("span", { class: "pulse", "aria-hidden": "true" }));
    fill(
      this.#widget.body,
      h("div", { class: "now" }, this.#count, this.#about, this.#pages),
      this.#chart.element,
    );
  }

  update(query, signal) {
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#wake = () => document.hidden || this.#poll(query, signal);
    document.addEventListener("visibilitychange", this.#wake, { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
    return this.#poll(query, signal);
  }

  destroy() {
    this.#chart.destroy();
  }

  async #poll(query, signal) {
    clearTimeout(this.#timer);
    const { api, own } = this.#context;
    const started = performance.now();
    const parameters = { tenant_id: query.tenant, limit: 5 };
    const ended = await this.#widget.load(
      signal,
      () => api.read("live_now", parameters, { signal, fresh: true }),
      ([now]) => this.#draw(now, query),
    );
    if (!ended || signal.aborted || document.hidden) return;
    const pause = Math.max(own ? OWN_PACE : REMOTE_PACE, SHARE * (performance.now() - started));
    this.#timer = setTimeout(() => this.#poll(query, signal), pause);
  }

  #draw(now, { tz }) {
    this.#count.textContent = number(now.session_count);
    const minutes = Math.round(now.active_within / 60);
    this.#about.textContent =
      `${now.session_count === 1 ? "session" : "sessions"} in the last ${minutes} minutes · ` +
      `${number(now.unique_users)} ${now.unique_users === 1 ? "user" : "users"} · ` +
      `${number(now.event_count)} ${now.event_count === 1 ? "event" : "events"}`;
    fill(
      this.#pages,
      ...now.pages.map(({ page, session_count }) =>
        h("li", {}, h("span", { class: "page", title: page }, page), h("b", {}, number(session_count))),
      ),
    );
    const values = now.minutes.map(({ session_count }) => session_count);
    this.#chart.draw({
      labels: now.minutes.map(({ minute }) => time(minute, tz, { timeStyle: "short" })),
      series: [{ label: "Sessions", values, kind: "main" }],
      heading: "Minute",
      summary: `Sessions with an event in each of the last ${values.length} minutes`,
      format: number,
      partialFrom: now.minutes.findIndex(({ is_partial }) => is_partial === 1),
    });
  }
}
