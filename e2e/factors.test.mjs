// The page with factors that are no mailed codes: a security key, which Chromium
// plays; a phone, which the inbox plays; recovery codes; a question; and a choice.

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'

import { accessible, contrast, focus, forget, launch, open, picture, tab } from './browser.mjs'
import { alert, button, enter, heading, login } from './page.mjs'
import { fresh, shown, start } from './server.mjs'

let server, browser, page, cdp
const faults = []

before(async () => {
  [server, browser] = await Promise.all([start({ args: ['-dev', '-resend-wait', '1s'] }), launch()])
  page = await open(browser, server.url, faults)
  cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
})
after(async () => {
  await browser?.close()
  assert.equal(await server?.stop(), 0, 'it ends in peace')
  assert.doesNotMatch(server.log(), /stateToken|sessionToken|[A-Z2-7]{4}(-[A-Z2-7]{4}){3}|[?&]number=/, 'nothing secret is logged')
})
const authenticators = new Set()
afterEach(async () => {
  for (const authenticatorId of authenticators) await unplug(authenticatorId)
  await forget(page)
  assert.deepEqual(faults.splice(0), [], 'the console is clean')
})

// plug gives the browser an authenticator whose user touches it, and knows its PIN.
async function plug(options = {}) {
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'usb', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, ...options },
  })
  authenticators.add(authenticatorId)
  return authenticatorId
}

async function unplug(authenticatorId) {
  await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })
  authenticators.delete(authenticatorId)
}

const credentials = async (authenticatorId) => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials

async function visit(user) {
  await page.goto(server.url)
  await login(page, user)
}

async function signedIn(name, proof) {
  await page.waitForURL(`${server.url}/account`)
  await heading(page, `Hello, ${name}`)
  await page.getByText(proof, { exact: true }).waitFor()
}

async function byMail(user) {
  await button(page, 'Send a code to').click()
  await heading(page, 'Enter the code')
  await enter(page, await server.code(user))
}

// narrow checks the page as it stands on a small phone, and for people.
async function narrow(what) {
  const size = page.viewportSize()
  await page.setViewportSize({ width: 360, height: 740 })
  assert.deepEqual(await accessible(page), [], what)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
  assert.ok(wide <= 360, `${what} is ${wide} wide on a screen of 360`)
  await page.setViewportSize(size)
}

const state = async () => (await fetch(`${server.url}/api/v1/authn`, {
  method: 'POST', headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ stateToken: await page.evaluate(() => sessionStorage.getItem('stateToken')) }),
})).json()

