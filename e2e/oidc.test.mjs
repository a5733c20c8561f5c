// An application, its OpenID provider and a person's browser: examples/oidc.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, afterEach, before, test } from 'node:test'

import { accessible, forget, launch, open, tab } from './browser.mjs'
import { heading } from './page.mjs'
import { password } from './server.mjs'

let browser, page, app, provider, stop
const faults = []

// start runs the program on free ports, and resolves when both servers listen.
async function start() {
  const child = spawn(process.env.OIDC, ['-addr', '127.0.0.1:0', '-client-addr', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  appendFileSync(process.env.IDP_PIDS, `${child.pid}\n`)
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  const exited = once(child, 'exit').then(() => process.off('exit', kill))
  stop = async () => {
    child.kill('SIGTERM')
    await exited
    return child.exitCode
  }
  const found = {}
  for await (const line of createInterface({ input: child.stdout })) {
    const [, what, url] = line.match(/^ *(Start here|Inbox) +(http:\S+?)\/(?:inbox)?$/) || []
    if (what) found[what] = url
    if (found.Inbox) return [found['Start here'], found.Inbox]
  }
  throw new Error('the server ended')
}

before(async () => {
  [[app, provider], browser] = await Promise.all([start(), launch()])
  page = await open(browser, app, faults)
})
after(async () => {
  await browser?.close()
  assert.equal(await stop?.(), 0, 'it ends in peace')
})
afterEach(async () => {
  await forget(page)
  assert.deepEqual(faults.splice(0), [], 'the console is clean')
})

const press = (name) => page.getByRole('button', { name }).click()

async function ask(way) {
  await page.goto(app)
  await page.getByRole('link', { name: way }).first().click()
}

async function login(user) {
  await heading(page, 'Sign in')
  await page.getByLabel('E-mail address').fill(user)
  await page.getByLabel('Password').fill(password)
  await press('Continue')
}

// byMail reads the code in the inbox, in another tab, and enters it.
async function byMail(user) {
  await heading(page, 'Confirm that it is you')
  await press('Send a code to')
  await heading(page, 'Enter the code')
  const inbox = await tab(page, `${provider}/inbox`)
  const mail = inbox.getByRole('listitem').filter({ hasText: user }).first()
  const code = await mail.locator('.digits').textContent()
  assert.deepEqual(await accessible(inbox), [])
  await inbox.close()
  await page.getByLabel('Code').fill(code)
  await page.keyboard.press('Enter')
}

const claim = (name) => page.locator('dl div').filter({ hasText: name }).locator('dd').textContent()

test('a code by email, then a session, then none', async () => {
  await page.goto(app)
  await ask('Sign in')
  await heading(page, 'Sign in')
  assert.deepEqual(await accessible(page), [])
  await login('ada@example.com')
  await byMail('ada@example.com')
  await heading(page, 'Hello, Ada Lovelace')
  assert.equal(await claim('acr'), 'urn:okta:loa:2fa:any')
  assert.deepEqual(await accessible(page), [])

  await ask('Without a page')
  await heading(page, 'Hello, Ada Lovelace')
  await press('Sign out')
  await heading(page, 'An application')
  await ask('Without a page')
  await page.getByText('login_required').waitFor()
})

test('a passkey steps a session up', async () => {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })
  await ask('Sign in')
  await login('hedy@example.com')
  await byMail('hedy@example.com')
  await heading(page, 'Set up your sign-in')
  await press('Make a passkey')
  await heading(page, 'Make a passkey')
  assert.deepEqual(await accessible(page), [])
  await press('Make my passkey')
  await heading(page, 'Hello, Hedy Lamarr')
  assert.equal(await claim('acr'), 'phr')

  await ask('Sign in again')
  await login('hedy@example.com')
  await byMail('hedy@example.com')
  await heading(page, 'Hello, Hedy Lamarr')
  assert.equal(await claim('acr'), 'urn:okta:loa:2fa:any')
  await ask('With a passkey')
  await heading(page, 'One thing more')
  assert.deepEqual(await accessible(page), [])
  await press('Continue')
  await press('Use a passkey')
  await press('Use my passkey')
  await heading(page, 'Hello, Hedy Lamarr')
  assert.equal(await claim('acr'), 'phr')
})

test('an app, with the demo’s phone; and a cancel', async () => {
  await ask('Sign in')
  await press('Cancel')
  await page.getByText('access_denied').waitFor()
  await ask('Sign in')
  await login('radia@example.com')
  await press('Set up an authenticator app')
  await heading(page, 'Set up your app')
  assert.deepEqual(await accessible(page), [])
  const opened = page.context().waitForEvent('page')
  await press('Scan it with the demo’s phone')
  const phone = await opened
  const code = await phone.locator('.digits').textContent()
  assert.deepEqual(await accessible(phone), [])
  await phone.close()
  await page.getByLabel('Code').fill(code)
  await press('Confirm')
  await heading(page, 'Hello, Radia Perlman')
})
