// Sessions, events and users over time, with the period before behind them.

import { TimeChart } from "../chart.js";
import { choice, fill, h } from "../dom.js";
import { intervalLabel, number, short } from "../format.js";
import { before, bounds, intervalFor } from "../period.js";
import { Widget } from "../widget.js";

const METRICS = [
  ["sessions", "Sessions", "session_count"],
  ["events", "Events", "event_count"],
  ["users", "Users", "unique_users"],
];

export class Series {
  keys = ["tenant", "tz", "period", "metric"];
  #context;
  #widget;
  #chart = new TimeChart("line");

  constructor(context) {
    this.#context = context;
    const metrics = choice("What to count", METRICS, context.state.metric, (metric) =>
      context.go({ metric }),
    );
    this.#widget = new Widget("series", "Over time", { wide: true, controls: [metrics] });
    this.element = this.#widget.element;
    const legend = h(
      "p",
      { class: "legend" },
      h("span", { class: "key main" }, "This period"),
      h("span", { class: "key earlier" }, "The period before"),
    );
    fill(this.#widget.body, legend, this.#chart.element);
  }

  update({ tenant, tz, period, metric }, signal) {
    const interval = intervalFor(period);
    const read = (of) =>
      this.#context.api.read(
        "event_series",
        { ...bounds(of), interval, time_zone: tz, tenant_id: tenant },
        { signal },
      );
    return this.#widget.load(
      signal,
      () => Promise.all([read(period), read(before(period))]),
      ([now, earlier]) => this.#draw(now, earlier, interval, metric),
    );
  }

  destroy() {
    this.#chart.destroy();
  }

  #draw(now, earlier, interval, metric) {
    const [, name, column] = METRICS.find(([key]) => key === metric) ?? METRICS[0];
    const values = now.map((row) => row[column]);
    const previous = now.map((_, index) => earlier[index]?.[column] ?? null);
    if (![...values, ...previous].some((value) => value > 0)) return false;
    const partial = now.findIndex((row, index) => index > 0 && row.is_partial === 1);
    this.#chart.draw({
      labels: now.map((row) => intervalLabel(row.local_start, interval)),
      series: [
        { label: "This period", values, kind: "main" },
        { label: "The period before", values: previous, kind: "earlier" },
      ],
      heading: interval[0].toUpperCase() + interval.slice(1),
      summary: `${name} by ${interval}, ${number(now.length)} of them, beside the period before`,
      format: short,
      partialFrom: partial < 0 ? Infinity : partial,
    });
    return true;
  }
}
