// An endpoint: a form with its parameters, and what it answers to them.

import { EXACT, curl, get } from './api.js'
import { bytes, count, failure, h, newId, pending, prose, seconds } from './dom.js'
import { result } from './result.js'

const INTEGER = /^(U?Int\d*|Integer)$/
const DECIMAL = /^(Float\d*|Number)$/

function field(given) {
  const id = newId(), about = newId()
  const fallback = (given.default ?? null) === null ? '' : String(given.default)
  const common = { id, name: given.name, 'aria-describedby': about, required: given.required }
  let input
  if (given.enum?.length || given.type === 'Boolean') {
    const values = given.enum?.length ? given.enum.map(String) : ['1', '0']
    input = h('select', common, h('option', { value: '' }, fallback ? `default: ${fallback}` : '—'),
      values.map(value => h('option', { value }, value)))
  } else {
    const numeric = INTEGER.test(given.type) ? 'numeric' : DECIMAL.test(given.type) ? 'decimal' : null
    input = h('input', { ...common, inputmode: numeric, autocomplete: 'off', spellcheck: 'false',
      placeholder: fallback || (given.example === undefined ? '' : `e.g. ${given.example}`) })
    if (given.required && given.example !== undefined) input.value = given.example
  }
  return h('div', { class: 'field' },
    h('label', { for: id }, given.name, given.required ? h('em', {}, 'required') : null, h('small', {}, given.type)),
    input,
    h('p', { id: about, class: 'quiet' }, prose(given.description ?? '')))
}

async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = h('textarea', {}, text) // a page that came without TLS from another machine
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

function form(path, parameters) {
  const answer = h('div', { class: 'answer', 'aria-live': 'polite' })
  const command = h('pre', { class: 'curl', tabindex: '0', 'aria-label': 'As a command' })
  const fields = h('div', { class: 'fields' }, parameters.map(field))
  const said = h('span', { class: 'quiet', role: 'status' })
  const values = () => Object.fromEntries([...new FormData(asked)].filter(([, value]) => value !== ''))
  const update = () => { command.textContent = curl(path, values(), '…') }
  const run = async event => {
    event.preventDefault()
    answer.setAttribute('aria-busy', 'true')
    try {
      const found = await get(path, { ...values(), ...EXACT })
      const { elapsed, rows_read, bytes_read } = found.statistics
      answer.replaceChildren(
        h('p', { class: 'facts' }, h('b', {}, `${count(found.rows)} ${found.rows === 1 ? 'row' : 'rows'}`),
          ` in ${seconds(elapsed)}, ${count(rows_read)} rows (${bytes(bytes_read)}) read`),
        result(found, 'Answer'))
    } catch (error) {
      answer.replaceChildren(failure(error))
    }
    answer.removeAttribute('aria-busy')
  }
  const copy = async () => {
    await copied(curl(path, values()))
    said.textContent = 'Copied, with the token.'
  }
  const asked = h('form', { onsubmit: run, oninput: update },
    parameters.length ? fields : h('p', { class: 'quiet' }, 'It has no parameters.'),
    h('p', { class: 'actions' },
      h('button', { class: 'primary' }, 'Run'),
      h('button', { type: 'button', onclick: copy }, 'Copy as curl'), said))
  update()
  return h('div', {}, asked, command, answer)
}

export function endpoint(project, pipe) {
  const path = `/v0/pipes/${encodeURIComponent(pipe.name)}.json`
  return h('section', {}, h('h2', {}, 'Ask'),
    pending(project.parameters(pipe), parameters => form(path, parameters)))
}
