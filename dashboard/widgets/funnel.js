// How many go through a sequence of events, which the person puts together.

import { choice, fill, h, labelled, newId, select } from "../dom.js";
import { duration, number, rate } from "../format.js";
import { bounds } from "../period.js";
import { Widget } from "../widget.js";

const UNITS = [
  ["user", "Users"],
  ["session", "Sessions"],
];
const WINDOWS = [
  ["3600", "Within an hour"],
  ["86400", "Within a day"],
  ["604800", "Within 7 days"],
  ["2592000", "Within 30 days"],
];
const FIRST = 3;
const FEWEST = 2;
const MOST = 8;

export class Funnel {
  keys = ["tenant", "tz", "period", "steps", "unit", "window"];
  #context;
  #builder = h("ol", { class: "steps" });
  #form;
  #widget = new Widget("funnel", "Funnel");
  #types = [];

  constructor(context) {
    this.#context = context;
    const { unit, window } = context.state;
    this.#form = h(
      "div",
      { class: "builder" },
      this.#builder,
      h(
        "div",
        { class: "row" },
        choice("Whose steps", UNITS, unit, (chosen) => context.go({ unit: chosen })),
        labelled(
          "All steps",
          select(WINDOWS, window, (chosen) => context.go({ window: chosen })),
          { hidden: true },
        ),
      ),
    );
    this.element = h("div", { class: "beside" }, this.#frame(), this.#widget.element);
  }

  async update(query, signal) {
    const { tenant, tz, period, unit, window } = query;
    const shared = { ...bounds(period), time_zone: tz, tenant_id: tenant };
    const { api } = this.#context;
    return this.#widget.load(
      signal,
      async () => {
        const types = await api.read(
          "event_breakdown",
          { ...shared, by: "event_type", limit: 200 },
          { signal },
        );
        this.#types = types
          .filter(({ is_other, value }) => !is_other && value && !value.includes(","))
          .map(({ value }) => value);
        const steps = chosenSteps(query.steps, this.#types);
        if (!signal.aborted) this.#showBuilder(steps);
        if (steps.length < FEWEST) return [];
        const asked = { ...shared, steps: steps.join(","), unit, window };
        return api.read("funnel", asked, { signal });
      },
      (rows) => this.#draw(rows),
      "Nobody did these in this period. Choose two steps or more, or other days.",
    );
  }

  #frame() {
    const id = newId("funnel");
    return h(
      "section",
      { class: "card", "aria-labelledby": id },
      h("div", { class: "head" }, h("h2", { id }, "Steps")),
      h("p", { class: "note" }, "Those who do these, one after the other, are counted."),
      this.#form,
    );
  }

  #showBuilder(steps) {
    const focused = document.activeElement?.dataset.focus;
    const go = (changed) => this.#context.go({ steps: changed.join(",") });
    const options = (step) =>
      [...new Set([step, ...this.#types])].map((type) => [type, type]);
    const lines = steps.map((step, index) => {
      const field = select(
        options(step),
        step,
        (type) => go(steps.with(index, type)),
        { "aria-label": `Step ${index + 1}`, "data-focus": `step-${index}` },
      );
      return h(
        "li",
        {},
        field,
        button("Move up", "↑", `up-${index}`, index === 0, () => go(moved(steps, index, -1))),
        button("Remove", "×", `remove-${index}`, steps.length <= FEWEST, () =>
          go(steps.toSpliced(index, 1)),
        ),
      );
    });
    const unused = this.#types.find((type) => !steps.includes(type));
    const add = h(
      "button",
      {
        type: "button",
        class: "add",
        "data-focus": "add",
        disabled: steps.length >= MOST || this.#types.length === 0,
        onclick: () => go([...steps, unused ?? this.#types[0]]),
      },
      "Add a step",
    );
    fill(this.#builder, ...lines, h("li", { class: "last" }, add));
    if (focused) this.#builder.querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  #draw(rows) {
    const lines = rows.map((row) => {
      const bar = h("span", { class: "funnelbar", "aria-hidden": "true" });
      bar.style.width = `${100 * (row.conversion_rate ?? 0)}%`;
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, h("span", { class: "step" }, number(row.step)), row.event_type),
        h("td", { class: "track" }, bar),
        h("td", { class: "strong" }, number(row.unit_count)),
        h("td", {}, rate(row.conversion_rate)),
        h("td", {}, row.step === 1 ? "" : rate(row.step_conversion_rate)),
        h("td", {}, row.step === 1 ? "" : number(row.drop_off_count)),
        h("td", {}, row.step === 1 ? "" : duration(row.median_seconds)),
      );
    });
    const unit = rows[0]?.unit === "session" ? "Sessions" : "Users";
    const heads = ["Step", "", unit, "Of all", "Of the step before", "Left", "Median time"];
    fill(
      this.#widget.body,
      h(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "Funnel" },
        h(
          "table",
          { class: "funnel" },
          h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", {}, ...lines),
        ),
      ),
    );
    return rows.some(({ unit_count }) => unit_count > 0);
  }
}

function chosenSteps(text, types) {
  const steps = text.split(",").filter(Boolean);
  return steps.length > 0 ? steps.slice(0, MOST) : types.slice(0, FIRST);
}

function moved(steps, index, by) {
  return steps.with(index + by, steps[index]).with(index, steps[index + by]);
}

function button(label, text, focus, disabled, onclick) {
  return h(
    "button",
    { type: "button", class: "icon", "aria-label": label, "data-focus": focus, disabled, onclick },
    text,
  );
}
