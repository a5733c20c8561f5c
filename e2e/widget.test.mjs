// Okta's sign-in widget, unmodified, as a page of the same origin.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'

import { forget, launch, open } from './browser.mjs'
import { fresh, other, password, shown, start } from './server.mjs'
import { login as signIn, serveWidget } from './widget.mjs'

let server, browser, page
const faults = []

before(async () => {
  [server, browser] = await Promise.all([start({ args: ['-dev', '-resend-wait', '1s'] }), launch()])
  page = await open(browser, server.url, faults)
  await serveWidget(page, server)
})
after(async () => {
  await browser?.close()
  assert.equal(await server?.stop(), 0, 'it ends in peace')
})
afterEach(async () => {
  await forget(page)
  assert.deepEqual(faults.splice(0), [], 'the console is clean')
})

const login = (user, pw = password) => signIn(page, `${server.url}/host`, user, pw)

// answered does something, and returns the answer that it gets, once the widget has it.
async function answered(path, f) {
  const [response] = await Promise.all([page.waitForResponse((r) => path.test(new URL(r.url()).pathname)), f()])
  const answer = await response.json()
  await page.evaluate(() => new Promise((r) => setTimeout(r, 100)))
  return answer
}

// send waits for the answer: the field for the code may be there before it.
const send = () => answered(/\/(verify|factors)$/, () => page.getByRole('button', { name: 'Send me the code' }).click())
const field = () => page.getByRole('textbox', { name: /code/i })

async function enter(code) {
  await field().fill(code)
  await page.getByRole('button', { name: 'Verify' }).click()
}

async function signedIn(name) {
  await page.waitForURL(`${server.url}/account`)
  await page.getByRole('heading', { name: `Hello, ${name}` }).waitFor()
}

test('a verified address: send, a wrong code, the right one, the redirect', async () => {
  const user = fresh('ada')
  await login(user)
  await send()
  await field().waitFor()
  const right = await server.code(user)
  await enter(other(right))
  await page.getByText('That is not the code that was sent.').waitFor()
  await enter(right)
  await signedIn('Ada Lovelace')
})

test('enrollment: choose, send, activate, the redirect', async () => {
  const user = fresh('grace')
  await login(user)
  await page.getByRole('button', { name: 'Configure factor' }).or(page.getByRole('link', { name: 'Configure factor' })).click()
  await send()
  await field().waitFor()
  await enter(await server.code(user))
  await signedIn('Grace Hopper')
})

test('an authenticator app: scan, a wrong code, the right one, and the next sign-in', async () => {
  const user = fresh('radia')
  await login(user)
  await page.getByRole('button', { name: 'Configure factor' }).or(page.getByRole('link', { name: 'Configure factor' })).click()
  await page.getByText('iPhone').click()
  const next = () => page.getByRole('button', { name: 'Next' }).or(page.getByText('Next', { exact: true })).first().click()
  const enrolling = await answered(/\/authn\/factors$/, next)
  const { sharedSecret } = enrolling._embedded.factor._embedded.activation
  const picture = page.locator('.qrcode-image')
  await picture.waitFor()
  assert.ok(await picture.evaluate((e) => e.decode().then(() => e.naturalWidth > 100)), 'the QR code is shown')
  await next()
  const first = shown(sharedSecret, enrolling.authn.now)
  await enter(other(first))
  await page.getByText('That is not the code that the app shows.').waitFor()
  await page.waitForTimeout(1000) // this page of the widget takes no second click at once
  await enter(first)
  await signedIn('Radia Perlman')
  await server.advance('30s')
  const required = await answered(/\/authn$/, () => login(user))
  await field().waitFor()
  await enter(shown(sharedSecret, required.authn.now))
  await signedIn('Radia Perlman')
})

test('several factors, one after the other, and Finish; then the question is asked', async () => {
  const user = fresh('margaret')
  await login(user)
  const row = page.locator('.enroll-factor-row').filter({ hasText: 'Security Question' })
  await row.getByText('Setup').click()
  await page.locator('input[name="answer"]').fill('Brussels sprouts')
  const more = await answered(/\/factors$/, () => page.getByRole('button', { name: 'Save' }).click())
  assert.equal(more.status, 'MFA_ENROLL')
  await page.getByText('Enrolled factors').waitFor()
  await page.getByRole('button', { name: 'Finish' }).click()
  await signedIn('Margaret Hamilton')
  const asked = await answered(/\/authn$/, () => login(user))
  await page.getByText(asked._embedded.factors[0].profile.questionText).waitFor()
  await page.locator('input[name="answer"]').fill('brussels sprouts')
  await page.getByRole('button', { name: 'Verify' }).click()
  await signedIn('Margaret Hamilton')
})

