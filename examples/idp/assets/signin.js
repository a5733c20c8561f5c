// The sign-in page: it shows the state that the last answer has, and follows
// that answer's links. The state token is kept for this tab, so that a reload
// goes on where it was.

import { Refused, Unreachable, post } from './api.js'
import { doubtful, everySecond, learn, left, minutes, moment } from './clock.js'
import { listed, takeCodes } from './codes.js'
import { kind } from './factors.js'
import * as key from './key.js'
import * as recovering from './recover.js'
import * as renewing from './renew.js'

const $ = (id) => document.getElementById(id)
const kept = 'stateToken'

let answer = {} // the last one that told where the sign-in stands
let authn = {} // its member of that name, or that of a later refusal
let view = 'password' // what is shown
let won // an answer of SUCCESS whose session is not made yet
let busy = false
let asked = 0 // when the server was last asked how much time is left
let polling // a poll that is under way
let polled = 0 // when it began
let dialog // ends the browser's own, about a key
let offered // the sign-in to which it was offered to remember the device

// --- what to show -----------------------------------------------------------

const views = {
  MFA_REQUIRED: ['choose', 'factor'],
  MFA_ENROLL: ['enroll', 'factor'],
  MFA_CHALLENGE: ['', 'factor'], // the view is that of the factor at hand
  MFA_ENROLL_ACTIVATE: ['', 'factor'],
  PASSWORD_WARN: ['renew', 'renew'],
  PASSWORD_EXPIRED: ['renew', 'renew'],
  PASSWORD_RESET: ['renew', 'renew'],
  RECOVERY_CHALLENGE: ['', 'password'], // the code, or word that a link is on its way
  RECOVERY: ['question', 'password'],
  LOCKED_OUT: ['locked', 'factor'],
  SUCCESS: ['done', 'done'],
}

// show turns to an answer's state.
function show(next) {
  answer = next
  know(next.authn)
  const step = (views[next.status] || ['password', 'password'])[1]
  view = recovering.view(next) || (!next.chosen && (views[next.status] || ['password'])[0]) || kind(hand()).view
  dialog?.abort()
  if (next.stateToken) sessionStorage.setItem(kept, next.stateToken)
  else sessionStorage.removeItem(kept)
  for (const e of document.querySelectorAll('[data-view]')) e.hidden = e.dataset.view !== view
  $('steps').hidden = recovering.goesOn(next) // they are those of a sign-in
  for (const e of $('steps').children) {
    if (e.dataset.step === 'renew') e.hidden = step !== 'renew'
    if (e.dataset.step === step) e.setAttribute('aria-current', 'step')
    else e.removeAttribute('aria-current')
  }
  for (const b of document.querySelectorAll('[data-previous]')) b.hidden = !next.chosen && !next._links?.prev
  say('')
  showSecrets()
  showRemember()
  if (view !== 'renew') renewing.forget()
  fill[view]?.()
  draw()
  focusOn(view)
}

