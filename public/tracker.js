// The tracker of docs/tracker.md.
(() => {
  const { src, dataset } = document.currentScript, sources = ['events', 'user_sessions'], sending = {}
  const { host = new URL(src).origin, token, tenant = '', user = '', version = '', country = '' } = dataset
  const refused = navigator.doNotTrack == 1 || navigator.globalPrivacyControl
  const early = (window.birdhouse || {}).q || []
  let store = {}, page, referrer, address = document.referrer, timer, failures = 0
  try { store = localStorage } catch (error) {}

  const get = key => store['birdhouse_' + key]
  const put = (key, value) => {
    if (!refused) try { store['birdhouse_' + key] = value } catch (full) { store = { ...store, ['birdhouse_' + key]: value } }
    return value
  }
  const keys = start => Object.keys(store).filter(key => key.startsWith('birdhouse_' + start)).sort()
  const forget = keys => keys.forEach(key => delete store[key])
  const allowed = () => !refused && (get('consent') || dataset.consent) != 'required'
  const newId = () => Date.now().toString(36) + Math.random().toString(36).slice(2)
  const named = names => Object.keys(names).find(name => names[name].test(navigator.userAgent)) || ''
  const later = delay => timer = timer || setTimeout(flush, delay)

  const track = (event_type, properties) => {
    const now = Date.now(), time = new Date(now).toISOString().slice(0, 19).replace('T', ' ')
    const event_id = newId(), query = (location.search.match(/utm_\w+=[^&]*/g) || []).join('&'), utm = {}
    let [session_id, last] = (get('session') || '').split(' ')
    const goesOn = now - last <= 18e5, beat = event_type == 'heartbeat'
    if (!allowed() || beat && !goesOn) return
    if (!goesOn) session_id = newId()
    put('session', session_id + ' ' + now)
    new URLSearchParams(query).forEach((value, key) => utm[key] = value)
    properties = JSON.stringify({ page, referrer, ...utm, ...properties })
    for (const source of sources.slice(+beat)) {
      forget(keys(source).slice(0, -499))
      put(source + event_id, JSON.stringify({
        event_id, event_type, session_id, referrer, properties, event_data: properties,
        user_id: get('user') || user || get('visitor') || put('visitor', newId()),
        tenant_id: tenant, app_version: version, country, platform: 'web', ip_address: '',
        timestamp: time, created_at: time, updated_at: time, page_url: address + (query && '?' + query),
        device_type: named({ tablet: /iPad|Tablet|Android(?!.*Mobi)/, mobile: /Mobi/, desktop: /./ }),
        os: named({ iOS: /iP(hone|ad)/, Android: /Android/, Windows: /Windows/, macOS: /Mac/, Linux: /Linux/ }),
        browser: named({ Edge: /Edg/, Firefox: /Firefox|FxiOS/, Chrome: /Chrom|CriOS/, Safari: /Safari/ })
      }))
    }
    later(300)
  }

  // A row stays until its answer comes: sent twice, it counts once.
  const flush = leaving => sources.forEach(async source => {
    timer = clearTimeout(timer)
    const sent = keys(source).slice(0, 40), body = sent.map(key => store[key]).join('\n')
    const url = host + '/v0/events?name=' + source + '&token=' + token
    if (!body || !allowed()) return
    if (leaving == 1) return navigator.sendBeacon(url, body)
    if (sending[source]) return
    sending[source] = 1
    try {
      const { ok, status } = await fetch(url, { method: 'POST', body })
      if (status == 429 || status > 499) throw status
      if (!ok) console.warn('birdhouse: refused', status)
      forget(sent)
      failures = 0
      later(0)
    } catch (error) {
      later(1e3 * 2 ** Math.min(failures++, 8) * (1 + Math.random()))
    }
    sending[source] = 0
  })

  const view = again => {
    if (location.pathname == page && again != 1 || !allowed()) return
    page = location.pathname
    referrer = address.split(/[?#]/)[0]
    address = location.origin + page
    track('page_view')
  }

  window.birdhouse = track
  track.identify = user => allowed() && put('user', user || '')
  track.consent = granted => {
    if (!granted) forget(keys(''))
    put('consent', granted ? 'granted' : 'required')
    view(1)
  }
  for (const name of ['pushState', 'replaceState']) {
    const change = history[name].bind(history)
    history[name] = (...state) => {
      change(...state)
      view()
    }
  }
  addEventListener('popstate', view)
  addEventListener('pageshow', event => event.persisted && view(1))
  addEventListener('online', flush)
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) track('heartbeat')
    flush(+document.hidden)
  })
  view()
  early.forEach(call => track(...call))
})()