describe('a security key', () => {
  // enrolled sets one up and signs out.
  async function enrolled(user, options) {
    const id = await plug(options)
    await visit(user)
    await heading(page, 'Set up a second factor')
    await page.getByText('a security key or a passkey', { exact: true }).waitFor()
    await button(page, 'Set up a key').click()
    await signedIn('Kay McNulty', options?.hasUserVerification === false ? 'a password and a security key' : 'a password and a security key and the PIN or the finger that it asked for')
    await button(page, 'Sign out').click()
    await heading(page, 'Sign in')
    return id
  }

  test('is set up, and signs in', async () => {
    const user = fresh('kay')
    const id = await enrolled(user)
    const [made] = await credentials(id)
    assert.equal(made.rpId, 'localhost')
    assert.match((await server.mails(user)).at(-1).subject, /a second factor was set up/)

    await visit(user)
    await heading(page, 'Confirm that it is you')
    await button(page, 'Use my security key or passkey').click()
    await signedIn('Kay McNulty', 'a password and a security key and the PIN or the finger that it asked for')
    const [used] = await credentials(id)
    assert.ok(used.signCount > made.signCount, 'the key itself has signed')
  })

  test('signs in by itself, and nobody else does', async () => {
    const id = await enrolled(fresh('kay'), { transport: 'internal' })
    await button(page, 'Sign in with a passkey').click()
    await signedIn('Kay McNulty', 'a security key and the PIN or the finger that it asked for')
    await button(page, 'Sign out').click()
    await heading(page, 'Sign in')
    await narrow('a passkey')
    await unplug(id)

    await plug({ transport: 'internal' }) // which has no passkey of this site
    await button(page, 'Sign in with a passkey').click()
    await alert(page, 'No key has answered')
    await login(page, fresh('alan')) // the password is still a way
    await signedIn('Alan Turing', 'a password')
  })

  test('a passkey of the device, and a key without a PIN', async () => {
    for (const options of [{ transport: 'internal' }, { hasUserVerification: false, hasResidentKey: false }]) {
      const user = fresh('kay')
      const id = await enrolled(user, options)
      await visit(user)
      await button(page, 'Use my security key or passkey').click()
      await page.waitForURL(`${server.url}/account`)
      await unplug(id)
    }
  })

  test('one that is not there, a reload, and back', async () => {
    const user = fresh('kay')
    await visit(user)
    const [setUp, use] = [() => button(page, 'Set up my key'), () => button(page, 'Use my key')]
    const none = await plug({ automaticPresenceSimulation: false }) // nobody touches it
    await button(page, 'Set up a key').click()
    await heading(page, 'Set up your key')
    await page.reload()
    await heading(page, 'Set up your key')
    await narrow('a key to set up')
    await picture(page, 'key')
    await setUp().click()
    await button(page, 'Back').click()
    await heading(page, 'Set up a second factor')
    await unplug(none)
    const key = await plug()
    await button(page, 'Set up a key').click()
    await signedIn('Kay McNulty', 'a password and a security key and the PIN or the finger that it asked for')

    await unplug(key)
    await plug() // another one, which has never seen this site
    await visit(user)
    await button(page, 'Use my security key or passkey').click()
    await alert(page, 'No key has answered')
    await narrow('a key that did not answer')
    assert.equal((await state()).authn.triesLeft, 10, 'what the browser refuses costs no try')
    assert.equal(await use().isVisible(), true)
  })

  test('a wrong key is refused and counted, a used-up challenge is refused', async () => {
    const user = fresh('kay')
    const right = await enrolled(user)
    const [made] = await credentials(right)
    await unplug(right)

    // A thief's key claims to be it: the same id, another private key.
    const thief = await plug()
    const { privateKey } = await page.evaluate(async () => {
      const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
      const raw = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey))
      return { privateKey: btoa(String.fromCharCode(...raw)) }
    })
    await cdp.send('WebAuthn.addCredential', { authenticatorId: thief, credential: { ...made, privateKey, signCount: made.signCount + 9 } })
    await visit(user)
    const sent = []
    const path = /\/factors\/[^/]+\/verify(\?|$)/
    page.on('request', (r) => path.test(r.url()) && r.postDataJSON().clientData && sent.push(r.postDataJSON()))
    await button(page, 'Use my security key or passkey').click()
    await alert(page, 'This is not the key that was set up.')
    assert.equal((await state()).authn.triesLeft, 9)
    await unplug(thief)

    // The right key's answer to the challenge that the thief's has used up.
    const back = await plug()
    await cdp.send('WebAuthn.addCredential', { authenticatorId: back, credential: { ...made, signCount: made.signCount + 1 } })
    const stale = JSON.parse(Buffer.from(sent[0].clientData, 'base64url')).challenge
    assert.notEqual((await state())._embedded.factor._embedded.challenge.challenge, stale, 'the challenge is another one')
    const late = await page.evaluate(async ([challenge, id]) => {
      const bytes = (s) => Uint8Array.from(atob(s.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
      const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b)))
      const { response } = await navigator.credentials.get({ publicKey: { challenge: bytes(challenge), allowCredentials: [{ type: 'public-key', id: bytes(id) }] } })
      return { clientData: text(response.clientDataJSON), authenticatorData: text(response.authenticatorData), signatureData: text(response.signature) }
    }, [stale, made.credentialId])
    const { _links: links } = await state()
    const refused = await page.evaluate(async ([href, late]) => {
      const stateToken = sessionStorage.getItem('stateToken')
      const r = await fetch(href, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ stateToken, ...late }) })
      return [r.status, (await r.json()).errorCode]
    }, [links.next.href, late])
    assert.deepEqual(refused, [400, 'E0000001'])
    assert.equal((await state()).authn.triesLeft, 9, 'it costs no try')

    await button(page, 'Use my key').click()
    await signedIn('Kay McNulty', 'a password and a security key and the PIN or the finger that it asked for')
  })

  test('at an address that is no name, the page says where to go', async () => {
    const port = new URL(server.url).port
    const user = fresh('kay')
    await page.goto(`http://127.0.0.1:${port}`)
    await login(page, user)
    await button(page, 'Set up a key').click()
    await heading(page, 'Set up your key')
    await page.getByText('A browser makes a key for a name').waitFor()
    assert.equal(await button(page, 'Set up my key').isVisible(), false)
    await narrow('a key elsewhere')
    await page.getByRole('link', { name: `localhost:${port}` }).click()
    await page.waitForURL(`${server.url}/`)
    await heading(page, 'Sign in')
  })

  test('in a browser that reads no options, and in one without keys', async () => {
    const user = fresh('kay')
    const old = await page.context().newPage()
    const session = await page.context().newCDPSession(old)
    await session.send('WebAuthn.enable')
    await session.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'usb', automaticPresenceSimulation: true } })
    await old.addInitScript(() => {
      delete PublicKeyCredential.parseCreationOptionsFromJSON
      delete PublicKeyCredential.parseRequestOptionsFromJSON
    })
    for (const name of ['Set up a key', 'Use my security key or passkey']) {
      await old.goto(server.url)
      await login(old, user)
      await button(old, name).click()
      await old.waitForURL(`${server.url}/account`)
    }
    await old.addInitScript(() => delete window.PublicKeyCredential)
    await old.goto(server.url)
    await login(old, user)
    await button(old, 'Use my security key or passkey').click()
    await old.getByText('This browser cannot use security keys').waitFor()
    assert.equal(await button(old, 'Use my key').isVisible(), false)
  })
})