const fill = {
  password() {
    const { label } = answer._embedded?.target || {} // of the application that asks
    $('asks').hidden = !label
    $('greeting').hidden = !!label
    $('asks').textContent = label ? `to go on to ${label}` : ''
    // A passkey is made for a name, and begins a sign-in of its own.
    $('passkey').hidden = !!label || !key.known() || location.host !== $('passkey').dataset.host
  },
  choose() {
    $('factors').replaceChildren(...factors().map((f) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.dataset.factor = f.id
      const [verb, what] = kind(f).choose(f)
      button.append(verb, strong(what))
      button.addEventListener('click', () => {
        if (button.getAttribute('aria-disabled') !== 'true') choose(f)
      })
      const item = document.createElement('li')
      item.append(button)
      return item
    }))
    $('recent').hidden = factors().length < 2
  },
  enroll() {
    const offers = toEnroll()
    const several = offers.length > 1
    $('enroll').hidden = offers.length !== 1
    if (offers.length === 1) set('enroll', kind(offers[0]).enroll)
    set('enroll-what', !several ? kind(offers[0]).offer : offers[0].enrollment === 'REQUIRED' ? 'all of these' : 'one of these')
    $('offers').replaceChildren(...(several ? offers : []).map((f) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.append(strong(kind(f).enroll), `: ${kind(f).offer}`)
      button.addEventListener('click', () => enroll(f))
      const item = document.createElement('li')
      item.append(button)
      return item
    }))
    $('skip').hidden = !answer._links.skip
  },
  code() {
    $('code-heading').textContent = enrolling() ? kind(hand()).heading : 'Enter the code'
    $('code-button').textContent = enrolling() ? 'Confirm and sign in' : 'Confirm'
    $('code-label').textContent = isList() ? 'Recovery code' : 'Code'
    $('code').inputMode = isList() ? 'text' : 'numeric'
    $('code').autocomplete = isList() ? 'off' : 'one-time-code'
    $('code').classList.toggle('long', isList())
    codeError('')
    $('code').value = ''
    sent()
  },
  key() {
    const site = `http://${$('key-elsewhere').dataset.host}`
    const here = location.origin === site
    $('key-there').href = site
    $('key-heading').textContent = enrolling() ? 'Set up your key' : 'Use your key'
    $('key-lead').textContent = enrolling()
      ? 'Your browser asks for a security key, or makes a passkey on this device. It works for this site alone.'
      : 'Your browser asks for the security key or the passkey that you have set up.'
    $('key-button').textContent = enrolling() ? 'Set up my key' : 'Use my key'
    $('key-elsewhere').hidden = here
    $('key-unknown').hidden = !here || key.known()
    $('key-button').hidden = !here || !key.known()
  },
  phone() {
    const waits = answer.factorResult === 'WAITING'
    const number = hand()._embedded?.challenge?.correctAnswer
    const over = {
      REJECTED: 'The phone has said no, or another number. If it was not you who asked, change your password.',
      TIMEOUT: 'The phone has not answered in time.',
      CANCELLED: 'The phone has said no, or has not answered in time.',
    }[answer.factorResult]
    $('phone-heading').textContent = enrolling() ? 'Pair your phone' : 'Approve it on your phone'
    $('phone-lead').textContent = over || (enrolling()
      ? 'Scan this with the phone that is to approve your sign-ins.'
      : 'Your phone asks whether it is you. Enter this number there:')
    $('phone-number').textContent = waits && number !== undefined ? String(number) : ''
    if ($('phone-number').textContent) tell(`Enter ${number} on your phone.`)
    $('phone-where').hidden = !waits
    $('phone-again').className = waits ? 'secondary' : 'primary'
  },
  question() {
    const asks = answer.status === 'RECOVERY' // of the account, and no factor
    const questionText = asks ? answer._embedded.user.recovery_question.question : hand().profile?.questionText
    $('question-heading').textContent = enrolling() ? 'Choose a question' : 'Answer your question'
    $('questions').hidden = !enrolling()
    $('answer-label').textContent = (!enrolling() && questionText) || 'Answer'
    $('answer-least').hidden = asks
    $('answer-button').textContent = enrolling() ? 'Confirm and sign in' : 'Confirm'
    $('answer').value = ''
    fieldError('answer', '')
  },
  renew() {
    renewing.open(answer)
  },
  claim: () => recovering.openClaim(answer),
  link: () => recovering.openLink(answer),
  recovered: () => recovering.over(answer),
  done() {
    const left = answer.left
    $('done-lead').hidden = left !== undefined
    $('done-left').hidden = $('done-go').hidden = left === undefined
    $('done-left').textContent = left === 0 ? 'That was your last recovery code.' : `You have ${left} recovery ${left === 1 ? 'code' : 'codes'} left.`
  },
}

