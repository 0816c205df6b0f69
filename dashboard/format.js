// Numbers and times as people write them, in the language of the browser.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const countries = new Intl.DisplayNames(undefined, { type: "region", fallback: "none" });

export const NOTHING = "–";

/** 12,345. */
export function number(value) {
  return value === null || value === undefined ? NOTHING : whole.format(value);
}

/** 3.4. */
export function average(value) {
  return value === null || value === undefined ? NOTHING : decimal.format(value);
}

/** 12,345, but 1.2M: for places with little room. */
export function short(value) {
  return Math.abs(value) < 100_000 ? number(value) : compact.format(value);
}

/** 12.3%. */
export function rate(value) {
  return value === null || value === undefined ? NOTHING : percent.format(value);
}

/** A change, with its sign: +12.3%, −4%. */
export function change(value) {
  if (value === null || value === undefined) return NOTHING;
  const sign = value > 0 ? "+" : value < 0 ? "−" : "";
  return sign + percent.format(Math.abs(value));
}

/** 3m 13s; of a day or more 2d 4h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  const all = Math.round(seconds);
  const parts = [
    [Math.floor(all / 86400), "d"],
    [Math.floor((all % 86400) / 3600), "h"],
    [Math.floor((all % 3600) / 60), "m"],
    [all % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0s";
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => count + unit).join(" ");
}

/** A country by its code, which stands alone when nobody knows it. */
export function country(code) {
  if (!/^[A-Z]{2}$/.test(code)) return code;
  const name = countries.of(code);
  return name ? `${name}` : code;
}

/** The moment of a time in UTC as the endpoints write it. */
export function moment(text) {
  return new Date(`${text.replace(" ", "T")}Z`);
}

/** A time in UTC as the endpoints write it, on the clock of a zone. */
export function time(text, timeZone, style = { dateStyle: "medium", timeStyle: "medium" }) {
  return new Intl.DateTimeFormat(undefined, { ...style, timeZone }).format(moment(text));
}

const LABELS = {
  hour: { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" },
  day: { month: "short", day: "numeric" },
  week: { month: "short", day: "numeric" },
  month: { month: "short", year: "numeric" },
};

/** The beginning of an interval, which is on a local clock already. */
export function intervalLabel(localStart, interval) {
  return new Intl.DateTimeFormat(undefined, { ...LABELS[interval], timeZone: "UTC" }).format(
    moment(localStart),
  );
}

/** A local day, YYYY-MM-DD. */
export function day(text, style = { dateStyle: "medium" }) {
  return new Intl.DateTimeFormat(undefined, { ...style, timeZone: "UTC" }).format(
    moment(`${text} 00:00:00`),
  );
}
