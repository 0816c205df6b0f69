// What comes most often: a list of values with their counts, by one of several questions.

import { choice, fill, h } from "../dom.js";
import { country, number, rate } from "../format.js";
import { bounds } from "../period.js";
import { Widget } from "../widget.js";

const LIMIT = 8;
const plain = (value) => value;

/** Each: the key of the state that holds the choice, and what can be chosen. */
const RANKINGS = {
  pages: {
    title: "Pages",
    unit: "Sessions",
    options: [
      ["entries", "Entry", entryExit("entries", "entry")],
      ["exits", "Exit", entryExit("exits", "exit")],
    ],
  },
  sources: {
    title: "Sources",
    unit: "Sessions",
    options: [
      ["channel", "Channel", acquisition("channel")],
      ["referrer", "Referrer", acquisition("referrer")],
      ["utm_campaign", "Campaign", acquisition("utm_campaign")],
    ],
  },
  places: {
    title: "Countries",
    unit: "Events",
    options: [["country", "Country", breakdown("country", country)]],
  },
  devices: {
    title: "Devices",
    unit: "Events",
    options: [
      ["device_type", "Device", breakdown("device_type")],
      ["os", "System", breakdown("os")],
    ],
  },
  apps: {
    title: "Apps",
    unit: "Events",
    options: [
      ["platform", "Platform", breakdown("platform")],
      ["app_version", "Version", breakdown("app_version")],
    ],
  },
  events: {
    title: "Events",
    unit: "Events",
    options: [["event_type", "Event", breakdown("event_type")]],
  },
};

export class Ranking {
  keys;
  #context;
  #key;
  #widget;

  constructor(context, key) {
    const { title, options } = RANKINGS[key];
    this.#context = context;
    this.#key = key;
    this.keys = ["tenant", "tz", "period", key];
    const question = choice(`${title} by`, options, context.state[key], (chosen) =>
      context.go({ [key]: chosen }),
    );
    this.#widget = new Widget(key, title, { controls: options.length > 1 ? [question] : [] });
    this.element = this.#widget.element;
  }

  update({ tenant, tz, period, [this.#key]: chosen }, signal) {
    const { unit, options } = RANKINGS[this.#key];
    const [, name, { endpoint, parameters, row }] =
      options.find(([key]) => key === chosen) ?? options[0];
    const asked = {
      ...bounds(period),
      time_zone: tz,
      tenant_id: tenant,
      limit: LIMIT,
      ...parameters,
    };
    return this.#widget.load(
      signal,
      () => this.#context.api.read(endpoint, asked, { signal }),
      (rows) => this.#draw(rows.map(row), name, unit),
    );
  }

  #draw(rows, name, unit) {
    const found = rows.filter(({ count }) => count > 0);
    const most = Math.max(...found.map(({ share }) => share));
    fill(
      this.#widget.body,
      h(
        "table",
        { class: "ranking" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, name),
            h("th", { scope: "col" }, unit),
            h("th", { scope: "col" }, "Share"),
          ),
        ),
        h("tbody", {}, ...found.map((each) => line(each, most))),
      ),
    );
    return found.length > 0;
  }
}

function line({ label, count, share, quiet }, most) {
  const bar = h("span", { class: "fillbar", "aria-hidden": "true" });
  bar.style.width = `${(100 * share) / most}%`;
  return h(
    "tr",
    { class: quiet ? "quiet" : null },
    h("th", { scope: "row", title: label }, bar, h("span", { class: "text" }, label)),
    h("td", {}, number(count)),
    h("td", {}, rate(share)),
  );
}

function breakdown(by, write = plain) {
  return {
    endpoint: "event_breakdown",
    parameters: { by },
    row: ({ value, value_type, is_other, event_count, share }) => ({
      label: is_other ? "Others" : value_type === "missing" ? "(missing)" : write(value) || "(none)",
      count: event_count,
      share,
      quiet: is_other || !value,
    }),
  };
}

function acquisition(by) {
  return {
    endpoint: "acquisition",
    parameters: { by },
    row: ({ value, is_other, session_count, share }) => ({
      label: is_other ? "Others" : value || "(none)",
      count: session_count,
      share,
      quiet: is_other || !value,
    }),
  };
}

function entryExit(orderBy, side) {
  return {
    endpoint: "entry_exit_pages",
    parameters: { order_by: orderBy },
    row: (row) => ({
      label: row.is_other ? "Others" : row.page || "(none)",
      count: row[`${side}_count`],
      share: row[`${side}_share`],
      quiet: row.is_other || !row.page,
    }),
  };
}
