// Reading the published endpoints: each question once, and none that nobody waits for any more.

const FRESH = 60_000;
const KEPT = 200;

/** What the host refused, in its own words; `status` 0 when it could not be reached. */
export class Refused extends Error {
  constructor(endpoint, status, said) {
    super(said);
    this.endpoint = endpoint;
    this.status = status;
  }
}

export class Api {
  #connection;
  #answers = new Map();

  constructor(connection) {
    this.#connection = connection;
  }

  /** The rows of an endpoint. An answer is good for a minute, unless `fresh` wants a new one. */
  async read(endpoint, parameters, { signal, fresh = false } = {}) {
    const query = new URLSearchParams(
      Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined),
    );
    const path = `/v0/pipes/${endpoint}.json?${query}`;
    const known = this.#answers.get(path);
    if (!fresh && known && Date.now() - known.at < FRESH) return known.rows;
    const rows = await this.#ask(endpoint, path, signal);
    if (!fresh) this.#keep(path, rows);
    return rows;
  }

  async #ask(endpoint, path, signal) {
    const headers = { Authorization: `Bearer ${this.#connection.token}` };
    let answer;
    try {
      answer = await fetch(this.#connection.host + path, { headers, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(endpoint, 0, `${this.#connection.host} cannot be reached.`);
    }
    if (!answer.ok) throw new Refused(endpoint, answer.status, await said(answer));
    return (await answer.json()).data;
  }

  #keep(path, rows) {
    this.#answers.delete(path);
    this.#answers.set(path, { rows, at: Date.now() });
    if (this.#answers.size > KEPT) this.#answers.delete(this.#answers.keys().next().value);
  }
}

async function said(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error ?? answer.statusText;
  } catch {
    return answer.statusText || `The host answered ${answer.status}.`;
  }
}
