// Tinybird's public API, with the token of the moment.

let token = ''

export const setToken = value => { token = value }
export const getToken = () => token

export class ApiError extends Error {
  constructor(message, status) {
    super(message)
    this.status = status
  }
}

async function answered(response) {
  const text = await response.text()
  let body
  try {
    body = JSON.parse(text)
  } catch {
    throw new ApiError(`${response.status}: ${text.slice(0, 200)}`, response.status)
  }
  if (!response.ok) throw new ApiError(body.error ?? text, response.status)
  return body
}

const headers = (bearer = token) => ({ authorization: `Bearer ${bearer}` })

export async function get(path, parameters = {}, bearer = token) {
  const query = new URLSearchParams(parameters).toString()
  return answered(await fetch(query ? `${path}?${query}` : path, { headers: headers(bearer) }))
}

/** Whole numbers of 64 bits come as texts: JavaScript would round them. */
export const EXACT = { output_format_json_quote_64bit_integers: '1' }

export async function sql(statement) {
  const url = `/v0/sql?${new URLSearchParams(EXACT)}`
  return answered(await fetch(url, { method: 'POST', headers: headers(), body: statement }))
}

/** The admin token of the default workspace; '' when this is not the machine to have it. */
export async function localToken() {
  const response = await fetch('/tokens')
  return response.ok ? (await response.json()).workspace_admin_token : ''
}

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`

/** A command for a shell; `shown` stands in for the token where people look on. */
export function curl(path, parameters, shown = token) {
  const lines = [`curl -G ${quoted(location.origin + path)}`, `-H ${quoted(`Authorization: Bearer ${shown}`)}`]
  for (const [name, value] of Object.entries(parameters)) lines.push(`--data-urlencode ${quoted(`${name}=${value}`)}`)
  return lines.join(' \\\n  ')
}
