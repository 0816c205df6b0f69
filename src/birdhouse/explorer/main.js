// The page: who asks, what there is, and which part of it is shown.

import { activity } from './activity.js'
import { get, getToken, localToken, setToken } from './api.js'
import { bytes, count, failure, h, short } from './dom.js'
import { graph, legend } from './graph.js'
import { KINDS, Project, page } from './project.js'
import { datasourcePage, pipePage, tile } from './resource.js'

const KEPT = 'birdhouse_explorer_token'
const main = document.getElementById('main')
let project, local

function overview() {
  const all = [...project.datasources.values()]
  const sum = pick => all.reduce((total, found) => total + pick(found), 0)
  const rejected = sum(found => found.quarantine_rows)
  const between = h('input', { type: 'checkbox', onchange: () => draw() })
  const place = h('div')
  const draw = () => place.replaceChildren(graph(project, { between: between.checked }))
  draw()
  return h('div', {},
    h('header', {}, h('h1', {}, project.workspace.name)),
    h('dl', { class: 'tiles' },
      tile('Data sources', count(project.datasources.size)),
      tile('Endpoints', count(project.named('endpoint').length)),
      tile('Rows', count(sum(found => found.statistics.row_count))),
      tile('Stored', bytes(sum(found => found.statistics.bytes))),
      tile('In quarantine', count(rejected), rejected ? 'warn' : '')),
    h('section', {},
      h('div', { class: 'title' }, h('h2', {}, 'What flows into what'),
        project.named('default').length ? h('label', { class: 'check' }, between, ' pipes in between') : null),
      legend(project), place))
}

function entry(kind, name) {
  const datasource = project.datasources.get(name)
  return h('li', {}, h('a', { href: page(kind, name), title: name }, h('span', {}, name),
    datasource ? h('small', { class: datasource.quarantine_rows ? 'warn' : '' }, short(datasource.statistics.row_count)) : null))
}

function list() {
  const search = h('input', { type: 'search', placeholder: 'Find…', 'aria-label': 'Find a resource', oninput: () => narrow() })
  const groups = Object.keys(KINDS).filter(kind => project.named(kind).length).map(kind =>
    h('details', { open: kind === 'datasource' || kind === 'endpoint' },
      h('summary', {}, KINDS[kind], h('small', {}, project.named(kind).length)),
      h('ul', {}, project.named(kind).map(name => entry(kind, name)))))
  const narrow = () => groups.forEach(group => {
    const items = [...group.querySelectorAll('li')]
    items.forEach(item => { item.hidden = !item.textContent.toLowerCase().includes(search.value.toLowerCase()) })
    group.hidden = items.every(item => item.hidden)
    if (search.value) group.open = true
  })
  const closed = matchMedia('(max-width: 760px)').matches
  document.getElementById('list').replaceChildren(
    h('details', { class: 'all', open: !closed }, h('summary', {}, 'Resources'), search, groups))
}

function shown() {
  const [, kind = '', encoded = ''] = location.hash.split('/')
  const name = decodeURIComponent(encoded)
  if (kind === 'activity') return activity()
  if (kind === 'datasource' && project.datasources.has(name)) return datasourcePage(project, name)
  if (kind === 'pipe' && project.pipes.has(name)) return pipePage(project, name)
  if (!kind) return overview()
  return failure(new Error(`There is no ${name || kind} here.`))
}

function show() {
  main.replaceChildren(shown())
  for (const link of document.querySelectorAll('.top nav a, aside a')) {
    const here = link.getAttribute('href') === (location.hash || '#/')
    if (here) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  document.title = [main.querySelector('h1')?.textContent, 'Birdhouse'].filter(Boolean).join(' · ')
  scrollTo(0, 0)
}

function askForToken(reason) {
  const input = h('input', { type: 'password', name: 'token', required: true, autocomplete: 'off', 'aria-label': 'Token' })
  const use = event => {
    event.preventDefault()
    sessionStorage.setItem(KEPT, input.value.trim())
    start()
  }
  main.replaceChildren(h('form', { class: 'ask', onsubmit: use }, h('h1', {}, 'A token, please'),
    h('p', { class: 'quiet' }, reason), input, h('button', { class: 'primary' }, 'Use it')))
}

/** The tokens that there are to choose from; one that may not list them stands alone. */
async function tokens() {
  try {
    const { workspaces } = await get('/v1/user/workspaces', {}, local || getToken())
    const current = workspaces.find(found => found.id === project.workspace.id)
    const { tokens: own } = await get('/v0/tokens', {}, current.token)
    return { own, others: workspaces.filter(found => found !== current) }
  } catch (error) {
    if (error.status !== 403) throw error
    return { own: [{ name: 'this token', token: getToken() }], others: [] }
  }
}

async function picker() {
  const { own, others } = await tokens()
  const option = (name, token) => h('option', { value: token, selected: token === getToken() }, name)
  const choose = () => {
    if (select.value === 'other') return askForToken('It is kept until this tab is closed.')
    sessionStorage.setItem(KEPT, select.value)
    return start()
  }
  const select = h('select', { 'aria-label': 'Token', onchange: choose },
    h('optgroup', { label: project.workspace.name }, own.map(({ name, token }) => option(name, token))),
    others.length ? h('optgroup', { label: 'Other workspaces' }, others.map(({ name, token }) => option(name, token))) : null,
    h('optgroup', { label: 'Else' }, h('option', { value: 'other' }, 'Another token…'), h('option', { value: '' }, 'That of this machine')))
  document.getElementById('token').replaceChildren(select)
}

async function start() {
  try {
    local ??= await localToken()
    setToken(sessionStorage.getItem(KEPT) || local)
    if (!getToken()) {
      askForToken('This machine is not the one that birdhouse runs on, so it has to be told: as TB_TOKEN, birdhouse env prints one there.')
      return
    }
    project = await Project.load()
    list()
    show()
    await picker()
  } catch (error) {
    if (error.status === 403) {
      sessionStorage.removeItem(KEPT)
      askForToken(error.message)
    } else main.replaceChildren(failure(error))
  }
}

addEventListener('hashchange', () => { if (project) show() })
fetch('/dashboard/', { method: 'HEAD' }).then(answer => { document.getElementById('dashboard').hidden = !answer.ok })
start()
