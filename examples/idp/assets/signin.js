// The sign-in page: it shows the state that the last answer has, and follows
// that answer's links. The state token is kept for this tab, so that a reload
// goes on where it was.

import { Refused, post } from './api.js'
import { everySecond, learn, left, minutes } from './clock.js'

const $ = (id) => document.getElementById(id)
const kept = 'stateToken'

let answer = {} // the last one that told where the sign-in stands
let authn = {} // its member of that name, or that of a later refusal
let busy = false

// --- what to show -----------------------------------------------------------

const views = {
  MFA_REQUIRED: ['choose', 'factor'],
  MFA_ENROLL: ['enroll', 'factor'],
  MFA_CHALLENGE: ['code', 'factor'],
  MFA_ENROLL_ACTIVATE: ['code', 'factor'],
  LOCKED_OUT: ['locked', 'factor'],
  SUCCESS: ['done', 'done'],
}

// show turns to an answer's state.
function show(next) {
  answer = next
  know(next.authn)
  const [view, step] = views[next.status] || ['password', 'password']
  if (next.stateToken) sessionStorage.setItem(kept, next.stateToken)
  else sessionStorage.removeItem(kept)
  for (const e of document.querySelectorAll('[data-view]')) e.hidden = e.dataset.view !== view
  for (const e of $('steps').children) {
    if (e.dataset.step === step) e.setAttribute('aria-current', 'step')
    else e.removeAttribute('aria-current')
  }
  say('')
  fill[view]?.()
  draw()
  focusOn(view)
}

const fill = {
  choose() {
    $('factors').replaceChildren(...factors().map((f) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.dataset.factor = f.id
      button.append('Send a code to ', strong(f.profile?.email || f.factorType))
      button.addEventListener('click', () => event(f._links.verify.href))
      const item = document.createElement('li')
      item.append(button)
      return item
    }))
  },
  enroll() {
    $('enroll').hidden = !factors().some((f) => f._links?.enroll)
    $('skip').hidden = !answer._links.skip
  },
  code() {
    const enrolling = answer.status === 'MFA_ENROLL_ACTIVATE'
    $('code-heading').textContent = enrolling ? 'Confirm your address' : 'Enter the code'
    $('code-button').textContent = enrolling ? 'Confirm and sign in' : 'Confirm'
    codeError('')
    $('code').value = ''
    sent()
  },
  locked() {
    const wait = left(authn.lockedUntil)
    $('locked-text').textContent = answer.text || (wait
      ? `This account is locked. It opens by itself in ${minutes(wait)}.`
      : 'This account is locked, and time does not open it: turn to the support.')
  },
}

function sent() {
  const to = answer._embedded.factor?.profile?.email
  const how = { pending: 'is on its way to', failed: 'could not be sent to' }[authn.delivery] || 'went to'
  $('code-sent').replaceChildren(`Code ${authn.generation} ${how} `, strong(to), '.')
}

// draw writes what changes with time.
function draw() {
  const over = answer.stateToken && answer.expiresAt && !left(answer.expiresAt)
  if (over && !busy) return ended('The sign-in took too long and has ended. Please sign in again.')
  $('ends').hidden = !answer.stateToken
  set('ends-in', `This sign-in ends in ${minutes(left(answer.expiresAt))}.`)
  for (const b of document.querySelectorAll('[data-factor]')) wait(b, at('challenge'))
  if (!$('code').checkVisibility()) return
  const life = left(authn.codeExpiresAt)
  set('code-life', authn.codeExpiresAt ? (life ? `It is good for ${minutes(life)}.` : 'It has expired: ask for a new one.') : 'There is no live code: ask for a new one.')
  set('tries', authn.triesLeft < 4 ? `${authn.triesLeft === 1 ? 'This is the last try' : `${authn.triesLeft} tries left`}.` : '')
  drawButtons()
}

function drawButtons() {
  const confirm = answer._links.next.name === 'activate' ? 'activate' : 'verify'
  wait($('code-button'), at(confirm))
  const resend = $('resend')
  const seconds = left(authn.resendAt)
  resend.hidden = !answer._links.resend || !allowed('resend')
  set('resend', seconds ? `Send a new code in ${minutes(seconds)}` : 'Send a new code')
  if (resend.getAttribute('aria-disabled') === 'true' && !seconds && !resend.hidden) tell('You can ask for a new code now.')
  resend.setAttribute('aria-disabled', String(seconds > 0))
}

// wait marks a button that may not be used before a time. It keeps the focus.
function wait(button, time) {
  const seconds = left(time)
  button.setAttribute('aria-disabled', String(seconds > 0))
  button.dataset.wait = seconds ? ` in ${minutes(seconds)}` : ''
}

const allowed = (name) => authn.allowed?.find((a) => a.event === name)
const at = (name) => allowed(name)?.at
const factors = () => answer._embedded?.factors || []

function set(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text
}

function strong(text) {
  const e = document.createElement('strong')
  e.textContent = text
  return e
}

// say shows a sentence above the form and reads it out; tell only reads out.
function say(text, kind = 'fault') {
  $('alert').dataset.kind = kind
  $('alert').textContent = text
}

function tell(text) {
  $('announce').textContent = text
}