// showSecrets shows what an app or a phone is to get, or a person is to keep, as long
// as it is set up: nothing secret stays in the page.
function showSecrets() {
  const activation = hand()?._embedded?.activation
  const secret = activation?.sharedSecret
  const pairs = view === 'phone' && enrolling() && answer.factorResult === 'WAITING'
  $('app').hidden = !secret
  setPicture('app-picture', secret && activation._links?.qrcode?.href)
  $('app-secret').textContent = secret ? secret.replace(/.{4}(?=.)/g, '$& ') : ''
  $('pair').hidden = !pairs
  setPicture('pair-picture', pairs && activation?._links?.qrcode?.href)
  const codes = (enrolling() && authn.codes) || []
  $('list').hidden = !codes.length
  $('list-codes').replaceChildren(...codes.map((c) => {
    const item = document.createElement('li')
    item.textContent = c
    return item
  }))
}

// showRemember offers to remember the device from the choice of a factor on: a key is
// asked for at once. What was chosen stays for this sign-in.
function showRemember() {
  const { allowRememberDevice, rememberDeviceLifetimeInMinutes, rememberDeviceByDefault } = answer._embedded?.policy || {}
  $('remember-box').hidden = !allowRememberDevice
  if (answer.stateToken !== offered) $('remember').checked = rememberDeviceByDefault === true
  offered = answer.stateToken
  const days = Math.floor(rememberDeviceLifetimeInMinutes / 1440)
  $('remember-for').textContent = days > 1 ? `${days} days` : 'a while'
}

// proving is the link next, with what was chosen, where a factor is proved.
function proving() {
  const { href } = answer.chosen?._links.verify || answer._links.next
  return $('remember-box').hidden ? href : `${href}?rememberDevice=${$('remember').checked}`
}

function setPicture(id, href) {
  $(id).hidden = !href
  if (href) $(id).src = href
  else $(id).removeAttribute('src')
}

function sent() {
  const { start, lead, said } = kind(hand())
  if (lead || said) {
    $('code-sent').textContent = said || (enrolling() ? start : lead)
    return
  }
  const { email, phoneNumber } = answer._embedded.factor?.profile || {}
  const to = email || phoneNumber
  const how = { pending: 'is on its way to', failed: 'could not be sent to' }[authn.delivery] || 'went to'
  $('code-sent').replaceChildren(`Code ${authn.generation} ${how} `, strong(to), '.')
}

// lock says why nobody gets in, and until when.
function lock() {
  const until = authn.lockedUntil
  if (!until) return answer.text || 'This account is locked, and time does not open it. Turn to the support.'
  const wait = left(until)
  if (!wait) return 'The lock has ended. You can sign in again.'
  return `${answer.text ? 'That was the last try. ' : ''}This account is locked until ${moment(until)}. It opens by itself in ${minutes(wait)}.`
}

// draw writes what changes with time. When time is up, or nobody knows how much
// has passed, the server is asked: its clock decides, and not the browser's.
function draw() {
  const over = answer.expiresAt && !left(answer.expiresAt)
  if (answer.stateToken && (over || doubtful())) ask()
  $('ends').hidden = !answer.stateToken
  set('ends-in', `${recovering.goesOn(answer) ? 'This' : 'This sign-in'} ends in ${minutes(left(answer.expiresAt))}.`)
  for (const b of document.querySelectorAll('[data-factor]')) wait(b, authn.factors?.find((f) => f.id === b.dataset.factor)?.at)
  if (view === 'locked') set('locked-text', lock())
  const tries = authn.triesLeft < 4 ? `${authn.triesLeft === 1 ? 'This is the last try' : `${authn.triesLeft} tries left`}.` : ''
  if (view === 'key') {
    set('key-tries', tries)
    wait($('key-button'), at(entry()))
  }
  if (view === 'renew') wait($('renew-button'), at(answer.status === 'PASSWORD_RESET' ? 'reset_password' : 'change_password'))
  if (view === 'question') wait($('answer-button'), at(answer.chosen ? 'enroll' : answer.status === 'RECOVERY' ? 'answer' : entry()))
  if (view === 'phone') drawPhone()
  if (view !== 'code') return
  const life = left(authn.codeExpiresAt)
  set('code-life', kind(hand()).lead ? '' : authn.codeExpiresAt ? (life ? `It is good for ${minutes(life)}.` : 'It has expired: ask for a new one.') : 'There is no live code: ask for a new one.')
  set('tries', tries)
  drawButtons()
}

