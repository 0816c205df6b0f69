// The key figures of the period's sessions, and how they have changed.

import { fill, h } from "../dom.js";
import { average, change, duration, number, rate } from "../format.js";
import { bounds } from "../period.js";
import { Widget } from "../widget.js";

/** Column, name, how to write it, and whether more of it is better. */
const FIGURES = [
  ["session_count", "Sessions", number, true],
  ["unique_users", "Users", number, true],
  ["page_view_count", "Page views", number, true],
  ["events_per_session", "Events per session", average, true],
  ["median_duration_seconds", "Median duration", duration, true],
  ["bounce_rate", "Bounce rate", rate, false],
];

export class Kpis {
  keys = ["tenant", "tz", "period"];
  #context;
  #widget = new Widget("kpis", "Key figures", { wide: true });

  constructor(context) {
    this.#context = context;
    this.element = this.#widget.element;
  }

  update({ tenant, tz, period }, signal) {
    const parameters = {
      ...bounds(period),
      time_zone: tz,
      tenant_id: tenant,
      compare: "previous",
    };
    return this.#widget.load(
      signal,
      () => this.#context.api.read("session_kpis", parameters, { signal }),
      (rows) => this.#draw(rows),
    );
  }

  #draw(rows) {
    const [current, previous, changes] = ["current", "previous", "change"].map((period) =>
      rows.find((row) => row.period === period),
    );
    const figures = FIGURES.map(([column, name, write, more]) => {
      const by = changes[column];
      const trend = !by ? "same" : by > 0 === more ? "better" : "worse";
      const before = `${write(previous[column])} in the period before`;
      return h(
        "div",
        { class: "kpi", "data-kpi": column },
        h("dt", {}, name),
        h("dd", { class: "figure" }, write(current[column])),
        h(
          "dd",
          { class: `delta ${trend}`, title: before },
          by === null ? before : change(by),
          by === null ? null : h("span", { class: "unseen" }, `, ${before}`),
        ),
      );
    });
    fill(this.#widget.body, h("dl", { class: "kpis" }, ...figures));
    return current.session_count > 0 || previous.session_count > 0;
  }
}
