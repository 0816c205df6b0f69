// The pages of one data source and of one pipe.

import { sql } from './api.js'
import { latestRequests } from './activity.js'
import { bytes, count, h, pending, prose } from './dom.js'
import { endpoint } from './endpoint.js'
import { graph, lineage } from './graph.js'
import { table } from './result.js'

const SAMPLE = 20
const LABELS = {
  datasource: 'data source', endpoint: 'endpoint', materialized: 'materialization', copy: 'copy', sink: 'sink', default: 'pipe'
}

const title = (kind, { name, description }) => h('header', {},
  h('p', { class: `kind ${kind}` }, LABELS[kind]),
  h('h1', {}, name),
  description ? h('p', { class: 'lead' }, prose(description)) : null)

export const tile = (label, value, tone = '') => h('div', { class: `tile ${tone}` }, h('dt', {}, label), h('dd', {}, value))

const section = (name, ...parts) => h('section', {}, h('h2', {}, name), parts)

const flow = (project, name) => section('Where rows come from and go to',
  graph(project, { only: lineage(project.edges(), name), current: name }))

const file = (path, content) => h('details', {}, h('summary', {}, `Datafile ${path}`), h('pre', { tabindex: '0' }, content))

const rows = (name, limit, caption) => pending(
  sql(`select * from \`${name}\` limit ${limit}`), found => table(found, caption))

function columns(datasource) {
  const line = ({ name, type, jsonpath, default_value }) => h('tr', {},
    h('td', {}, name), h('td', {}, h('code', {}, type)), h('td', {}, jsonpath ?? ''), h('td', {}, default_value ?? ''))
  return h('div', { class: 'table-frame', tabindex: '0', role: 'region', 'aria-label': 'Columns' },
    h('table', { class: 'columns' },
      h('thead', {}, h('tr', {}, ['Column', 'Type', 'From', 'Default'].map(text => h('th', { scope: 'col' }, text)))),
      h('tbody', {}, datasource.columns.map(line))))
}

export function datasourcePage(project, name) {
  const datasource = project.datasources.get(name)
  const { engine, engine_sorting_key: sorting } = datasource.engine
  const rejected = datasource.quarantine_rows
  return h('div', {},
    title('datasource', datasource),
    h('dl', { class: 'tiles' },
      tile('Rows', count(datasource.statistics.row_count)),
      tile('Stored', bytes(datasource.statistics.bytes)),
      tile('In quarantine', count(rejected), rejected ? 'warn' : ''),
      tile('Engine', engine, 'text'),
      sorting ? tile('Sorted by', sorting, 'text') : null),
    rejected ? section('Quarantine', rows(`${name}_quarantine`, SAMPLE, 'Rejected rows')) : null,
    section('Schema', columns(datasource)),
    section('Sample', rows(name, SAMPLE, 'Sample')),
    flow(project, name))
}

const node = ({ name, node_type: type, description, sql: text }) => h('details', {},
  h('summary', {}, name, type === 'default' ? null : h('small', {}, type)),
  description ? h('p', { class: 'quiet' }, prose(description)) : null,
  h('pre', { tabindex: '0' }, text))

export function pipePage(project, name) {
  const pipe = project.pipes.get(name)
  const asked = pipe.type === 'endpoint'
  return h('div', {},
    title(pipe.type, pipe),
    asked ? endpoint(project, pipe) : null,
    section('Nodes', pipe.nodes.map(node)),
    flow(project, name),
    asked ? section('Latest requests', latestRequests(name)) : null,
    file(pipe.path, pipe.content))
}
