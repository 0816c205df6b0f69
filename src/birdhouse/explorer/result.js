// Rows that an answer brought: as a table, as a chart, as text.

import { count, h } from './dom.js'
import { chart } from './chart.js'

const MOST = 200
const NUMBER = /^(Nullable\(|LowCardinality\()*(U?Int|Float|Decimal|BFloat)/
const TIME = /^(Nullable\()*Date/

export const isNumber = type => NUMBER.test(type)
export const isTime = type => TIME.test(type)

const shown = value => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value))

function cell(value, type) {
  if (value === null || value === undefined) return h('td', { class: 'null' }, 'null')
  return h('td', { class: isNumber(type) ? 'number' : '' }, shown(value))
}

export function table({ meta, data }, caption) {
  if (!data.length) return h('p', { class: 'quiet' }, 'No rows.')
  const rows = data.slice(0, MOST)
  const more = data.length > MOST ? h('p', { class: 'quiet' }, `The first ${MOST} of ${count(data.length)} rows.`) : null
  return h('div', {},
    h('div', { class: 'table-frame', tabindex: '0', role: 'region', 'aria-label': caption },
      h('table', {},
        h('thead', {}, h('tr', {}, meta.map(({ name, type }) =>
          h('th', { scope: 'col', class: isNumber(type) ? 'number' : '' }, name, h('small', {}, type))))),
        h('tbody', {}, rows.map(row => h('tr', {}, meta.map(({ name, type }) => cell(row[name], type))))))),
    more)
}

/** What can be drawn of the rows; null when there is nothing to draw. */
function drawing({ meta, data }) {
  const numbers = meta.filter(({ type }) => isNumber(type))
  if (!numbers.length || data.length < 2) return null
  const labels = meta.filter(({ type }) => isTime(type) || !isNumber(type))
  const along = h('select', { 'aria-label': 'Along' }, (labels.length ? labels : numbers).map(({ name }) => h('option', {}, name)))
  const up = h('select', { 'aria-label': 'Up' }, numbers.map(({ name }) => h('option', {}, name)))
  const place = h('div')
  const draw = () => {
    const type = meta.find(({ name }) => name === along.value).type
    const points = data.map(row => ({ label: shown(row[along.value]), value: Number(row[up.value] ?? 0) }))
      .filter(({ value }) => Number.isFinite(value))
    place.replaceChildren(chart(points, { line: isTime(type), name: up.value }))
  }
  along.addEventListener('change', draw)
  up.addEventListener('change', draw)
  draw()
  return h('div', {}, h('p', { class: 'choices' }, up, ' by ', along), place)
}

/** Tabs with the ways to see the rows. */
export function result(answer, caption) {
  const ways = { Table: () => table(answer, caption), Chart: () => drawing(answer),
    JSON: () => h('pre', { tabindex: '0' }, JSON.stringify(answer.data, null, 2)) }
  if (!drawing(answer)) delete ways.Chart
  const place = h('div')
  const tabs = Object.keys(ways).map(name => h('button', { type: 'button', onclick: () => choose(name) }, name))
  const choose = name => {
    tabs.forEach(tab => tab.setAttribute('aria-pressed', tab.textContent === name))
    place.replaceChildren(ways[name]())
  }
  choose('Table')
  return h('div', { class: 'result' }, h('div', { class: 'tabs', role: 'group', 'aria-label': 'Show as' }, tabs), place)
}