function drawButtons() {
  wait($('code-button'), at(entry()))
  const resend = $('resend')
  const seconds = left(authn.resendAt)
  resend.hidden = !answer._links.resend || !allowed('resend')
  set('resend', seconds ? `Send a new code in ${minutes(seconds)}` : 'Send a new code')
  if (resend.getAttribute('aria-disabled') === 'true' && !seconds && !resend.hidden) tell('You can ask for a new code now.')
  resend.setAttribute('aria-disabled', String(seconds > 0))
}

// drawPhone also asks the server from time to time: the phone answers there.
function drawPhone() {
  const waits = answer.factorResult === 'WAITING'
  const button = $('phone-again')
  const seconds = left(authn.resendAt)
  button.hidden = enrolling() ? waits : !allowed('resend')
  set('phone-again', enrolling() ? 'Show another picture' : seconds ? `Ask again in ${minutes(seconds)}` : 'Ask again')
  button.setAttribute('aria-disabled', String(!enrolling() && seconds > 0))
  set('phone-life', waits ? `It can answer for ${minutes(left(authn.codeExpiresAt))}.` : '')
  if (waits) poll()
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
// toEnroll are the factors to set up: those that are required, if there are any.
const toEnroll = () => {
  const open = factors().filter((x) => x._links?.enroll)
  const required = open.filter((x) => x.enrollment === 'REQUIRED')
  return required.length ? required : open
}
const hand = () => answer.chosen || (answer.status === 'RECOVERY_CHALLENGE' ? { factorType: 'claim' } : answer._embedded?.factor)
const enrolling = () => answer.status === 'MFA_ENROLL_ACTIVATE' || answer.status === 'MFA_ENROLL'
const isList = () => kind(hand()).form === listed
const entry = () => (enrolling() ? 'activate' : 'verify')

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

const codeError = (text) => fieldError('code', text)

function fieldError(id, text) {
  $(`${id}-error`).textContent = text
  $(id).setAttribute('aria-invalid', String(text !== ''))
}

function focusOn(view) {
  const section = document.querySelector(`[data-view="${view}"]`)
  const first = { code: authn.codes ? undefined : $('code'), password: $('username'), claim: $('claim-name'), question: enrolling() ? $('question') : $('answer'), renew: renewing.first() }[view] || section.querySelector('h1')
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
    if (!next.status) return ended(recovering.goesOn(answer) ? 'It was canceled.' : 'The sign-in was canceled.', 'note')
    show(next)
    if (authn.generation > before && view === 'code') tell(`Code ${authn.generation} was sent. The one before is dead.`)
    if (view === 'key' && !$('key-button').hidden && !body.clientData) askKey()
  })
}

// choose chooses a factor to prove. Of one whose codes the user has, nothing is to be
// asked for: the page alone knows what was chosen.
function choose(f) {
  if (kind(f).owned) return show({ ...answer, chosen: f })
  return event(f._links.verify.href)
}

// enroll chooses a factor to set up. A question and its answer are set up by the same
// request: until then the page alone knows what was chosen.
function enroll(f) {
  if (kind(f).view === 'question') return show({ ...answer, chosen: f })
  return event(f._links.enroll.href, named(f))
}

const named = (f) => ({ factorType: f.factorType, provider: f.provider })

