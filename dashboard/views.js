// Which widgets stand in each view.

import { h } from "./dom.js";
import { Funnel } from "./widgets/funnel.js";
import { Kpis } from "./widgets/kpis.js";
import { Live } from "./widgets/live.js";
import { Ranking } from "./widgets/ranking.js";
import { Retention } from "./widgets/retention.js";
import { Series } from "./widgets/series.js";
import { SessionList } from "./widgets/session_list.js";
import { SessionTimeline } from "./widgets/session_timeline.js";

const RANKED = ["pages", "sources", "events", "places", "devices", "apps"];

const WIDGETS = {
  overview: (context) => [
    new Live(context),
    new Kpis(context),
    new Series(context),
    ...RANKED.map((key) => new Ranking(context, key)),
  ],
  funnel: (context) => [new Funnel(context)],
  retention: (context) => [new Retention(context)],
  sessions: (context) => [new SessionList(context), new SessionTimeline(context)],
};

/** A view: all its widgets ask at the same time, and again only for what has changed. */
export class View {
  #widgets;
  #asked = new Map();

  constructor(name, context) {
    this.name = name;
    this.#widgets = WIDGETS[name](context);
    this.element = h("div", { class: `view ${name}` }, ...this.#widgets.map((w) => w.element));
  }

  update(query) {
    for (const widget of this.#widgets) {
      const key = JSON.stringify(widget.keys.map((name) => query[name]));
      const before = this.#asked.get(widget);
      if (before?.key === key) continue;
      before?.controller.abort();
      const controller = new AbortController();
      this.#asked.set(widget, { key, controller });
      widget.update(query, controller.signal);
    }
  }

  destroy() {
    for (const { controller } of this.#asked.values()) controller.abort();
    for (const widget of this.#widgets) widget.destroy?.();
    this.element.remove();
  }
}
