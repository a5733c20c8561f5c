// A part of the page that follows the server: /inbox and /machine.

import { everySecond, learn, left, minutes, since } from './clock.js'

const region = document.getElementById('live')
const announcer = document.getElementById('announce')
let announced = region.querySelector('[data-announce]')?.dataset.announce

function draw() {
  for (const e of region.querySelectorAll('[data-until]')) set(e, minutes(left(Number(e.dataset.until))))
  for (const e of region.querySelectorAll('[data-ago]')) set(e, ago(since(Number(e.dataset.ago))))
}

// set changes nothing that is as it should be: a selection survives.
function set(e, text) {
  if (e.textContent !== text) e.textContent = text
}

function ago(seconds) {
  if (seconds < 60) return 'just now'
  const n = Math.floor(seconds / 60)
  return n === 1 ? 'a minute ago' : n < 60 ? `${n} minutes ago` : `${Math.floor(n / 60)} h ago`
}

// center puts the present state into view: the drawing may be larger than its
// frame.
function center() {
  const frame = region.querySelector('.picture')
  const lit = frame?.querySelector('.node.lit')
  if (!lit) return
  const [a, b] = [lit.getBoundingClientRect(), frame.getBoundingClientRect()]
  frame.scrollLeft += a.left + a.width / 2 - b.left - b.width / 2
  frame.scrollTop += a.top + a.height / 2 - b.top - b.height / 2
}

// replace keeps the focus, what was typed and unfolded, and where the drawing was scrolled
// to while the state is the same.
function replace(html) {
  const frame = region.querySelector('.picture')
  const scrolled = [frame?.scrollLeft, frame?.scrollTop]
  const focused = region.contains(document.activeElement) ? document.activeElement.id : ''
  const open = Array.from(region.querySelectorAll('details[open]'), (d) => d.id)
  const typed = Array.from(region.querySelectorAll('input[id]'), (e) => [e.id, e.value])
  region.innerHTML = html // our own server's, escaped there
  for (const id of open) document.getElementById(id)?.setAttribute('open', '')
  for (const [id, value] of typed) if (document.getElementById(id)) document.getElementById(id).value = value
  if (focused) document.getElementById(focused)?.focus()
  draw()
  region.querySelector('.picture')?.scrollTo(...scrolled)
  const news = region.querySelector('[data-announce]')?.dataset.announce
  if (news && news !== announced) {
    announcer.textContent = news
    center()
  }
  announced = news
}

region.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]')
  if (!button) return
  try {
    await navigator.clipboard.writeText(button.dataset.copy)
    announcer.textContent = 'The code is copied.'
    button.classList.add('copied')
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling)
  }
})

let shown = region.innerHTML
let looking = false
let again = false

// look fetches the part, one request at a time.
async function look() {
  if (looking) {
    again = true
    return
  }
  looking = true
  try {
    const response = await fetch(region.dataset.part + location.search)
    const html = await response.text()
    if (response.ok && html !== shown) replace((shown = html))
  } catch {
    // The next event comes when the server is back.
  }
  looking = false
  if (again) {
    again = false
    look()
  }
}

// follow listens while somebody can see the page. A browser opens only six
// connections to a server, for all its tabs: those in the background leave them
// to the others.
let stream

function follow() {
  if (document.hidden) {
    stream?.close()
    stream = undefined
  } else if (!stream) {
    stream = new EventSource('/live')
    stream.addEventListener('message', (event) => {
      learn(Number(event.lastEventId))
      look()
    })
  }
}

document.addEventListener('visibilitychange', follow)
follow()

learn(Number(region.dataset.now))
draw()
center()
everySecond(draw)
