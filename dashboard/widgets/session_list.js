// Sessions, page by page; each opens to what happened in it.

import { fill, h, labelled, select } from "../dom.js";
import { duration, number, time } from "../format.js";
import { bounds } from "../period.js";
import { Widget } from "../widget.js";

const ORDERS = [
  ["start", "Latest first"],
  ["last_activity", "Last active first"],
  ["duration", "Longest first"],
  ["events", "Most events first"],
];
const PAGE = 25;
const COLUMNS = ["Started", "User", "Duration", "Events", "Entry", "Exit", "Referrer", "Device"];

export class SessionList {
  keys = ["tenant", "tz", "period", "order"];
  #context;
  #widget;
  #rows = h("tbody");
  #more = h("button", { type: "button", class: "more" }, "Show more");

  constructor(context) {
    this.#context = context;
    const order = labelled(
      "Order",
      select(ORDERS, context.state.order, (chosen) => context.go({ order: chosen })),
      { hidden: true },
    );
    this.#widget = new Widget("sessions", "Sessions", { wide: true, controls: [order] });
    this.element = this.#widget.element;
    const heads = COLUMNS.map((text) => h("th", { scope: "col" }, text));
    fill(
      this.#widget.body,
      h(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "Sessions" },
        h("table", { class: "list" }, h("thead", {}, h("tr", {}, ...heads)), this.#rows),
      ),
      this.#more,
    );
  }

  update({ tenant, tz, period, order }, signal) {
    const parameters = {
      ...bounds(period),
      time_zone: tz,
      tenant_id: tenant,
      order_by: order,
      limit: PAGE,
    };
    const read = (cursor) =>
      this.#context.api.read("session_list", { ...parameters, cursor }, { signal });
    const show = (rows) => {
      this.#rows.append(...rows.map((row) => this.#line(row, tz)));
      this.#more.hidden = rows.length < PAGE;
      this.#more.onclick = () =>
        this.#widget.load(signal, () => read(rows.at(-1).cursor), show, "");
    };
    return this.#widget.load(
      signal,
      () => read(null),
      (rows) => {
        fill(this.#rows);
        show(rows);
        return rows.length > 0;
      },
    );
  }

  #line(row, tz) {
    const open = h(
      "button",
      {
        type: "button",
        class: "link",
        "data-session": row.session_id,
        onclick: () => this.#context.go({ session: row.session_id, of: row.tenant_id }),
      },
      time(row.session_start, tz, { dateStyle: "medium", timeStyle: "short" }),
    );
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, open),
      h("td", {}, row.user_id || "–"),
      h("td", { class: "count" }, duration(row.session_duration_seconds)),
      h("td", { class: "count" }, number(row.event_count)),
      h("td", { class: "page", title: row.entry_page }, row.entry_page || "–"),
      h("td", { class: "page", title: row.exit_page }, row.exit_page || "–"),
      h("td", { class: "page", title: row.referrer }, row.referrer || "–"),
      h("td", {}, [row.device_type, row.browser].filter(Boolean).join(" · ") || "–"),
    );
  }
}