test('a security key: set up, a sign-in, and the redirect', async () => {
  const user = fresh('kay')
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'usb', hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })
  try {
    await login(user)
    await page.getByRole('button', { name: 'Configure factor' }).or(page.getByRole('link', { name: 'Configure factor' })).click()
    await page.getByRole('button', { name: 'Enroll' }).or(page.getByRole('link', { name: 'Enroll' })).click()
    await signedIn('Kay McNulty')
    await login(user) // the widget asks the key at once
    await signedIn('Kay McNulty')
  } finally {
    await cdp.detach()
  }
})

test('a choice of factors, and a phone that approves', async () => {
  const user = fresh('katherine')
  await login(user)
  await page.locator('.dropdown').getByRole('link').first().click()
  await page.getByText('Okta Verify').last().click()
  await answered(/\/verify$/, () => page.getByRole('button', { name: 'Send push' }).click())
  const [asked] = (await server.phoneOf(user)).push
  const right = (await page.locator('.number-challenge-view, .phone--number').first().textContent()).match(/\d+/)
  assert.equal(await server.press(asked.id, { answer: 'approve', number: Number(right[0]) }), 200)
  await signedIn('Katherine Johnson')
})

async function forgotten(user, by) {
  await page.goto(`${server.url}/host`)
  await page.getByText('Need help signing in?').click()
  await page.getByText('Forgot password?').click()
  await page.locator('#account-recovery-username').fill(user)
  await answered(/\/recovery\/password$/, () => page.getByText(`Reset via ${by}`).click())
}

test('a password that is forgotten: a text message, a question, a new one', async () => {
  const user = fresh('emmy')
  await forgotten(user, 'SMS')
  const { number } = await server.phoneOf(user)
  let text
  for (let n = 0; n < 200 && !(text = (await server.mails(number)).at(-1)?.text); n++) await page.waitForTimeout(50)
  await field().fill(text.match(/^\d{8}$/m)[0])
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.getByText('Which machine was ahead of its time?').waitFor()
  await page.locator('input[name="answer"]').fill('analytical engine')
  await page.getByRole('button', { name: 'Reset Password' }).click()
  await fill('newPassword', 'a difference engine')
  await fill('confirmPassword', 'a difference engine')
  await page.getByRole('button', { name: 'Reset Password' }).last().click()
  await page.locator('#okta-signin-username').waitFor()
  await login(user, 'a difference engine')
  await page.getByText('SMS Authentication').first().waitFor()
})

test('an account that is unlocked by a mailed link', async () => {
  const user = fresh('joan')
  await page.goto(`${server.url}/host?unlock`)
  await page.getByText('Need help signing in?').click()
  await page.getByText('Unlock account?').click()
  await page.locator('#account-recovery-username').fill(user)
  await answered(/\/recovery\/unlock$/, () => page.getByText('Send Email').click())
  await page.getByText('Email sent').waitFor()
})

const fill = (name, text) => page.locator(`input[name="${name}"]`).fill(text)

// change presses again if nothing was sent: on a busy machine the widget may still be
// drawing the form, and lose what was typed.
async function change(old, next) {
  for (let tries = 0; tries < 4; tries++) {
    await fill('oldPassword', old)
    await fill('newPassword', next)
    await fill('confirmPassword', next)
    const answered = page.waitForResponse((r) => r.url().endsWith('/change_password'), { timeout: 5000 }).catch(() => null)
    await page.getByRole('button', { name: 'Change Password' }).click()
    if (await answered) return
  }
  assert.fail('the widget sends nothing')
}

test('a password that has expired: the factor, a wrong old one, a new one', async () => {
  const user = fresh('barbara')
  await login(user)
  await send()
  await field().waitFor()
  await enter(await server.code(user))
  await page.getByText('password has expired').waitFor()
  await page.getByText('at least 8 characters').waitFor()
  await change('a guess', 'a difference engine')
  await page.getByText('That is not the password that you have.').waitFor()
  await change(password, 'short')
  await page.getByText('It has 5 characters, and needs 8.').waitFor()
  await change(password, 'a difference engine')
  await signedIn('Barbara Liskov')
})

test('a password that expires soon, skipped', async () => {
  await login(fresh('frances'))
  await page.getByText('Your password will expire in 4 days').waitFor()
  await page.getByText('Remind me later').click()
  await signedIn('Frances Allen')
})

test('a device that is remembered', async () => {
  const user = fresh('ada')
  await login(user)
  await send()
  await field().waitFor()
  await page.getByText('Do not challenge me on this device').click()
  await enter(await server.code(user))
  await signedIn('Ada Lovelace')
  await login(user)
  await signedIn('Ada Lovelace')
})

test('no second factor, and a locked account', async () => {
  await login(fresh('alan'))
  await signedIn('Alan Turing')
  await login('dorothy@example.com')
  await page.getByText('Your account is locked.').waitFor()
  assert.equal(page.url(), `${server.url}/host`)
})