describe('a phone that approves', () => {
  // phone is the newest message of the inbox, which plays it.
  async function phone(user) {
    const inbox = await tab(page, `${server.url}/inbox?to=${encodeURIComponent(user)}`)
    return [inbox, inbox.getByRole('listitem').first()]
  }
  const number = async () => {
    await page.locator('#phone-number:not(:empty)').waitFor()
    return page.locator('#phone-number').textContent()
  }
  const another = (n) => String(10 + (Number(n) - 9) % 90)

  async function paired(user) {
    await visit(user)
    await page.getByText('a phone that approves your sign-in').waitFor()
    await button(page, 'Pair a phone').click()
    await heading(page, 'Pair your phone')
    await button(page, 'Scan it with the demo’s phone').click()
    await alert(page, 'asks in the inbox')
  }

  test('is paired, asked with a number, and approves', async () => {
    const user = 'karen@example.com'
    await paired(user)
    const picture1 = page.getByRole('img', { name: 'QR code' })
    assert.ok(await picture1.evaluate((e) => e.decode().then(() => e.naturalWidth > 100)), 'the QR code is shown')
    await narrow('pairing')
    const [inbox, first] = await phone(user)
    await first.getByText(`Shall this phone approve the sign-ins of ${user}?`).waitFor()
    assert.deepEqual(await accessible(inbox), [])
    await first.getByRole('button', { name: 'Pair this phone' }).click()
    await inbox.getByText('This phone approves sign-ins from now on.').waitFor()
    assert.equal(inbox.url(), `${server.url}/inbox?to=${encodeURIComponent(user)}`, 'the phone is still the one that was looked at')
    await page.bringToFront()
    await signedIn('Karen Spärck Jones', 'a password and a phone')

    await visit(user)
    await button(page, 'Ask my phone').click()
    await heading(page, 'Approve it on your phone')
    const asked = await number()
    assert.match(asked, /^\d\d$/)
    await page.reload()
    assert.equal(await number(), asked, 'a reload shows the same number')
    await narrow('waiting for the phone')
    await picture(page, 'phone')
    const [again, newest] = await phone(user)
    const field = newest.getByLabel('Number on the screen')
    await picture(again, 'inbox')
    await field.fill(asked[0])
    await newest.getByRole('button', { name: 'Approve' }).click()
    assert.equal(await field.evaluate((e) => e.validity.patternMismatch), true, 'half a number is not sent')
    await again.setViewportSize({ width: 360, height: 740 })
    assert.deepEqual(await accessible(again), [])
    assert.ok(await again.evaluate(() => document.documentElement.scrollWidth <= 360))
    await again.setViewportSize({ width: 1200, height: 800 })
    await field.fill(asked)
    await again.keyboard.press('Enter')
    await again.getByText('You approved it.').waitFor()
    await page.bringToFront()
    await signedIn('Karen Spärck Jones', 'a password and a phone')
  })

  test('what is typed on the phone stays when a message comes', async () => {
    const user = fresh('karen')
    await paired(user)
    const [inbox, first] = await phone(user)
    await first.getByRole('button', { name: 'Pair this phone' }).click()
    await signedIn('Karen Spärck Jones', 'a password and a phone')
    await visit(user)
    await button(page, 'Ask my phone').click()
    const asked = await number()
    await inbox.goto(`${server.url}/inbox`)
    const field = inbox.getByLabel('Number on the screen')
    await field.fill(asked[0])
    const ada = fresh('ada')
    const other = await tab(page, server.url)
    await login(other, ada)
    await button(other, 'Send a code to').click()
    await heading(other, 'Enter the code')
    await inbox.getByRole('listitem').filter({ hasText: ada }).waitFor()
    assert.deepEqual([await field.inputValue(), (await focus(inbox)).split('-')[0]], [asked[0], 'number'])
  })

  test('a rejection, another number, a late answer: none of them signs in', async () => {
    const user = fresh('karen')
    await paired(user)
    let [inbox, message] = await phone(user)
    await message.getByRole('button', { name: 'Reject' }).click()
    await inbox.getByText('You rejected it.').waitFor()
    await page.getByText('The phone has said no, or has not answered in time.').waitFor()
    await narrow('a pairing that was rejected')
    await button(page, 'Show another picture').click()
    await page.getByText('Scan this with the phone').waitFor()
    await button(page, 'Scan it with the demo’s phone').click()
    await inbox.getByRole('button', { name: 'Pair this phone' }).click()
    await signedIn('Karen Spärck Jones', 'a password and a phone')

    await visit(user)
    await button(page, 'Ask my phone').click()
    await number()
    ;[inbox, message] = await phone(user)
    await message.getByRole('button', { name: 'Reject' }).click()
    await message.getByText('You rejected it.').waitFor()
    await page.getByText('The phone has said no, or another number.').waitFor()
    assert.equal(await page.locator('#phone-number').textContent(), '')
    await narrow('rejected')
    assert.equal((await state()).authn.triesLeft, 9, 'a rejection costs a try')

    await server.advance('1s')
    await page.reload()
    await button(page, 'Ask again').click()
    const second = await number()
    await message.getByLabel('Number on the screen').fill(another(second))
    await message.getByRole('button', { name: 'Approve' }).click()
    await inbox.getByText('That was another number than the one on the screen.').waitFor()
    await page.getByText('The phone has said no, or another number.').waitFor()

    await server.advance('2s')
    await page.reload()
    await button(page, 'Ask again').click()
    await number()
    await server.advance('5m')
    await page.getByText('The phone has not answered in time.').waitFor()
    await inbox.reload()
    await message.getByText('The request is over.').waitFor()
    await button(page, 'Back').click()
    await heading(page, 'Confirm that it is you')
    await button(page, 'Cancel').click()
    await alert(page, 'The sign-in was canceled.')
  })

  test('an answer to a sign-in that was canceled', async () => {
    const user = fresh('karen')
    await paired(user)
    const [inbox, message] = await phone(user)
    await page.bringToFront()
    await button(page, 'Cancel').click()
    await alert(page, 'The sign-in was canceled.')
    await message.getByRole('button', { name: 'Pair this phone' }).click()
    await inbox.getByText('The request is over.').waitFor()
  })
})

