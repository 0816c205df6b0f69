// The page: who is asked, what is shown, and what changes when the person chooses.

import { Api } from "./api.js";
import { askForConnection } from "./connect.js";
import { findConnection, fixedTenant } from "./connection.js";
import { showFilters, showTools, showViews } from "./controls.js";
import { fill, h } from "./dom.js";
import { addDays, localDay, periodOf } from "./period.js";
import { namesPeriod, parse, VIEWS, write } from "./state.js";
import { moment } from "./format.js";
import { View } from "./views.js";

const MOST_TENANTS = 1000;
const place = (id) => document.getElementById(id);

class Page {
  state = parse(location.hash);
  api = null;
  #connection = null;
  #tenants = [];
  #tenant = null;
  #view = null;

  get own() {
    return this.#connection.own;
  }

  async start() {
    showTools(place("tools"), {
      refresh: () => this.#connect(this.#connection),
      connect: () => this.#ask(this.#connection),
    });
    place("skip").addEventListener("click", (event) => {
      event.preventDefault(); // the fragment is for the state
      place("main").focus();
    });
    addEventListener("hashchange", () => this.#came());
    await this.#connect(await findConnection());
  }

  /** Show something else, and let the browser's back button lead back. */
  go = (changes) => {
    const days = this.state.range;
    Object.assign(this.state, changes);
    history.pushState(null, "", write(this.state));
    if (this.state.range !== days) this.#showFilters();
    this.#show();
  };

  async #connect(connection) {
    this.#view?.destroy();
    this.#view = null;
    this.#connection = connection;
    if (connection === null) {
      this.#ask(null);
      return;
    }
    this.api = new Api(connection);
    this.#tenant = fixedTenant(connection.token);
    try {
      const found = await this.api.read("tenant_activity_summary", { limit: MOST_TENANTS });
      this.#tenants = found.map(({ tenant_id }) => tenant_id).sort(byName);
      this.#chooseFirst(found.map(({ last_activity }) => last_activity));
    } catch (error) {
      if (error.status === undefined) throw error;
      // A tenant's token need not read this endpoint: its tenant is known.
      if (error.status !== 403 || this.#tenant === null) {
        this.#ask(connection, error.message);
        return;
      }
    }
    fill(place("foot"), h("span", {}, `Numbers from ${connection.host}`));
    this.#came();
  }

  #ask(connection, reason) {
    askForConnection({
      connection,
      reason,
      done: async (chosen) => {
        // What was chosen of one host means nothing on another.
        const { view, range, from, to, tz } = this.state;
        history.pushState(null, "", write({ ...parse(""), view, range, from, to, tz }));
        await this.#connect(chosen ?? (await findConnection()));
      },
    });
  }

  /** Where the address says nothing of days: the latest ones with something to see. */
  #chooseFirst(activities) {
    if (namesPeriod(location.hash) || activities.length === 0) return;
    const latest = activities.sort().at(-1);
    const { state } = this;
    const to = localDay(state.tz, moment(latest));
    const { from, days } = periodOf(state);
    if (to >= from) return;
    Object.assign(state, { range: "custom", from: addDays(to, 1 - days), to });
    history.replaceState(null, "", write(state));
  }

  /** The address has changed, or is the first. */
  #came() {
    if (this.#connection === null) return;
    this.state = parse(location.hash);
    history.replaceState(null, "", write(this.state));
    this.#view?.destroy();
    this.#view = null;
    this.#show();
  }

  #showFilters() {
    const focused = document.activeElement?.dataset.control;
    const filters = place("filters");
    showFilters(filters, {
      state: this.state,
      tenants: this.#tenants,
      tenant: this.#tenant,
      go: this.go,
    });
    if (focused) filters.querySelector(`[data-control="${focused}"]`)?.focus();
  }

  #show() {
    const { state } = this;
    const [, title] = VIEWS.find(([view]) => view === state.view);
    document.title = `${title} · Analytics`;
    showViews(place("views"), state);
    if (this.#view === null) {
      this.#showFilters();
      this.#view = new View(state.view, this);
      fill(place("main"), h("h1", { class: "unseen" }, title), this.#view.element);
    }
    this.#view.update({ ...state, tenant: this.#tenant ?? state.tenant, period: periodOf(state) });
  }
}

function byName(a, b) {
  return a.localeCompare(b, undefined, { numeric: true });
}

await new Page().start();
