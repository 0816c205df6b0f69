// Which host the numbers come from, and the token that may read them.
//
// birdhouse gives its tokens to pages of its own on this machine. Anywhere else the person types a
// token, or comes with a link that has it in the fragment, which browsers send to no server.

const KEY = "dashboard.connection";
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** { host, token, own }, or null when nobody has said. `own`: the server of this page is asked. */
export async function findConnection() {
  return fromFragment() ?? stored() ?? (await fromBirdhouse());
}

export function keep({ host, token, own }, remember) {
  forget();
  (remember ? localStorage : sessionStorage).setItem(KEY, JSON.stringify({ host, token, own }));
}

export function forget() {
  localStorage.removeItem(KEY);
  sessionStorage.removeItem(KEY);
}

export function isRemembered() {
  return localStorage.getItem(KEY) !== null;
}

/** The host as a person writes it, as an origin; null when it is none. */
export function asHost(text) {
  const written = text.trim();
  try {
    const url = new URL(/^https?:\/\//.test(written) ? written : `https://${written}`);
    return url.origin;
  } catch {
    return null;
  }
}

/** The tenant that a JWT is for; null when the token reads all of them. */
export function fixedTenant(token) {
  const [, payload] = token.split(".");
  try {
    const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
    const tenants = (JSON.parse(text).scopes ?? []).map((scope) => scope.fixed_params?.tenant_id);
    return tenants.find((tenant) => tenant !== undefined) ?? null;
  } catch {
    return null; // a static token, which holds no scopes
  }
}

function stored() {
  const text = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  return text === null ? null : JSON.parse(text);
}

function fromFragment() {
  const found = new URLSearchParams(location.hash.slice(1));
  const token = found.get("token");
  if (!token) return null;
  const named = found.get("host");
  const host = named ? asHost(named) : location.origin;
  found.delete("token");
  found.delete("host");
  history.replaceState(null, "", `#${found}`); // neither the history nor a shared address has it
  if (host === null) return null;
  const connection = { host, token, own: host === location.origin };
  keep(connection, false);
  return connection;
}

async function fromBirdhouse() {
  if (!LOOPBACK.test(location.hostname)) return null;
  try {
    const tokens = await json("/tokens", null);
    const admin = tokens.workspace_admin_token;
    const known = (await json("/v0/tokens", admin)).tokens;
    return { host: location.origin, token: narrowest(known) ?? admin, own: true };
  } catch {
    return null; // some other server: the person is asked
  }
}

/** The token that reads the most endpoints and can do nothing else. */
function narrowest(tokens) {
  const readers = tokens.filter(
    ({ scopes }) => scopes.length > 0 && scopes.every(({ type }) => type === "PIPES:READ"),
  );
  readers.sort((a, b) => b.scopes.length - a.scopes.length);
  return readers[0]?.token ?? null;
}

async function json(path, token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}