function codeError(text) {
  $('code-error').textContent = text
  $('code').setAttribute('aria-invalid', String(text !== ''))
}

function focusOn(view) {
  const section = document.querySelector(`[data-view="${view}"]`)
  const first = { code: $('code'), password: $('username') }[view] || section.querySelector('h1')
  first.focus()
  document.title = `${section.querySelector('h1').textContent} · authn demo`
}

// --- what to do --------------------------------------------------------------

function know(member) {
  if (!member) return
  authn = member
  learn(member.now)
}

// event sends one event of the transaction, and shows what comes of it.
function event(href, body = {}) {
  return attempt(async () => {
    const before = authn.generation
    const next = await post(href, { stateToken: answer.stateToken, ...body })
    if (next.status === 'SUCCESS') return finish(next)
    if (!next.status) return ended('The sign-in was canceled.', 'note')
    show(next)
    if (authn.generation > before) tell(`Code ${authn.generation} was sent. The one before is dead.`)
  })
}

// attempt runs one thing at a time, and shows why it failed.
async function attempt(task) {
  if (busy) return
  busy = true
  document.body.dataset.busy = ''
  codeError('')
  try {
    await task()
  } catch (e) {
    failed(e)
  } finally {
    busy = false
    delete document.body.dataset.busy
  }
}

function failed(e) {
  if (!(e instanceof Refused)) return say(e.message)
  know(e.authn)
  if (e.code === 'E0000011') return ended('This sign-in has ended. Please sign in again.')
  if (e.code === 'E0000069') return show({ status: 'LOCKED_OUT', authn: e.authn, text: e.message })
  if (e.code === 'E0000079') return resume() // another tab was faster
  if (answer._links?.next && $('code').checkVisibility()) {
    codeError(e.message)
    draw()
    if (authn.codeExpiresAt) $('code').select()
    ;(authn.codeExpiresAt ? $('code') : $('resend')).focus()
    return
  }
  say(e.message)
  if (e.code === 'E0000004') $('password').select()
}

// ended goes back to the beginning.
function ended(why, kind) {
  authn = {}
  show({})
  say(why, kind)
}

// finish exchanges the session token: only now is somebody signed in.
async function finish(success) {
  show({ ...success, stateToken: undefined })
  await post('/api/v1/sessions', { sessionToken: success.sessionToken })
  location.assign('/account')
}

// resume asks where a sign-in stands that this tab knows of.
async function resume() {
  const token = sessionStorage.getItem(kept)
  if (!token) return
  try {
    show(await post('/api/v1/authn', { stateToken: token }))
  } catch (e) {
    if (e.code === 'E0000011') ended('The sign-in that was under way has ended. Please sign in again.')
    else say(e.message)
  }
}

// --- who does it -------------------------------------------------------------

// on runs f unless the button has to wait.
function on(id, f) {
  $(id).addEventListener('click', (e) => {
    if (e.currentTarget.getAttribute('aria-disabled') !== 'true') f()
  })
}

$('password-form').addEventListener('submit', (e) => {
  e.preventDefault()
  attempt(async () => {
    say('')
    const next = await post('/api/v1/authn', { username: $('username').value.trim(), password: $('password').value })
    $('password').value = ''
    if (next.status === 'SUCCESS') return finish(next)
    show(next)
  })
})

$('code-form').addEventListener('submit', (e) => {
  e.preventDefault()
  if ($('code-button').getAttribute('aria-disabled') === 'true') return
  if (!$('code').value) {
    codeError('Enter the code from the mail.')
    $('code').focus()
    return
  }
  event(answer._links.next.href, { passCode: $('code').value })
})

// Whatever was pasted, "123 456" or a whole sentence: its digits are the code.
$('code').addEventListener('input', (e) => {
  const digits = e.target.value.replace(/\D/g, '').slice(0, 12)
  if (digits !== e.target.value) e.target.value = digits
})

on('resend', () => event(answer._links.resend[0].href))
on('previous', () => event(answer._links.prev.href))
on('cancel', () => event(answer._links.cancel.href))
on('skip', () => event(answer._links.skip.href))
on('enroll', () => {
  const f = factors().find((x) => x._links?.enroll)
  event(f._links.enroll.href, { factorType: f.factorType, provider: f.provider })
})
on('reveal', () => {
  const shown = $('password').type === 'text'
  $('password').type = shown ? 'password' : 'text'
  $('reveal').setAttribute('aria-pressed', String(!shown))
})
for (const b of document.querySelectorAll('[data-restart]')) b.addEventListener('click', () => ended(''))

// A demo account fills in the form.
document.querySelector('.accounts').addEventListener('click', (e) => {
  const button = e.target.closest('[data-user]')
  if (!button) return
  const list = e.currentTarget
  const tag = $('fresh').checked ? `+${Math.random().toString(36).slice(2, 6)}` : ''
  if (!$('username').checkVisibility()) ended('')
  $('username').value = button.dataset.user + tag + list.dataset.domain
  $('password').value = list.dataset.password
  $('password-form').querySelector('.primary').focus()
  tell(`${$('username').value} is filled in.`)
})

addEventListener('pageshow', (e) => {
  if (e.persisted) location.reload()
})
everySecond(draw)
resume()