// askKey lets the browser ask for the key, for as long as this view lasts. What the
// key makes is good for one challenge, which is the last one that the server has told.
async function askKey() {
  dialog?.abort()
  const mine = (dialog = new AbortController())
  const options = hand()._embedded?.activation || hand()._embedded?.challenge || answer._embedded.challenge
  say('')
  try {
    const proof = await (enrolling() ? key.make : key.use)(options, mine.signal)
    if (dialog === mine && !mine.signal.aborted) await event(proving(), proof)
  } catch (e) {
    if (dialog === mine && !mine.signal.aborted) say(key.why(e))
  }
}

// byPasskey signs in whoever the passkey names.
async function byPasskey() {
  say('')
  dialog?.abort()
  const mine = (dialog = new AbortController())
  let response
  try {
    response = await key.any(await post('/passkey/request', {}), mine.signal)
  } catch (e) {
    if (e instanceof Refused || e instanceof Unreachable) throw e
    return say(key.why(e))
  }
  if (mine.signal.aborted) return
  const next = await post('/passkey', response)
  if (next.sessionToken) return finish(next)
  sessionStorage.setItem(kept, next.stateToken)
  await resume()
}

// poll asks whether the phone has answered. If it has approved, that counts, whatever
// else was pressed meanwhile.
async function poll() {
  if (busy || polling || performance.now() - polled < 2000) return
  polled = performance.now()
  const before = answer
  polling = (async () => {
    try {
      const next = await post(proving(), { stateToken: answer.stateToken })
      if (next.status === 'SUCCESS') won = next
      else if (answer === before && !busy) follow(next)
    } catch (e) {
      if (answer === before && !busy) failed(e)
    }
  })()
  await polling
  polling = undefined
  if (won && !busy) attempt(() => {})
}

// follow turns to where the sign-in stands; what is the same is not shown anew.
function follow(next) {
  if (next.status !== answer.status || next.factorResult !== answer.factorResult) return show(next)
  answer = next
  know(next.authn)
  draw()
}

// attempt runs one thing at a time, and shows why it failed. What is left to do
// for a session goes before anything else.
async function attempt(task) {
  if (busy) return
  busy = true
  await polling
  if (won) task = () => finish(won)
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
  const lost = recovering.lost(answer, e)
  if (lost) {
    show({ claims: lost.claims })
    return say(lost.why)
  }
  if (e.code === 'E0000011') return ended('This sign-in has ended. Please sign in again.')
  if (e.code === 'E0000069') return show({ status: 'LOCKED_OUT', authn: e.authn, text: e.message })
  if (e.code === 'E0000079') return resume() // another tab was faster
  if (view === 'code') {
    codeError(words(e))
    draw()
    if (authn.codeExpiresAt) $('code').select()
    ;(authn.codeExpiresAt || $('resend').hidden ? $('code') : $('resend')).focus()
    return
  }
  if (view === 'question') {
    fieldError('answer', words(e))
    draw()
    return $('answer').select()
  }
  if (view === 'renew' && (e.code === 'E0000014' || e.code === 'E0000080')) {
    draw()
    return renewing.refuse(e.reasons)
  }
  say(words(e))
  if (view === 'key') renew()
  if (e.code === 'E0000004') $('password').select()
}

// words tells a person why something was refused. Some of the server's words
// are for whoever writes a page.
function words(e) {
  switch (e.code) {
    case 'E0000001':
      if (view === 'code') return kind(hand()).missing
      if (view === 'question' && answer.status !== 'RECOVERY') return 'That cannot be the answer to this question. Enter at least 4 characters.'
      if (view === 'key') return 'The key has answered another request. Try again.'
      return 'Check what you entered and try again.'
    case 'E0000068':
      if (view !== 'key') return e.message
      return enrolling() ? 'The key was not accepted. Try again, or take another one.' : 'This is not the key that was set up. Try again, with the right one.'
    case 'E0000007':
      return 'This way to confirm is not offered any more. Go back, and choose another.'
    case 'E0000085':
      return `${e.message} Turn to the support.`
    case 'E0000003':
    case 'E0000005':
    case 'E0000006':
    case 'E0000008':
    case 'E0000021':
    case 'E0000022':
      return 'This page and the server do not understand each other. Reload the page and try again.'
  }
  return e.message
}

