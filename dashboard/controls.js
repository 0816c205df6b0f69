// The controls above all views: whose numbers, of which days, on whose clock.

import { fill, h, labelled, select } from "./dom.js";
import { icon } from "./icons.js";
import { EARLIEST, isDay, periodOf, RANGES } from "./period.js";
import { VIEWS, write } from "./state.js";
import { toggleTheme } from "./theme.js";

const CUSTOM = "custom";
/** While a day is typed, half of it is a day too. */
const PAUSE = 400;
const EVERYBODY = "all";

/** Links to the views; each is the address of what it leads to. */
export function showViews(element, state) {
  if (!element.firstChild) {
    fill(element, ...VIEWS.map(([view, title]) => h("a", { "data-view": view }, title)));
  }
  for (const link of element.children) {
    const { view } = link.dataset;
    link.href = write({ ...state, view, session: "", of: "" });
    if (view === state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

export function showTools(element, { refresh, connect }) {
  fill(
    element,
    tool("refresh", "Ask for everything again", refresh),
    tool("theme", "Light or dark", toggleTheme),
    tool("key", "Connection", connect),
  );
}

function tool(name, label, onclick) {
  const properties = { type: "button", class: "quiet icon", "aria-label": label, title: label };
  return h("button", { ...properties, "data-control": name, onclick }, icon(name));
}

export function showFilters(element, { state, tenants, tenant, go }) {
  fill(
    element,
    tenant === null ? tenantPicker(state, tenants, go) : h("p", { class: "who" }, tenant),
    rangePicker(state, go),
    zonePicker(state, go),
  );
}

function tenantPicker({ tenant }, tenants, go) {
  const names = [...new Set([...tenants, ...(tenant === null ? [] : [tenant])])];
  // No name begins like this, not even that of a tenant without one.
  const options = names.map((name) => [`=${name}`, name || "(no tenant)"]);
  return labelled(
    "Tenant",
    select(
      [[EVERYBODY, "All tenants"], ...options],
      tenant === null ? EVERYBODY : `=${tenant}`,
      (chosen) => go({ tenant: chosen === EVERYBODY ? null : chosen.slice(1) }),
      { "data-control": "tenant" },
    ),
  );
}

function rangePicker(state, go) {
  const { from, to } = periodOf(state);
  const isCustom = Boolean(state.from && state.to);
  const field = (name, value) =>
    h("input", { type: "date", required: true, min: EARLIEST, value, "data-control": name });
  const [first, last] = [field("from", from), field("to", to)];
  const apply = () => {
    if (!first.checkValidity() || !isDay(last.value) || last.value < EARLIEST) return;
    const wrong = first.value > last.value;
    last.setCustomValidity(wrong ? "The last day is before the first one." : "");
    if (wrong) last.reportValidity();
    else go({ range: CUSTOM, from: first.value, to: last.value });
  };
  let typed = null;
  for (const day of [first, last]) {
    day.addEventListener("change", () => {
      clearTimeout(typed);
      typed = setTimeout(apply, PAUSE);
    });
  }
  const ranges = RANGES.map(([key, text]) => [key, text]);
  const preset = select(
    [...ranges, [CUSTOM, "Other days"]],
    isCustom ? CUSTOM : state.range,
    (range) => (range === CUSTOM ? go({ range, from, to }) : go({ range, from: "", to: "" })),
    { "data-control": "range" },
  );
  return h(
    "div",
    { class: "range" },
    labelled("Period", preset),
    isCustom && labelled("First day", first, { hidden: true }),
    isCustom && h("span", { class: "dash", "aria-hidden": "true" }, "–"),
    isCustom && labelled("Last day", last, { hidden: true }),
  );
}

function zonePicker({ tz }, go) {
  const zones = new Set(["UTC", tz, ...Intl.supportedValuesOf("timeZone")]);
  const options = [...zones].map((zone) => [zone, zone.replaceAll("_", " ")]);
  return labelled(
    "Time zone",
    select(options, tz, (zone) => go({ tz: zone }), { "data-control": "tz" }),
  );
}
