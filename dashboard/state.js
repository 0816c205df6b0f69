// What the page shows, kept in the fragment of its address: it can be shared, the browser's
// buttons work, and no server writes it down. Tokens are never part of it.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const DEFAULTS = {
  view: "overview",
  range: "30d",
  from: "",
  to: "",
  metric: "sessions",
  pages: "entries",
  sources: "channel",
  places: "country",
  devices: "device_type",
  apps: "platform",
  events: "event_type",
  steps: "",
  unit: "user",
  window: "604800",
  interval: "",
  order: "start",
  session: "",
  of: "",
};
/** These are always written, so that another person sees the same; no `tenant` is all of them. */
const ALWAYS = ["tz"];

export const VIEWS = [
  ["overview", "Overview"],
  ["funnel", "Funnel"],
  ["retention", "Retention"],
  ["sessions", "Sessions"],
];

export function parse(fragment) {
  const found = new URLSearchParams(fragment.replace(/^#/, ""));
  const state = { ...DEFAULTS, tz: zone, tenant: null };
  for (const key of Object.keys(state)) {
    if (found.has(key)) state[key] = found.get(key);
  }
  if (!VIEWS.some(([view]) => view === state.view)) state.view = DEFAULTS.view;
  if (!isZone(state.tz)) state.tz = zone;
  return state;
}

export function write(state) {
  const kept = Object.entries(state).filter(
    ([key, value]) =>
      value !== null && (ALWAYS.includes(key) || key === "tenant" || value !== DEFAULTS[key]),
  );
  return `#${new URLSearchParams(kept)}`;
}

/** Whether the address says which period to show. */
export function namesPeriod(fragment) {
  const found = new URLSearchParams(fragment.replace(/^#/, ""));
  return found.has("range") || found.has("from");
}

function isZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