describe('recovery codes', () => {
  test('are shown once, copied, printed, confirmed, and each good once', async () => {
    const user = fresh('annie')
    await visit(user)
    await byMail(user)
    await heading(page, 'Set up a second factor')
    await page.getByText('a list of recovery codes').waitFor()
    await button(page, 'Show me the codes').click()
    await heading(page, 'Keep your recovery codes')
    const items = page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem')
    const codes = await items.allTextContents()
    assert.equal(codes.length, 10)
    for (const c of codes) assert.match(c, /^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$/)
    await narrow('recovery codes')
    await picture(page, 'codes')
    await button(page, 'Copy').click()
    await alert(page, 'The codes are copied.')
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), codes.join('\n'))
    await page.evaluate(() => { window.print = () => { window.printed = true } })
    await button(page, 'Print').click()
    assert.equal(await page.evaluate(() => window.printed), true)
    await page.emulateMedia({ media: 'print' })
    assert.deepEqual([await items.first().isVisible(), await page.locator('aside').isVisible(), await page.locator('#code').isVisible()], [true, false, false])
    await page.emulateMedia({ media: null })

    const field = page.getByLabel('Recovery code', { exact: true })
    const confirm = () => page.getByRole('button', { name: /^Confirm/ }).click()
    await field.fill('12')
    await confirm()
    await alert(page, 'Enter a code of the list: 16 letters and digits.')
    await field.fill('')
    await page.evaluate((t) => navigator.clipboard.writeText(t), codes.join('\n'))
    await field.focus()
    await page.keyboard.press('Control+V')
    assert.equal(await field.inputValue(), codes[0], 'of a whole list, the first')
    await confirm()
    await signedIn('Annie Easley', 'a password and a one-time code, by email')
    assert.equal(await page.getByText(codes[0]).count(), 0)

    await visit(user)
    await button(page, 'Enter one of my recovery codes').click()
    await heading(page, 'Enter the code')
    assert.equal(await page.locator('#list-codes li').count(), 0, 'they are not shown again')
    await narrow('a recovery code')
    await field.fill('AAAA-BBBB-CCCC-DDDD')
    await confirm()
    await alert(page, 'That is not a code of the list.')
    await field.fill(codes[3].toLowerCase().replaceAll('-', ' '))
    await confirm()
    await heading(page, 'You are signed in')
    await page.getByText('You have 9 recovery codes left.').waitFor()
    await narrow('how many are left')
    await page.getByRole('link', { name: 'Go on to your account' }).click()
    await signedIn('Annie Easley', 'a password and a one-time code')
    assert.match((await server.mails(user)).at(-1).subject, /recovery code/)

    await visit(user)
    await button(page, 'Enter one of my recovery codes').click()
    await field.fill(codes[3])
    await confirm()
    await alert(page, 'This code was used before.')
    await button(page, 'Back').click()
    await button(page, 'Send a code to').click()
    await heading(page, 'Enter the code')
    assert.equal(await page.getByLabel('Code', { exact: true }).getAttribute('inputmode'), 'numeric')
  })
})

