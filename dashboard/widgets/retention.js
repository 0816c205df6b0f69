// Who comes back, by when they began: a row for each cohort, a column for each interval after it.

import { choice, fill, h } from "../dom.js";
import { day, number, rate } from "../format.js";
import { bounds } from "../period.js";
import { Widget } from "../widget.js";

const INTERVALS = [
  ["day", "Day"],
  ["week", "Week"],
  ["month", "Month"],
];
const COLUMNS = 12;
const ROWS = 24;

export class Retention {
  keys = ["tenant", "tz", "period", "interval"];
  #context;
  #intervals = h("div");
  #widget;

  constructor(context) {
    this.#context = context;
    this.#widget = new Widget("retention", "Retention", {
      wide: true,
      controls: [this.#intervals],
      note: "Of the users whose first event ever was in the interval, those who came back later.",
    });
    this.element = this.#widget.element;
  }

  update({ tenant, tz, period, interval }, signal) {
    const chosen = interval || intervalOf(period);
    fill(
      this.#intervals,
      choice("Intervals", INTERVALS, chosen, (next) => this.#context.go({ interval: next })),
    );
    const parameters = {
      ...bounds(period),
      time_zone: tz,
      tenant_id: tenant,
      interval: chosen,
      intervals: COLUMNS,
      limit: ROWS,
    };
    return this.#widget.load(
      signal,
      () => this.#context.api.read("retention", parameters, { signal }),
      (rows) => this.#draw(rows, chosen),
      "Nobody began in this period.",
    );
  }

  #draw(rows, interval) {
    const cohorts = Map.groupBy(rows, ({ cohort }) => cohort);
    const shown = [...cohorts].filter(([, cells]) => cells[0].cohort_size > 0);
    if (shown.length === 0) return false;
    const width = Math.max(...shown.map(([, cells]) => cells.length));
    const numbers = Array.from({ length: width }, (_, index) => index);
    const name = interval[0].toUpperCase() + interval.slice(1);
    const head = h(
      "tr",
      {},
      h("th", { scope: "col" }, `${name} of the first event`),
      h("th", { scope: "col" }, "Users"),
      ...numbers.map((index) => h("th", { scope: "col" }, `${name} ${index}`)),
    );
    const lines = shown.map(([cohort, cells]) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, cohortName(cohort, interval)),
        h("td", { class: "size" }, number(cells[0].cohort_size)),
        ...cells.map(cell),
      ),
    );
    fill(
      this.#widget.body,
      h(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "Retention" },
        h("table", { class: "grid" }, h("thead", {}, head), h("tbody", {}, ...lines)),
      ),
    );
    return true;
  }
}

function cell({ unique_users, retention_rate, is_partial, interval_number }) {
  const users = `${number(unique_users)} ${unique_users === 1 ? "user" : "users"}`;
  const element = h(
    "td",
    {
      class: is_partial ? "heat partial" : "heat",
      title: is_partial ? `${users}, and it is not over` : users,
      "data-interval": interval_number,
    },
    rate(retention_rate),
  );
  element.style.setProperty("--rate", retention_rate);
  return element;
}

function intervalOf({ days }) {
  if (days <= 14) return "day";
  return days <= 100 ? "week" : "month";
}

function cohortName(cohort, interval) {
  return interval === "month" ? day(cohort, { month: "long", year: "numeric" }) : day(cohort);
}
