// Passwords that expire, and devices that are remembered: Okta's own client, and a
// person on the page.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { OktaAuth } from '@okta/okta-auth-js/authn'

import { accessible, focus, forget, launch, open, picture } from './browser.mjs'
import { alert, button, challenged, enter, heading, login } from './page.mjs'
import { fresh, password, start } from './server.mjs'

const better = 'a difference engine'

let server, browser, page
const faults = []

before(async () => {
  [server, browser] = await Promise.all([start({ args: ['-dev', '-resend-wait', '1s'] }), launch()])
  page = await open(browser, server.url, faults)
})
after(async () => {
  await browser?.close()
  assert.equal(await server?.stop(), 0, 'it ends in peace')
})

describe('the JavaScript client', () => {
  let client
  beforeEach(() => {
    client = new OktaAuth({ issuer: `${server.url}/oauth2/default` })
  })

  const options = { warnBeforePasswordExpired: true }
  const email = (tx) => tx.factors.find((f) => f.factorType === 'email')
  const signIn = (username, more) => client.signInWithCredentials({ username, password, ...more })

  // refused runs a call that has to fail, with this status and code, and returns the causes.
  async function refused(status, code, call) {
    const e = await call().then((tx) => assert.fail(`it led to ${tx.status}`), (e) => e)
    assert.deepEqual([e.xhr?.status, e.errorCode], [status, code], e.message)
    return e.errorCauses.map((c) => c.errorSummary)
  }

  test('a password that has expired: the factor, a wrong old one, refusals, a new one', async () => {
    const user = fresh('barbara')
    let tx = await email(await signIn(user)).verify()
    tx = await tx.verify({ passCode: await server.code(user) })
    assert.equal(tx.status, 'PASSWORD_EXPIRED')
    assert.deepEqual([tx.policy.expiration.passwordExpireDays, tx.policy.complexity.minLength], [0, 8])
    assert.equal(tx.skip, undefined)
    assert.match((await refused(403, 'E0000014', () => tx.changePassword({ oldPassword: 'a guess', newPassword: better })))[0], /^oldPassword: /)
    assert.deepEqual(await refused(403, 'E0000014', () => tx.changePassword({ oldPassword: password, newPassword: 'short' })), ['It has 5 characters, and needs 8.'])
    await refused(400, 'E0000001', () => tx.changePassword({ oldPassword: password }))
    tx = await client.tx.resume()
    assert.equal(tx.status, 'PASSWORD_EXPIRED')
    tx = await tx.changePassword({ oldPassword: password, newPassword: better, revokeSessions: true })
    assert.equal(tx.status, 'SUCCESS')
    assert.ok(tx.sessionToken)
    assert.match((await server.mails(user)).at(-1).subject, /your password was changed/)
    await refused(401, 'E0000004', () => signIn(user))
    assert.equal((await signIn(user, { password: better })).status, 'MFA_REQUIRED')
  })

  test('a password that expires soon: not told, skipped, changed', async () => {
    const user = fresh('frances')
    assert.equal((await signIn(user)).status, 'SUCCESS')
    let tx = await signIn(user, { options })
    assert.deepEqual([tx.status, tx.policy.expiration.passwordExpireDays], ['PASSWORD_WARN', 4])
    tx = await tx.skip()
    assert.equal(tx.status, 'SUCCESS')
    tx = await signIn(user, { options })
    tx = await tx.changePassword({ oldPassword: password, newPassword: better })
    assert.equal(tx.status, 'SUCCESS')
    assert.equal((await signIn(user, { options, password: better })).status, 'SUCCESS')
  })

  test('wrong old passwords are slowed down, and end in a lock', async () => {
    const user = fresh('frances')
    let tx = await signIn(user, { options })
    const guess = () => tx.changePassword({ oldPassword: 'a guess', newPassword: better })
    for (let n = 0; n < 4; n++) await refused(403, 'E0000014', guess)
    await refused(429, 'E0000047', guess)
    tx = await tx.skip()
    assert.equal(tx.status, 'SUCCESS')
  })

  test('a device, for a client that keeps cookies', async () => {
    const jar = new Map()
    client = new OktaAuth({
      issuer: `${server.url}/oauth2/default`,
      async httpRequestClient(method, url, { data, headers }) {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
        const response = await fetch(url, { method, headers: { ...headers, ...(cookie && { cookie }) }, body: data && JSON.stringify(data) })
        for (const c of response.headers.getSetCookie()) {
          const [, name, value] = c.match(/^([^=]+)=([^;]*)/)
          jar.set(name, value)
        }
        const answer = { status: response.status, responseText: await response.text(), responseType: 'json' }
        if (!response.ok) throw answer
        return answer
      },
    })
    const user = fresh('ada')
    let tx = await signIn(user)
    assert.deepEqual([tx.policy.allowRememberDevice, tx.policy.rememberDeviceLifetimeInMinutes], [true, 43200])
    tx = await email(tx).verify({ rememberDevice: true })
    tx = await tx.verify({ passCode: await server.code(user), rememberDevice: true })
    assert.equal(tx.status, 'SUCCESS')
    const [[name, token]] = [...jar].filter(([n]) => n.startsWith('authn-device-'))
    assert.ok(!JSON.stringify(tx.data).includes(token), 'no script sees it')
    assert.equal((await signIn(user)).status, 'SUCCESS')
    assert.equal((await signIn(fresh('ada'))).status, 'MFA_REQUIRED')
    assert.ok(!server.log().includes(token), 'it is in no log')
    jar.delete(name)
    assert.equal((await signIn(user, { context: { deviceToken: token } })).status, 'MFA_REQUIRED', 'a body is not believed')
  })
})