// ended goes back to the beginning.
function ended(why, kind) {
  authn = {}
  won = undefined
  show({})
  say(why, kind)
}

// finish exchanges the session token. Only with a session is somebody signed
// in, and only then does the page say so.
async function finish(success) {
  if (leadsOn(success)) return location.assign(success._links.next.href) // which makes the session
  if (!success.sessionToken) return show(success) // recovered, and nobody is signed in
  won = success
  await post('/api/v1/sessions', { sessionToken: success.sessionToken })
  won = undefined
  const left = view === 'code' && isList() && !enrolling() ? success.authn?.codesLeft ?? 0 : undefined
  show({ status: 'SUCCESS', left })
  if (left === undefined) location.assign('/account') // how many are left is told first
}

// leadsOn says that an application has asked for the sign-in.
const leadsOn = (success) => success._links?.next?.name === 'original'

// resume goes on with a sign-in that this tab knows of, from where it stands.
async function resume() {
  const token = sessionStorage.getItem(kept)
  if (!token) return
  try {
    const next = await post('/api/v1/authn', { stateToken: token })
    if (next.status !== 'SUCCESS') return show(next)
    if (next.sessionToken || leadsOn(next)) return await finish(next)
    ended('The sign-in that was under way is complete. Please sign in again.')
  } catch (e) {
    if (e.code === 'E0000011') ended('The sign-in that was under way has ended. Please sign in again.')
    else say(e instanceof Refused ? words(e) : e.message)
  }
}

// renew gets the challenge that has taken the place of one that is used up.
function renew() {
  asked = -Infinity
  setTimeout(ask) // when busy is over
}

// ask asks the server how much time is left. What was typed stays.
async function ask() {
  if (busy || performance.now() - asked < 5000) return
  asked = performance.now()
  const before = answer
  try {
    const next = await post('/api/v1/authn', { stateToken: answer.stateToken })
    if (answer !== before || busy) return // something else has happened
    if (next.status !== answer.status) return show(next)
    answer = { ...next, chosen: answer.chosen }
    know(next.authn)
    draw()
  } catch (e) {
    if (answer === before && e.code === 'E0000011') ended(recovering.goesOn(answer) ? 'This took too long and has ended.' : 'The sign-in took too long and has ended. Please sign in again.')
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
    const options = { warnBeforePasswordExpired: true }
    const asked = answer.status === 'UNAUTHENTICATED' ? { stateToken: answer.stateToken } : {}
    const next = await post('/api/v1/authn', { ...asked, username: $('username').value.trim(), password: $('password').value, options })
    $('password').value = ''
    if (next.status === 'SUCCESS') return finish(next)
    show(next)
  })
})

$('code-form').addEventListener('submit', (e) => {
  e.preventDefault()
  if ($('code-button').getAttribute('aria-disabled') === 'true') return
  const code = $('code').value
  if (!kind(hand()).form.whole(code)) {
    codeError(kind(hand()).missing)
    $('code').focus()
    return
  }
  event(proving(), { passCode: code })
})

takeCodes($('code'), () => kind(hand()).form)

$('question-form').addEventListener('submit', (e) => {
  e.preventDefault()
  if ($('answer-button').getAttribute('aria-disabled') === 'true') return
  const given = $('answer').value
  const least = answer.status === 'RECOVERY' ? 1 : 4
  if (given.trim().length < least) {
    fieldError('answer', least === 1 ? 'Enter the answer.' : `Enter at least ${least} characters.`)
    return $('answer').focus()
  }
  const { chosen } = answer
  const body = enrolling() ? { profile: { question: $('question').value, answer: given } } : { answer: given }
  event(chosen?._links.enroll.href || proving(), chosen ? { ...named(chosen), ...body } : body)
})