describe('several factors', () => {
  test('one after the other is set up, and the last one used is first', async () => {
    const user = 'hedy@example.com'
    await plug()
    await visit(user)
    await byMail(user)
    await heading(page, 'Set up a second factor')
    await page.getByText('you also need all of these').waitFor()
    await narrow('what to set up')
    await button(page, 'Set up an app').click()
    await heading(page, 'Set up your app')
    const secret = (await page.locator('#app-secret').textContent()).replaceAll(' ', '')
    await enter(page, shown(secret, (await state()).authn.now))
    await heading(page, 'Set up a second factor')
    await button(page, 'Set up a key').click()
    await signedIn('Hedy Lamarr', 'a password and a one-time code and a security key and the PIN or the finger that it asked for, by email')

    await visit(user)
    await heading(page, 'Confirm that it is you')
    const choices = () => page.locator('#factors button').allTextContents()
    assert.match((await choices())[0], /security key/, 'what was used last is first')
    await narrow('a choice of three')
    await picture(page, 'choose')
    await button(page, 'Send a code to').click()
    await heading(page, 'Enter the code')
    await button(page, 'Back').click()
    await heading(page, 'Confirm that it is you')
    await button(page, 'Enter a code of my authenticator app').click()
    await server.advance('30s')
    await enter(page, shown(secret, (await state()).authn.now))
    await signedIn('Hedy Lamarr', 'a password and a one-time code')

    await visit(user)
    await heading(page, 'Confirm that it is you')
    assert.match((await choices())[0], /authenticator app/)
  })

  test('one of many is set up', async () => {
    await visit(fresh('margaret'))
    await heading(page, 'Set up a second factor')
    await page.getByText('you also need one of these').waitFor()
    await button(page, 'Set up Okta Verify').click()
    await heading(page, 'Set up Okta Verify')
    const secret = (await page.locator('#app-secret').textContent()).replaceAll(' ', '')
    await enter(page, shown(secret, (await state()).authn.now))
    await signedIn('Margaret Hamilton', 'a password and a one-time code')
  })

  test('one that has to wait says for how long, and the others do not', async () => {
    const user = fresh('mary')
    const own = await start({ args: ['-dev'] }) // with the usual waits
    try {
      await page.goto(own.url)
      await login(page, user)
      await button(page, 'Send a code to m...').first().click()
      await heading(page, 'Enter the code')
      await button(page, 'Back').click()
      await heading(page, 'Confirm that it is you')
      const waits = page.locator('#factors button[aria-disabled="true"]')
      assert.equal(await waits.count(), 1)
      assert.match(await waits.evaluate((e) => getComputedStyle(e, '::after').content), /in 0:(30|2\d)/)
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme })
        assert.ok(await contrast(waits) >= 4.5, colorScheme)
      }
      await page.emulateMedia({ colorScheme: null })
      await waits.click({ force: true })
      await heading(page, 'Confirm that it is you')
      await page.locator('#factors button[aria-disabled="false"]').click()
      await page.getByText('Code 1 went to').waitFor()
    } finally {
      await own.stop()
    }
  })
})

