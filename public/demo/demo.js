// The shop around the tracker: pages that change without loading, events, and a look at what is sent.

const TENANT = 'demo', KEPT = 'demo_token', CART = 'demo_cart'
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}

const cart = () => JSON.parse(sessionStorage.getItem(CART) ?? '[]')
const total = () => cart().reduce((sum, { price }) => sum + price, 0)

// What the tracker sends passes through here, and stops here when the connection is cut.
const cut = make('input', { type: 'checkbox', onchange: () => { if (!cut.checked) dispatchEvent(new Event('online')) } })
const events = make('ol', { class: 'events', 'aria-label': 'Events', tabindex: '0' })
const shown = new Map()

function show(body, state) {
  for (const row of body.split('\n').map(line => JSON.parse(line))) {
    const status = make('em', { class: state }, state)
    shown.get(row.event_id)?.remove()
    const line = make('li', {}, status, make('b', {}, row.event_type), make('code', {}, row.properties))
    shown.set(row.event_id, line)
    events.prepend(line)
  }
}

function watch() {
  const { fetch } = window
  window.fetch = async (url, options) => {
    if (!String(url).includes('/v0/events?')) return fetch(url, options)
    show(options.body, cut.checked ? 'waiting' : 'sending')
    if (cut.checked) throw new TypeError('The connection is cut')
    const answer = await fetch(url, options)
    show(options.body, answer.ok ? 'sent' : 'failed')
    return answer
  }
  const beacon = navigator.sendBeacon.bind(navigator)
  navigator.sendBeacon = (url, body) => {
    if (cut.checked) return false
    show(body, 'beacon')
    return beacon(url, body)
  }
}

async function json(path, token) {
  const answer = await fetch(path, token ? { headers: { authorization: `Bearer ${token}` } } : {})
  return answer.ok ? answer.json() : null
}

/** On the machine of birdhouse: a token that can only append, and one to see what arrived. */
async function tokens() {
  const local = await json('/tokens')
  if (!local) return { append: sessionStorage.getItem(KEPT), read: null }
  const { tokens: known } = await json('/v0/tokens', local.workspace_admin_token)
  const appends = ({ scopes }) => scopes.length && scopes.every(({ type }) => type === 'DATASOURCES:APPEND')
  return { append: known.find(appends)?.token, read: local.workspace_admin_token }
}

function track(token) {
  const trusted = window.trustedTypes?.createPolicy('demo', { createScriptURL: url => url })
  const script = make('script', { 'data-token': token, 'data-tenant': TENANT })
  script.src = trusted ? trusted.createScriptURL('/tracker.js') : '/tracker.js'
  document.head.append(script)
}

function live(token) {
  const sessions = make('b', {}, '–'), rows = make('b', {}, '–')
  const ask = async () => {
    const found = await json(`/v0/pipes/live_now.json?tenant_id=${TENANT}`, token)
    if (!found) return
    sessions.textContent = found.data[0].session_count
    rows.textContent = found.data[0].event_count
  }
  ask()
  setInterval(ask, 2000)
  return make('div', { class: 'live' }, make('div', {}, sessions, 'live sessions'), make('div', {}, rows, 'their events'))
}

function askForToken() {
  const input = make('input', { 'aria-label': 'Append token', required: '', autocomplete: 'off' })
  const use = event => {
    event.preventDefault()
    sessionStorage.setItem(KEPT, input.value.trim())
    location.reload()
  }
  return make('form', { onsubmit: use }, make('p', {}, 'A token that can append, please: TB_APPEND_TOKEN.'), input, make('button', {}, 'Use it'))
}

function drawCart() {
  const place = document.getElementById('cart')
  place?.replaceChildren(...cart().map(({ product, price }) => make('li', {}, make('span', {}, product), `${price} €`)),
    make('li', {}, make('b', {}, 'Total'), make('b', {}, `${total()} €`)))
}

/** Another page of the shop in the place of this one, as single-page applications do it. */
function visit(url, pushed = true) {
  const request = new XMLHttpRequest()
  request.responseType = 'document'
  request.open('GET', url)
  request.onload = () => {
    document.querySelector('main').replaceWith(document.adoptNode(request.response.querySelector('main')))
    document.title = request.response.title
    if (pushed) history.pushState(null, '', url)
    drawCart()
  }
  request.send()
}

document.addEventListener('click', event => {
  const { add, price, buy } = event.target.dataset ?? {}
  const link = event.target.closest('header a[href$=".html"], header a[href="./"]')
  if (add) {
    sessionStorage.setItem(CART, JSON.stringify([...cart(), { product: add, price: Number(price) }]))
    birdhouse('add_to_cart', { product: add, price: Number(price) })
  } else if (buy) {
    birdhouse('checkout_start', { value: total() })
    birdhouse('purchase', { value: total(), products: cart().length })
    sessionStorage.removeItem(CART)
    visit(buy)
  } else if (link) {
    event.preventDefault()
    visit(link.href)
  }
})

document.addEventListener('submit', event => {
  const { event: type, user } = event.target.dataset
  if (!type) return
  event.preventDefault()
  const given = Object.fromEntries(new FormData(event.target))
  if (user) birdhouse.identify(given[user])
  birdhouse(type, given)
  event.target.reset()
})

addEventListener('popstate', () => visit(location.href, false))

document.body.prepend(make('header', {}, make('b', {}, 'Nest box shop'), make('a', { href: './' }, 'Shop'),
  make('a', { href: 'cart.html' }, 'Cart'), make('a', { href: '/dashboard/' }, 'Dashboard'), make('a', { href: '/' }, 'Explorer')))
const panel = make('aside', { class: 'panel', 'aria-label': 'What is sent' }, make('h2', {}, 'What is sent'))
document.body.append(panel)
drawCart()
watch()
const { append, read } = await tokens()
if (append) {
  if (read) panel.append(live(read))
  panel.append(
    make('div', { class: 'switches' },
      make('label', {}, cut, ' Cut the connection'),
      make('button', { onclick: () => birdhouse.consent(false) }, 'Forget me'),
      make('button', { onclick: () => birdhouse.consent(true) }, 'Track me')),
    events)
  track(append)
} else panel.append(askForToken())