$('renew-form').addEventListener('submit', (e) => {
  e.preventDefault()
  if ($('renew-button').getAttribute('aria-disabled') === 'true') return
  say('')
  const body = renewing.typed()
  if (body) event(answer._links.next.href, body)
})

// claim names an account. Without a token in the answer, the rest is in a mail.
$('claim-form').addEventListener('submit', (e) => {
  e.preventDefault()
  const { username, by } = recovering.typed()
  fieldError('claim-name', username ? '' : 'Enter the e-mail address that you sign in with.')
  if (!username) return $('claim-name').focus()
  attempt(async () => {
    say('')
    start(await post(`/api/v1/authn/recovery/${answer.claims}`, { username, factorType: by }))
  })
})

// start shows what has begun. From now on a reload goes on with it.
function start(next) {
  history.replaceState(null, '', '/')
  if (next.status === 'SUCCESS') return finish(next)
  show(next)
}

on('claim-again', () => show({ claims: recovering.typeOf(answer) }))
on('link-button', () => attempt(async () => start(await post('/api/v1/authn/recovery/token', { recoveryToken: answer.token }))))
on('recovered-go', () => {
  const login = answer._embedded?.user?.profile?.login || ''
  ended('')
  $('username').value = login
  if (login) $('password').focus()
})

on('key-button', askKey)
on('passkey', () => attempt(byPasskey))
on('phone-again', () => event(answer.factorResult === 'WAITING' ? answer._links.resend[0].href : answer._links.next.href))
on('scan', () => attempt(async () => {
  await post('/inbox/scan', { stateToken: answer.stateToken })
  say('The demo’s phone has scanned it, and asks in the inbox.', 'note')
}))
on('list-print', () => print())
on('list-copy', async () => {
  try {
    await navigator.clipboard.writeText(Array.from($('list-codes').children, (e) => e.textContent).join('\n'))
    say('The codes are copied.', 'note')
  } catch {
    getSelection().selectAllChildren($('list-codes'))
  }
})

on('resend', () => event([answer._links.resend].flat()[0].href))
for (const b of document.querySelectorAll('[data-previous]')) b.addEventListener('click', () => (answer.chosen ? resume() : event(answer._links.prev.href)))
on('cancel', () => (answer._links?.cancel ? event(answer._links.cancel.href) : ended('')))
on('skip', () => event(answer._links.skip.href))
on('later', () => event(answer._links.skip.href))
on('enroll', () => enroll(toEnroll()[0]))
for (const b of document.querySelectorAll('[data-reveal]')) {
  b.addEventListener('click', () => {
    const field = $(b.getAttribute('aria-controls'))
    const shown = field.type === 'text'
    field.type = shown ? 'password' : 'text'
    b.setAttribute('aria-pressed', String(!shown))
  })
}
for (const b of document.querySelectorAll('[data-restart]')) b.addEventListener('click', () => ended(''))

// A demo account fills in the form.
document.querySelector('.accounts').addEventListener('click', (e) => {
  const button = e.target.closest('[data-user]')
  if (!button) return
  const list = e.currentTarget
  const tag = $('fresh').checked ? `+${Math.random().toString(36).slice(2, 6)}` : ''
  if (view === 'claim') {
    $('claim-name').value = button.dataset.user + tag + list.dataset.domain
    $('claim-button').focus()
    return tell(`${$('claim-name').value} is filled in.`)
  }
  if (view !== 'password') ended('')
  $('username').value = button.dataset.user + tag + list.dataset.domain
  $('password').value = list.dataset.password
  $('password-form').querySelector('.primary').focus()
  tell(`${$('username').value} is filled in.`)
})

addEventListener('pageshow', (e) => {
  if (e.persisted) location.reload()
})
everySecond(draw)
const asks = new URLSearchParams(location.search).get('stateToken') // an application has sent the browser here
if (asks) {
  sessionStorage.setItem(kept, asks)
  history.replaceState(null, '', '/')
}
const begin = recovering.begins()
if (begin) show(begin)
else {
  fill.password()
  resume()
}