describe('a question', () => {
  test('is chosen, and answered instead of a mail', async () => {
    const user = fresh('betty')
    await visit(user)
    await byMail(user)
    await button(page, 'Choose a question').click()
    await heading(page, 'Choose a question')
    await narrow('a question to choose')
    await page.getByLabel('Question', { exact: true }).selectOption({ label: 'What was the first computer that you used?' })
    const confirm = () => page.getByRole('button', { name: /^Confirm/ }).click()
    const answer = page.getByLabel('Answer', { exact: true })
    await button(page, 'Back').click()
    await heading(page, 'Set up a second factor')
    await button(page, 'Choose a question').click()
    await page.getByLabel('Question', { exact: true }).selectOption({ label: 'What was the first computer that you used?' })
    await answer.fill('x')
    await confirm()
    await alert(page, 'Enter at least 4 characters.')
    await answer.fill('first_computer')
    await confirm()
    await alert(page, 'That cannot be the answer to this question.')
    await page.reload()
    await heading(page, 'Choose a question')
    await page.getByLabel('Question', { exact: true }).selectOption({ label: 'What was the first computer that you used?' })
    await answer.fill('ENIAC, of course')
    await confirm()
    await page.waitForURL(`${server.url}/account`)

    await visit(user)
    await button(page, 'Answer my question').click()
    await heading(page, 'Answer your question')
    const field = page.getByLabel('What was the first computer that you used?')
    await field.fill('UNIVAC')
    await confirm()
    await alert(page, 'That is not the answer.')
    await narrow('a wrong answer')
    await field.fill(' eniac,  of Course')
    await confirm()
    await signedIn('Betty Holberton', 'a password and an answer')
  })
})
