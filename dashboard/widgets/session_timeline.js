// What happened in one session, in a panel over the page.

import { fill, h } from "../dom.js";
import { duration, time } from "../format.js";
import { Widget } from "../widget.js";

const PAGE = 100;

export class SessionTimeline {
  keys = ["session", "of", "tenant", "tz"];
  #context;
  #widget = new Widget("timeline", "Session");
  #about = h("p", { class: "note" });
  #steps = h("ol", { class: "timeline" });
  #more = h("button", { type: "button", class: "more" }, "Show more");

  constructor(context) {
    this.#context = context;
    const close = h("button", { type: "button", class: "close" }, "Close");
    this.element = h("dialog", { class: "panel", "aria-label": "Session" }, close, this.#widget.element);
    close.addEventListener("click", () => this.element.close());
    this.element.addEventListener("close", () => {
      if (context.state.session) context.go({ session: "", of: "" });
    });
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.element.close(); // beside the panel
    });
    fill(this.#widget.body, this.#about, this.#steps, this.#more);
  }

  update({ session, of, tenant, tz }, signal) {
    if (!session) {
      if (this.element.open) this.element.close();
      return Promise.resolve(false);
    }
    if (!this.element.open) this.element.showModal();
    const parameters = { session_id: session, tenant_id: tenant ?? of, limit: PAGE };
    const read = (cursor) =>
      this.#context.api.read("session_timeline", { ...parameters, cursor }, { signal });
    const show = (rows) => {
      this.#steps.append(...rows.map((row) => step(row, tz)));
      this.#more.hidden = rows.length < PAGE;
      this.#more.onclick = () =>
        this.#widget.load(signal, () => read(rows.at(-1).cursor), show, "");
    };
    return this.#widget.load(
      signal,
      () => read(null),
      (rows) => {
        fill(this.#steps);
        const user = rows.find(({ user_id }) => user_id)?.user_id;
        this.#about.textContent = [session, user, of].filter(Boolean).join(" · ");
        show(rows);
        return rows.length > 0;
      },
      "There is no such session.",
    );
  }
}

function step(row, tz) {
  const { seconds_since_previous: since } = row;
  return h(
    "li",
    {},
    h(
      "p",
      { class: "when" },
      h("time", { datetime: `${row.created_at.replace(" ", "T")}Z` }, time(row.created_at, tz)),
      since === null ? null : h("span", { class: "since" }, `+${duration(since)}`),
    ),
    h("p", { class: "what" }, h("b", {}, row.event_type), " ", h("span", {}, row.page)),
    row.event_data &&
      h("details", {}, h("summary", {}, "Data"), h("pre", {}, readable(row.event_data))),
  );
}

/** JSON with line breaks; any other text as it is. */
function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
