// The way of the rows as a picture: columns from left to right, few crossings, a link for each box.

import { h, svg } from './dom.js'
import { KINDS, page } from './project.js'

const WIDTH = 156, HEIGHT = 30, ACROSS = 30, DOWN = 9, EDGE = 12

/** Names that can be reached from one name, over edges in one direction. */
function reached(name, next) {
  const found = new Set([name])
  for (const current of found) for (const other of next.get(current) ?? []) found.add(other)
  return found
}

function neighbours(edges) {
  const after = new Map(), before = new Map()
  const add = (map, key, value) => map.set(key, [...(map.get(key) ?? []), value])
  for (const [from, to] of edges) {
    add(after, from, to)
    add(before, to, from)
  }
  return { after, before }
}

/** All that rows of `name` come from or go to. */
export function lineage(edges, name) {
  const { after, before } = neighbours(edges)
  return new Set([...reached(name, before), ...reached(name, after)])
}

/** Edges that go past the names which are left out, as if these were not there. */
function without(edges, hidden) {
  const { after } = neighbours(edges)
  const found = new Map()
  for (const from of after.keys()) {
    if (hidden.has(from)) continue
    const seen = new Set(), waiting = [...after.get(from)]
    while (waiting.length) {
      const to = waiting.pop()
      if (seen.has(to)) continue
      seen.add(to)
      if (hidden.has(to)) waiting.push(...(after.get(to) ?? []))
      else if (to !== from) found.set(`${from} ${to}`, [from, to])
    }
  }
  return [...found.values()]
}

/** The column of each name: one more than the last of what it reads. Circles are cut open; a pipe
    that reads what it writes stands before it. */
function layers(names, edges, isLast, isPipe) {
  const { after, before } = neighbours(edges.filter(([from, to]) =>
    isPipe(from) || !edges.some(([back, forth]) => back === to && forth === from)))
  const layer = new Map(), open = new Set()
  const visit = name => {
    if (layer.has(name)) return layer.get(name)
    open.add(name)
    const above = (before.get(name) ?? []).filter(other => !open.has(other)).map(visit)
    open.delete(name)
    layer.set(name, Math.max(-1, ...above) + 1)
    return layer.get(name)
  }
  names.forEach(visit)
  const last = Math.max(...layer.values())
  names.filter(name => isLast(name) && !after.has(name)).forEach(name => layer.set(name, last))
  const columns = Array.from({ length: last + 1 }, () => [])
  names.forEach(name => columns[layer.get(name)].push(name))
  return columns.filter(column => column.length)
}

/** Orders each column by the mean position of its neighbours, to and fro. */
function untangle(columns, edges) {
  const { after, before } = neighbours(edges)
  const place = new Map()
  const note = () => columns.forEach(column =>
    column.forEach((name, index) => place.set(name, (index + 0.5) / column.length)))
  note()
  for (let round = 0; round < 8; round++) {
    const beside = round % 2 ? after : before
    for (const column of columns) {
      const mean = name => {
        const others = beside.get(name) ?? []
        if (!others.length) return place.get(name)
        return others.reduce((sum, other) => sum + place.get(other), 0) / others.length
      }
      const means = new Map(column.map(name => [name, mean(name)]))
      column.sort((a, b) => means.get(a) - means.get(b) || (a < b ? -1 : 1))
    }
    note()
  }
}

const shortened = name => (name.length > 19 ? `${name.slice(0, 18)}…` : name)

/** The graph of these names, or of all; pipes in between are left out unless asked for. */
export function graph(project, { only, between = true, current } = {}) {
  const everything = project.edges()
  const all = new Set([...project.datasources.keys(), ...project.pipes.keys(), ...everything.flat()])
  const hidden = new Set([...all].filter(name =>
    (only && !only.has(name)) || (!between && project.kind(name) === 'default')))
  const names = [...all].filter(name => !hidden.has(name)).sort()
  if (!names.length) return h('p', { class: 'quiet' }, 'There is nothing yet: deploy a project.')
  const edges = without(everything, hidden)
  const columns = layers(
    names, edges, name => project.kind(name) === 'endpoint', name => project.pipes.has(name))
  untangle(columns, edges)

  const tallest = Math.max(...columns.map(column => column.length))
  const width = columns.length * (WIDTH + ACROSS) - ACROSS + 2 * EDGE
  const height = tallest * (HEIGHT + DOWN) - DOWN + 2 * EDGE
  const at = new Map()
  columns.forEach((column, across) => {
    const step = Math.min(2.4 * HEIGHT, (height - 2 * EDGE + DOWN) / column.length)
    const above = (height - (column.length - 1) * step - HEIGHT) / 2
    column.forEach((name, down) => at.set(name, [EDGE + across * (WIDTH + ACROSS), above + down * step]))
  })

  const lines = edges.map(([from, to]) => {
    const [x1, y1] = at.get(from), [x2, y2] = at.get(to)
    const start = x1 + WIDTH, bend = Math.max(ACROSS / 2, (x2 - start) / 2)
    const [a, b] = [y1 + HEIGHT / 2, y2 + HEIGHT / 2]
    const line = svg('path', { d: `M${start} ${a}C${start + bend} ${a} ${x2 - bend} ${b} ${x2} ${b}`, class: 'edge' })
    return { from, to, line }
  })
  const boxes = names.map(name => {
    const kind = project.kind(name), [x, y] = at.get(name)
    const inside = [
      svg('title', {}, `${name} (${KINDS[kind]})`),
      svg('rect', { x, y, width: WIDTH, height: HEIGHT, rx: 7 }),
      svg('text', { x: x + 9, y: y + HEIGHT / 2, 'dominant-baseline': 'central' }, shortened(name))
    ]
    const shape = `box ${kind}${name === current ? ' current' : ''}`
    const box = kind === 'external'
      ? svg('g', { class: shape }, inside)
      : svg('a', { class: shape, href: page(kind, name) }, inside)
    return { name, box }
  })

  const picture = svg('svg', {
    viewBox: `0 0 ${width} ${height}`, width, height, class: 'graph', role: 'group',
    'aria-label': 'What flows into what'
  }, lines.map(({ line }) => line), boxes.map(({ box }) => box))
  const light = name => {
    const seen = name ? lineage(edges, name) : new Set()
    picture.classList.toggle('dimmed', Boolean(name))
    boxes.forEach(({ name: other, box }) => box.classList.toggle('lit', seen.has(other)))
    lines.forEach(({ from, to, line }) => line.classList.toggle('lit', seen.has(from) && seen.has(to)))
  }
  for (const { name, box } of boxes) {
    for (const event of ['mouseenter', 'focus']) box.addEventListener(event, () => light(name))
    for (const event of ['mouseleave', 'blur']) box.addEventListener(event, () => light(''))
  }
  const frame = h('div', { class: 'graph-frame', tabindex: '0', role: 'region', 'aria-label': 'Graph' }, picture)
  requestAnimationFrame(() => { frame.scrollTop = (frame.scrollHeight - frame.clientHeight) / 2 })
  return frame
}

export function legend(project) {
  const kinds = Object.keys(KINDS).filter(kind => kind !== 'external' && project.named(kind).length)
  return h('ul', { class: 'legend' }, kinds.map(kind => h('li', { class: kind }, KINDS[kind])))
}