describe('the page', () => {
  beforeEach(() => page.goto(server.url))
  afterEach(async () => {
    await forget(page)
    assert.deepEqual(faults.splice(0), [], 'the console is clean')
  })

  const field = (name) => page.getByLabel(name, { exact: true })

  async function signedIn(name) {
    await page.waitForURL(`${server.url}/account`)
    await heading(page, `Hello, ${name}`)
  }

  async function change(old, next) {
    await field('Password that you have').fill(old)
    await field('New password').fill(next)
    await button(page, 'Change password').click()
  }

  test('a password that has expired, with what a password manager looks for', async () => {
    const user = fresh('barbara')
    await challenged(page, user)
    await enter(page, await server.code(user))
    await heading(page, 'Change your password')
    await page.getByText('Your password has expired.').waitFor()
    await page.getByText('At least 8 characters.').waitFor()
    assert.equal(await focus(page), 'old-password')
    assert.equal(await button(page, 'Not now').isVisible(), false)
    const roles = await page.locator('#renew-form input').evaluateAll((es) => es.map((e) => [e.autocomplete, e.type, e.value]))
    assert.deepEqual(roles, [['username', 'email', user], ['current-password', 'password', ''], ['new-password', 'password', '']])
    assert.deepEqual(await accessible(page), [])

    await button(page, 'Change password').click()
    await alert(page, 'Enter a new password.')
    await change('a guess', better)
    await alert(page, 'That is not the password that you have.')
    assert.equal(await focus(page), 'old-password')
    await change(password, 'short')
    await alert(page, 'It has 5 characters, and needs 8.')
    assert.equal(await focus(page), 'new-password')
    await picture(page, 'password')
    assert.deepEqual(await accessible(page), [])
    await page.reload()
    await heading(page, 'Change your password')
    await change(password, better)
    await signedIn('Barbara Liskov')

    await page.goto(server.url)
    await login(page, user)
    await alert(page, 'The user name or the password is wrong.')
    await login(page, user, better)
    await heading(page, 'Confirm that it is you')
  })

  test('a password that expires soon', async () => {
    const user = fresh('frances')
    await login(page, user)
    await page.getByText('Your password expires in 4 days.').waitFor()
    await button(page, 'Not now').click()
    await signedIn('Frances Allen')
    await page.goto(server.url)
    await login(page, user)
    await heading(page, 'Change your password')
    await button(page, 'Show new password').click()
    assert.equal(await page.locator('#new-password').getAttribute('type'), 'text')
    await change(password, better)
    await signedIn('Frances Allen')
  })

  test('a device that is remembered, until the password is changed', async () => {
    const user = fresh('ada')
    const box = page.getByRole('checkbox', { name: 'Remember this device' })
    await login(page, user)
    await heading(page, 'Confirm that it is you')
    await page.getByText('for 30 days').waitFor()
    assert.equal(await box.isChecked(), false)
    await box.check()
    await button(page, 'Send a code to').first().click()
    await heading(page, 'Enter the code')
    assert.equal(await box.isChecked(), true)
    assert.deepEqual(await accessible(page), [])
    await enter(page, await server.code(user))
    await signedIn('Ada Lovelace')
    await button(page, 'Sign out').click()
    await login(page, user)
    await signedIn('Ada Lovelace')
    await page.getByText('a password, on a device that is remembered').waitFor()
    const cookies = await page.context().cookies()
    const device = cookies.find((c) => c.name.startsWith('authn-device-'))
    assert.deepEqual([device.httpOnly, device.sameSite], [true, 'Strict'])
    assert.ok(!(await page.evaluate(() => document.cookie + location.href + JSON.stringify({ ...sessionStorage, ...localStorage }))).includes(device.value))

    await page.goto(server.url)
    await login(page, fresh('ada')) // somebody else on the same device
    await heading(page, 'Confirm that it is you')
    assert.equal(await box.isChecked(), false)
  })
})
