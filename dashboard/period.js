// Periods of whole days on a local clock, and those before them.

export const RANGES = [
  ["today", "Today", 1],
  ["7d", "Last 7 days", 7],
  ["30d", "Last 30 days", 30],
  ["90d", "Last 90 days", 90],
  ["12m", "Last 12 months", 365],
];

/** The first day that a time of the endpoints can be on, whatever the zone. */
export const EARLIEST = "1970-01-02";

const DAY = 86_400_000;

/** The day that a zone's clock shows at a moment, YYYY-MM-DD. */
export function localDay(timeZone, at = new Date()) {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(at);
  const found = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${found.year}-${found.month}-${found.day}`;
}

export function addDays(day, count) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY).toISOString().slice(0, 10);
}

/** How many days lie from one to another, both counted. */
function span(from, to) {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY) + 1;
}

export function isDay(text) {
  return /^\d{4}-\d{2}-\d{2}$/.test(text ?? "") && !Number.isNaN(Date.parse(text));
}

/** The period of a state: its first and its last day, and how many there are. */
export function periodOf({ range, from, to, tz }) {
  if (isDay(from) && isDay(to) && from <= to) return { from, to, days: span(from, to) };
  const [, , days] = RANGES.find(([key]) => key === range) ?? RANGES[2];
  const today = localDay(tz);
  return { from: addDays(today, 1 - days), to: today, days };
}

/** As many days, just before. */
export function before({ from, days }) {
  return { from: addDays(from, -days), to: addDays(from, -1), days };
}

/** The parameters of an endpoint for a period. */
export function bounds({ from, to }) {
  return { start_date: `${from} 00:00:00`, end_date: `${to} 23:59:59` };
}

/** Intervals that a chart of the period can show one by one. */
export function intervalFor({ days }) {
  if (days <= 2) return "hour";
  if (days <= 93) return "day";
  return days <= 400 ? "week" : "month";
}
