// What was asked lately and what failed, from Tinybird's service data sources.

import { sql } from './api.js'
import { h, pending, seconds } from './dom.js'
import { table } from './result.js'
import { page } from './project.js'

const LATEST = 50

const text = value => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function requests({ data }) {
  if (!data.length) return h('p', { class: 'quiet' }, 'No requests yet.')
  const line = row => h('tr', { class: row.error ? 'bad' : '' },
    h('td', {}, row.start_datetime),
    h('td', {}, row.pipe_id === 'query_api' ? 'SQL' : h('a', { href: page('pipe', row.pipe_name) }, row.pipe_name)),
    h('td', { class: 'number' }, row.status_code),
    h('td', { class: 'number' }, seconds(row.duration)),
    h('td', { class: 'number' }, row.result_rows),
    h('td', { class: 'number' }, row.read_rows),
    h('td', {}, row.token_name),
    h('td', { class: 'wrap' }, row.error_message ?? ''))
  const titles = [['Time (UTC)'], ['Endpoint'], ['Status', 'number'], ['Took', 'number'], ['Rows', 'number'],
    ['Read', 'number'], ['Token'], ['Error']]
  return h('div', { class: 'table-frame', tabindex: '0', role: 'region', 'aria-label': 'Requests' },
    h('table', {}, h('thead', {}, h('tr', {}, titles.map(([title, kind]) => h('th', { scope: 'col', class: kind }, title)))),
      h('tbody', {}, data.map(line))))
}

/** The latest requests, to one endpoint or to all. */
export function latestRequests(name) {
  const where = name ? `where pipe_name = ${text(name)}` : ''
  return pending(sql(
    `select start_datetime, pipe_id, pipe_name, status_code, duration, result_rows, read_rows, token_name, error, error_message
     from tinybird.pipe_stats_rt ${where} order by start_datetime desc limit ${LATEST}`), requests)
}

const latestErrors = () => pending(
  sql(`select start_datetime, pipe_name, status_code, error, params from tinybird.endpoint_errors order by start_datetime desc limit ${LATEST}`),
  found => (found.data.length ? table(found, 'Errors') : h('p', { class: 'quiet' }, 'No errors.')))

const latestOperations = () => pending(
  sql(`select timestamp, event_type, datasource_name, result, rows, rows_quarantine, elapsed_time, error from tinybird.datasources_ops_log order by timestamp desc limit ${LATEST}`),
  found => table(found, 'Operations'))

export function activity() {
  const parts = h('div')
  const show = () => parts.replaceChildren(
    h('section', {}, h('h2', {}, 'Requests'), latestRequests()),
    h('section', {}, h('h2', {}, 'Errors'), latestErrors()),
    h('section', {}, h('h2', {}, 'Rows in'), latestOperations()))
  show()
  return h('div', {},
    h('header', { class: 'title' }, h('h1', {}, 'Activity'), h('button', { type: 'button', onclick: show }, 'Refresh')),
    parts)
}
