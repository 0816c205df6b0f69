// Elements. What comes in as data only ever becomes text or an attribute's value.

const SVG = 'http://www.w3.org/2000/svg'

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value)
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined))
  return element
}

export const h = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children)

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children)

/** A description, with what stands in backticks as code. */
export const prose = text =>
  text.split('`').map((part, index) => (index % 2 ? h('code', {}, part) : part))

let lastId = 0
export const newId = () => `e${++lastId}`

const WHOLE = new Intl.NumberFormat('en-US')
const SHORT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

export const count = number => WHOLE.format(number)
export const short = number => SHORT.format(number)

export function bytes(number) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000
    unit += 1
  }
  return `${unit && number < 100 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`
}

export function seconds(number) {
  return number < 1 ? `${(number * 1000).toFixed(number < 0.01 ? 1 : 0)} ms` : `${number.toFixed(2)} s`
}

/** A part of the page that is asked for first: what it shows meanwhile, then, or when that fails. */
export function pending(promise, show) {
  const place = h('div', { 'aria-busy': 'true' }, h('p', { class: 'quiet' }, 'Loading…'))
  promise.then(show).catch(failure).then(element => {
    place.removeAttribute('aria-busy')
    place.replaceChildren(element)
  })
  return place
}

export const failure = error => h('p', { class: 'failure', role: 'alert' }, error.message)
