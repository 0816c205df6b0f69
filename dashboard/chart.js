// Charts over time, drawn by Chart.js in the colours of the page, each with its numbers as a table.

import { fill, h } from "./dom.js";
import { colour, onTheme } from "./theme.js";

const { Chart } = globalThis;
const still = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * A line or bar chart that can be drawn again and again. A series is { label, values, kind }: the
 * `main` one is in the accent colour, `earlier` ones stand back behind it.
 */
export class TimeChart {
  #kind;
  #chart = null;
  #canvas = h("canvas", { role: "img" });
  #table = h("div", { class: "scroll", tabindex: "0", role: "region" });
  #details = h("details", { class: "numbers" }, h("summary", {}, "Show as table"), this.#table);
  #shown = null;
  #leave;

  constructor(kind = "line") {
    this.#kind = kind;
    this.element = h("div", { class: "chart" }, h("div", { class: "plot" }, this.#canvas));
    this.element.append(this.#details);
    this.#details.addEventListener("toggle", () => this.#tabulate());
    this.#leave = onTheme(() => this.#chart && this.draw(this.#shown));
  }

  /** `heading` names the column of labels, `summary` is what a screen reader says. */
  draw({ labels, series, heading, summary, format, partialFrom = Infinity }) {
    this.#shown = { labels, series, heading, summary, format, partialFrom };
    this.#canvas.setAttribute("aria-label", summary);
    this.#table.setAttribute("aria-label", summary);
    const datasets = series.map((one) => this.#dataset(one, partialFrom));
    const options = this.#options(format);
    if (this.#chart === null) {
      const animation = still.matches ? false : { duration: 250 };
      this.#chart = new Chart(this.#canvas, {
        type: this.#kind,
        data: { labels, datasets },
        options: { ...options, animation },
      });
    } else {
      this.#chart.data.labels = labels;
      datasets.forEach((dataset, index) => {
        this.#chart.data.datasets[index] = Object.assign(
          this.#chart.data.datasets[index] ?? {},
          dataset,
        );
      });
      this.#chart.data.datasets.length = datasets.length;
      Object.assign(this.#chart.options, options);
      this.#chart.update("none");
    }
    this.#tabulate();
  }

  destroy() {
    this.#leave();
    this.#chart?.destroy();
  }

  #tabulate() {
    if (!this.#details.open || this.#shown === null) return;
    const { labels, series, heading, format } = this.#shown;
    const rows = labels.map((label, index) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, label),
        ...series.map(({ values }) => h("td", {}, format(values[index] ?? null))),
      ),
    );
    const names = [heading, ...series.map(({ label }) => label)];
    const head = h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)));
    fill(this.#table, h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows)));
  }

  #dataset({ label, values, kind }, partialFrom) {
    const main = kind === "main";
    const line = colour(main ? "accent" : "earlier");
    if (this.#kind === "bar") {
      const whole = colour("accent");
      const partial = colour("accent-soft");
      return {
        label,
        data: values,
        backgroundColor: values.map((_, index) => (index >= partialFrom ? partial : whole)),
        borderRadius: 2,
        categoryPercentage: 0.86,
        barPercentage: 1,
        minBarLength: 0,
      };
    }
    return {
      label,
      data: values,
      borderColor: line,
      backgroundColor: main ? colour("accent-faint") : "transparent",
      fill: main ? "origin" : false,
      borderWidth: main ? 2 : 1.5,
      borderDash: main ? [] : [4, 4],
      segment: main
        ? { borderDash: ({ p1DataIndex }) => (p1DataIndex >= partialFrom ? [3, 4] : undefined) }
        : undefined,
      pointRadius: values.length === 1 ? 3 : 0,
      pointHoverRadius: 4,
      pointBackgroundColor: line,
      order: main ? 0 : 1,
    };
  }

  #options(format) {
    const bars = this.#kind === "bar";
    const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
    const ticks = { color: colour("muted"), font };
    const sparse = { ...ticks, maxRotation: 0, autoSkipPadding: 24 };
    return {
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      layout: { padding: { top: 6 } },
      plugins: {
        legend: { display: false },
        tooltip: {
          backgroundColor: colour("raised"),
          borderColor: colour("line"),
          borderWidth: 1,
          titleColor: colour("muted"),
          bodyColor: colour("text"),
          titleFont: { ...font, weight: "normal" },
          bodyFont: { ...font, size: 12 },
          padding: 10,
          cornerRadius: 6,
          displayColors: !bars,
          boxWidth: 8,
          boxHeight: 8,
          boxPadding: 4,
          callbacks: { label: ({ dataset, raw }) => ` ${dataset.label}: ${format(raw)}` },
        },
      },
      scales: {
        x: { grid: { display: false }, border: { color: colour("line") }, ticks: sparse },
        y: {
          beginAtZero: true,
          suggestedMax: 2,
          border: { display: false },
          grid: { color: colour("line"), drawTicks: false },
          ticks: { ...ticks, maxTicksLimit: 5, precision: 0, padding: 8, callback: format },
        },
      },
    };
  }
}
