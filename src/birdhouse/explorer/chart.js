// A chart of one series: a line over time, bars for anything else.

import { h, short, svg } from './dom.js'

const WIDTH = 720, HEIGHT = 240, LEFT = 52, RIGHT = 12, TOP = 12, BOTTOM = 26, BARS = 24

/** Round steps from 0 (or below) to the highest value. */
function ticks(low, high) {
  const rough = (high - low) / 4 || 1
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(n => n * unit).find(n => n >= rough)
  const found = []
  for (let at = Math.floor(low / step) * step; at < high + step || found.length < 2; at += step) found.push(at)
  return found
}

export function chart(points, { line, name }) {
  const drawn = line ? [...points].sort((a, b) => (a.label < b.label ? -1 : 1)) : points.slice(0, BARS)
  const values = drawn.map(({ value }) => value)
  const steps = ticks(Math.min(0, ...values), Math.max(0, ...values))
  const [low, high] = [steps[0], steps[steps.length - 1]]
  const y = value => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM)
  const slot = (WIDTH - LEFT - RIGHT) / (line ? Math.max(1, drawn.length - 1) : drawn.length)
  const x = index => LEFT + slot * (line ? index : index + 0.5)
  const every = Math.ceil(drawn.length / Math.max(1, Math.min(6, Math.floor(420 / (drawn[0].label.length * 7)))))

  const grid = steps.map(step => [
    svg('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(step), y2: y(step), class: step === 0 ? 'axis' : 'grid' }),
    svg('text', { x: LEFT - 8, y: y(step), 'text-anchor': 'end', 'dominant-baseline': 'central' }, short(step))
  ])
  const labels = drawn.map(({ label }, index) => {
    if (index % every) return null
    const anchor = !line ? 'middle' : index === 0 ? 'start' : 'middle'
    const text = label.replace(/ 00:00:00$/, '')
    return svg('text', { x: x(index), y: HEIGHT - 8, 'text-anchor': anchor }, text.length > 19 ? `${text.slice(0, 18)}…` : text)
  })
  const tip = ({ label, value }) => svg('title', {}, `${label}: ${value}`)
  const marks = line
    ? [
        svg('path', { class: 'line', d: drawn.map(({ value }, index) => `${index ? 'L' : 'M'}${x(index)} ${y(value)}`).join('') }),
        drawn.map((point, index) => svg('circle', { class: 'dot', cx: x(index), cy: y(point.value), r: drawn.length > 60 ? 1.5 : 3 }, tip(point)))
      ]
    : drawn.map((point, index) => svg('rect', {
        class: 'bar', x: x(index) - slot * 0.36, width: slot * 0.72, rx: 2,
        y: Math.min(y(point.value), y(0)), height: Math.max(1, Math.abs(y(point.value) - y(0)))
      }, tip(point)))
  const left = points.length - drawn.length
  return h('figure', { class: 'chart' },
    svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `${name}, ${drawn.length} values; the table has them` }, grid, marks, labels),
    left > 0 ? h('figcaption', { class: 'quiet' }, `The first ${BARS} of ${points.length}.`) : null)
}
