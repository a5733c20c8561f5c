// Passwords that are forgotten, and accounts that are locked: Okta's own client, and a
// person on the page.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import { OktaAuth } from '@okta/okta-auth-js/authn'

import { accessible, focus, forget, launch, open, picture, tab } from './browser.mjs'
import { alert, button, enter, heading, login } from './page.mjs'
import { fresh, other, password, start } from './server.mjs'

const better = 'a difference engine'
const serverKey = 'the key of a server of this host'

let server, browser, page
const faults = []

before(async () => {
  [server, browser] = await Promise.all([start({ args: ['-dev', '-resend-wait', '1s'], env: { IDP_SERVER_KEY: serverKey } }), launch()])
  page = await open(browser, server.url, faults)
})
after(async () => {
  await browser?.close()
  assert.equal(await server?.stop(), 0, 'it ends in peace')
})

// sent is what the newest of n messages to an address or phone says. It goes out after the
// answer, so it may take a moment.
async function sent(to, n = 1) {
  for (let tries = 0; tries < 100; tries++) {
    const all = await server.mails(to)
    if (all.length >= n) return all.at(-1).text
    await wait(50)
  }
  return assert.fail(`nothing was sent to ${to}`)
}

const link = async (to, n) => (await sent(to, n)).match(/^http\S+#\S+$/m)[0]
const token = async (to, n) => (await link(to, n)).replace(/.*#/, '')
const code = async (to, n) => (await sent(to, n)).match(/^\d{8}$/m)[0]

// phone is the number of an account, which its sign-in knows only in part.
async function phone(ending) {
  for (let tries = 0; tries < 100; tries++) {
    const to = (await server.mails('')).map((m) => m.to).findLast((t) => t.startsWith('+1555') && t.endsWith(ending))
    if (to) return to
    await wait(50)
  }
  return assert.fail('nothing was sent to a phone')
}

describe('the JavaScript client', () => {
  let client
  beforeEach(() => {
    client = new OktaAuth({ issuer: `${server.url}/oauth2/default` })
  })

  const signIn = (username, pw = password) => client.signInWithCredentials({ username, password: pw })

  async function refused(status, code, call) {
    const e = await call().then((tx) => assert.fail(`it led to ${tx.status}`), (e) => e)
    assert.deepEqual([e.xhr?.status, e.errorCode], [status, code], e.message)
  }

  test('a server of the host asks without a way, gets the token, and is told whom there is not', async () => {
    const trusted = new OktaAuth({ issuer: `${server.url}/oauth2/default`, headers: { Authorization: `SSWS ${serverKey}` } })
    const user = fresh('ada')
    await refused(400, 'E0000001', () => client.forgotPassword({ username: user }))
    await refused(403, 'E0000095', () => trusted.forgotPassword({ username: fresh('nobody') }))
    let tx = await trusted.forgotPassword({ username: user })
    assert.deepEqual([tx.status, tx.recoveryType, tx.data._links.next.name], ['RECOVERY', 'PASSWORD', 'recovery'])
    const { recoveryToken } = tx.data
    assert.deepEqual(await server.mails(user), [], 'nothing is sent')
    tx = await client.verifyRecoveryToken({ recoveryToken })
    assert.equal(tx.status, 'PASSWORD_RESET')
    await refused(401, 'E0000011', () => client.verifyRecoveryToken({ recoveryToken }))
    tx = await tx.resetPassword({ newPassword: better })
    assert.deepEqual([tx.status, tx.sessionToken], ['SUCCESS', undefined])
    assert.equal((await signIn(user, better)).status, 'MFA_REQUIRED')

    const joan = fresh('joan')
    tx = await trusted.unlockAccount({ username: joan })
    assert.deepEqual([tx.status, tx.recoveryType], ['RECOVERY', 'UNLOCK'])
    tx = await client.verifyRecoveryToken({ recoveryToken: tx.data.recoveryToken })
    assert.deepEqual([tx.status, tx.sessionToken], ['SUCCESS', undefined])
    assert.equal((await signIn(joan)).status, 'MFA_REQUIRED')
    assert.ok(!server.log().includes(recoveryToken), 'it is in no log')
  })

  test('a password, by a mailed link, which is good once', async () => {
    const user = fresh('ada')
    let tx = await client.forgotPassword({ username: user, factorType: 'EMAIL' })
    assert.deepEqual([tx.status, tx.factorType, tx.recoveryType], ['RECOVERY_CHALLENGE', 'EMAIL', 'PASSWORD'])
    const recoveryToken = await token(user)
    tx = await client.verifyRecoveryToken({ recoveryToken })
    assert.equal(tx.status, 'PASSWORD_RESET')
    await refused(401, 'E0000011', () => client.verifyRecoveryToken({ recoveryToken }))
    await refused(403, 'E0000080', () => tx.resetPassword({ newPassword: 'short' }))
    tx = await tx.resetPassword({ newPassword: better })
    assert.deepEqual([tx.status, tx.sessionToken], ['SUCCESS', undefined])
    await refused(401, 'E0000004', () => signIn(user))
    assert.equal((await signIn(user, better)).status, 'MFA_REQUIRED')
    assert.ok(!server.log().includes(recoveryToken), 'it is in no log')
  })

  test('a new password voids every other link', async () => {
    const user = fresh('alan')
    await client.forgotPassword({ username: user, factorType: 'EMAIL' })
    const first = await token(user)
    await client.forgotPassword({ username: user, factorType: 'EMAIL' })
    const second = await token(user, 2)
    assert.notEqual(first, second)
    const tx = await client.verifyRecoveryToken({ recoveryToken: second })
    assert.equal((await tx.resetPassword({ newPassword: better })).status, 'SUCCESS')
    await refused(401, 'E0000011', () => client.verifyRecoveryToken({ recoveryToken: first }))
  })

  test('a password, by a text message and a question; then by a call', async () => {
    for (const factorType of ['SMS', 'CALL']) {
      const user = fresh('emmy')
      const before = (await server.mails('')).length
      let tx = await client.forgotPassword({ username: user, factorType })
      assert.deepEqual([tx.status, tx.factorType], ['RECOVERY_CHALLENGE', factorType])
      let all
      for (let n = 0; n < 100 && (all = await server.mails('')).length === before; n++) await wait(50)
      const { to } = all.at(-1)
      assert.match(to, /^\+1555\d{7}$/)
      await refused(403, 'E0000068', async () => tx.verify({ passCode: other(await code(to)) }))
      await server.advance('1s')
      tx = await tx.resend()
      tx = await tx.verify({ passCode: await code(to, 2) })
      assert.deepEqual([tx.status, tx.user.recovery_question.question], ['RECOVERY', 'Which machine was ahead of its time?'])
      await refused(403, 'E0000087', () => tx.answer({ answer: 'a difference engine' }))
      tx = await tx.answer({ answer: 'Analytical Engine' })
      assert.equal(tx.status, 'PASSWORD_RESET')
      tx = await tx.resetPassword({ newPassword: better })
      assert.deepEqual([tx.status, tx.sessionToken], ['SUCCESS', undefined])
      await refused(401, 'E0000004', () => signIn(user))
      assert.equal((await signIn(user, better)).status, 'MFA_REQUIRED')
    }
  })

  test('another factor is proved first, and then there is a session', async () => {
    const user = fresh('mary')
    const at = (place) => user.replace('example.com', `${place}.example`)
    await client.forgotPassword({ username: user, factorType: 'EMAIL' })
    let tx = await client.verifyRecoveryToken({ recoveryToken: await token(at('home')) })
    assert.deepEqual([tx.status, tx.factors.map((f) => f.profile.email.split('@')[1])], ['MFA_REQUIRED', ['work.example']])
    tx = await tx.factors[0].verify()
    tx = await tx.verify({ passCode: await server.code(at('work')) })
    assert.equal(tx.status, 'PASSWORD_RESET')
    tx = await tx.resetPassword({ newPassword: better })
    assert.equal(tx.status, 'SUCCESS')
    assert.ok(tx.sessionToken)
  })

  test('an account is unlocked', async () => {
    const user = fresh('joan')
    await refused(401, 'E0000004', () => signIn(user))
    let tx = await client.unlockAccount({ username: user, factorType: 'EMAIL' })
    assert.deepEqual([tx.status, tx.recoveryType], ['RECOVERY_CHALLENGE', 'UNLOCK'])
    tx = await client.verifyRecoveryToken({ recoveryToken: await token(user) })
    assert.deepEqual([tx.status, tx.recoveryType, tx.sessionToken], ['SUCCESS', 'UNLOCK', undefined])
    assert.equal((await signIn(user)).status, 'MFA_REQUIRED')
    await refused(401, 'E0000004', () => signIn(fresh('joan')))
  })

  test('nobody learns whether there is an account', async () => {
    for (const factorType of ['EMAIL', 'SMS']) {
      const answers = []
      for (const username of [fresh('emmy'), fresh('ada'), fresh('nobody'), fresh('dorothy')]) {
        for (const call of ['forgotPassword', 'unlockAccount']) {
          const { headers, ...data } = (await client[call]({ username, factorType })).data
          assert.equal(headers['content-type'], 'application/json')
          const same = JSON.stringify(data, (name, v) => (/^(stateToken|now|expiresAt|resendAt|codeExpiresAt|at)$/.test(name) ? typeof v : v))
          answers.push(same)
        }
      }
      assert.equal(new Set(answers).size, 2, answers.join('\n')) // of the two calls
    }
  })
})

describe('the page', () => {
  beforeEach(() => page.goto(server.url))
  afterEach(async () => {
    await forget(page)
    assert.deepEqual(faults.splice(0), [], 'the console is clean')
  })

  const field = (name) => page.getByLabel(name, { exact: true })
  const steps = () => page.locator('#steps li:visible').evaluateAll((es) => es.map((e) => e.textContent + (e.ariaCurrent ? '*' : '')))

  // ask names an account on the page that a link of the sign-in leads to.
  async function ask(way, user, by = 'A link by e-mail') {
    await page.getByRole('link', { name: way }).click()
    await page.getByLabel('Your account').fill(user)
    await field(by).check()
    await button(page, 'Send it').click()
    await page.locator('p:visible', { hasText: 'If there is such an account, a message is on its way.' }).waitFor()
  }

  test('a password, by a mailed link', async () => {
    const user = fresh('alan')
    await page.getByRole('link', { name: 'Forgot your password?' }).click()
    await heading(page, 'Reset your password')
    assert.equal(await focus(page), 'claim-name')
    assert.deepEqual(await page.locator('#claim-name').evaluate((e) => [e.autocomplete, e.type, e.name]), ['username', 'email', 'username'])
    assert.deepEqual(await accessible(page), [])
    await picture(page, 'recover')
    await button(page, 'Send it').click()
    await alert(page, 'Enter the e-mail address that you sign in with.')
    assert.equal(await focus(page), 'claim-name')
    await page.keyboard.type(user)
    await page.keyboard.press('Enter')
    await heading(page, 'Look into your mail')
    assert.deepEqual(await accessible(page), [])

    const url = await link(user)
    assert.match(url, /\/recover#/)
    await page.goto(url)
    await heading(page, 'Reset your password')
    assert.deepEqual(await accessible(page), [])
    await picture(page, 'recover-link')
    await page.reload() // opening the page takes nothing, however often
    await button(page, 'Reset my password').click()
    await heading(page, 'Set a new password')
    assert.equal(page.url(), `${server.url}/`, 'the token is not in the address any more')
    assert.equal(await focus(page), 'new-password')
    const roles = await page.locator('#renew-form input:visible').evaluateAll((es) => es.map((e) => [e.autocomplete, e.type, e.value]))
    assert.deepEqual(roles, [['username', 'email', user], ['new-password', 'password', '']])
    await page.reload()
    await heading(page, 'Set a new password')
    await field('New password').fill(better)
    await button(page, 'Change password').click()
    await heading(page, 'Your password is new.')
    await page.getByText('Sign in with it.').waitFor()
    assert.deepEqual(await accessible(page), [])
    await button(page, 'Sign in').click()
    assert.deepEqual([await focus(page), await page.locator('#username').inputValue()], ['password', user])
    await login(page, user)
    await alert(page, 'The user name or the password is wrong.')
    await login(page, user, better)
    await heading(page, 'Hello, Alan Turing')

    await page.goto(url)
    await button(page, 'Reset my password').click()
    await alert(page, 'This link was used before, or is no longer good. Ask for another one.')
    await heading(page, 'Reset your password')
  })

  test('a password, by a text message and a question', async () => {
    const user = fresh('emmy')
    await ask('Forgot your password?', user, 'A code by text message')
    await heading(page, 'Enter the code')
    assert.equal(await focus(page), 'code')
    assert.equal(await button(page, 'Back').isVisible(), false)
    assert.deepEqual(await accessible(page), [])
    const to = await phone('')
    await enter(page, '123456')
    await alert(page, 'Enter the 8 digits of the code from the message.')
    await enter(page, other(await code(to)))
    await alert(page, 'That is not the code')
    await page.evaluate((t) => navigator.clipboard.writeText(t), await sent(to))
    await page.getByLabel('Code', { exact: true }).fill('')
    await page.keyboard.press('Control+V')
    assert.equal(await page.getByLabel('Code', { exact: true }).inputValue(), await code(to))
    await page.keyboard.press('Enter')
    await heading(page, 'Answer your question')
    assert.deepEqual(await accessible(page), [])
    const answer = field('Which machine was ahead of its time?')
    await answer.fill('no')
    await page.keyboard.press('Enter')
    await alert(page, 'That is not the answer.')
    await page.reload()
    await answer.fill('analytical engine')
    await page.keyboard.press('Enter')
    await field('New password').fill(better)
    await page.keyboard.press('Enter')
    await heading(page, 'Your password is new.')
  })

  test('codes run out, and tell nothing', async () => {
    for (const user of [fresh('emmy'), fresh('nobody')]) {
      await page.goto(server.url)
      await ask('Forgot your password?', user, 'A code by a call')
      for (let n = 0; n < 2; n++) {
        await enter(page, '00000000')
        await alert(page, 'That is not the code')
      }
      await enter(page, '00000000')
      await alert(page, 'Those were too many wrong codes. Ask for another one.')
    }
  })

  test('an account is unlocked, and what was begun can be left', async () => {
    const user = fresh('joan')
    await login(page, user)
    await alert(page, 'The user name or the password is wrong.')
    await ask('Unlock your account', user)
    await button(page, 'Ask again').click()
    await heading(page, 'Unlock your account')
    await page.getByRole('link', { name: 'Back to sign in' }).click()
    await heading(page, 'Sign in')
    const inbox = await tab(page, `${server.url}/inbox?to=${encodeURIComponent(user)}`)
    const opened = page.context().waitForEvent('page')
    await inbox.getByRole('link', { name: 'Open the link' }).click()
    const other = await opened
    await heading(other, 'Unlock your account')
    await button(other, 'Unlock my account').click()
    await heading(other, 'Your account is unlocked.')
    await button(other, 'Sign in').click()
    await login(other, user)
    await heading(other, 'Confirm that it is you')
  })

  test('another factor is proved on the way, and the steps never go back', async () => {
    const user = fresh('mary')
    await ask('Forgot your password?', user)
    await page.goto(await link(user.replace('example.com', 'home.example')))
    await button(page, 'Reset my password').click()
    await heading(page, 'Confirm that it is you')
    assert.deepEqual(await steps(), [])
    await button(page, 'Send a code to').click()
    await heading(page, 'Enter the code')
    await enter(page, await server.code(user.replace('example.com', 'work.example')))
    await field('New password').fill(better)
    await button(page, 'Change password').click()
    await heading(page, 'Hello, Mary Somerville')

    await page.goto(server.url)
    await login(page, fresh('frances'))
    await heading(page, 'Change your password')
    assert.deepEqual(await steps(), ['Password', 'Second factor', 'New password*', 'Signed in'])
    await button(page, 'Cancel').click()
    await heading(page, 'Sign in')
    assert.deepEqual(await steps(), ['Password*', 'Second factor', 'Signed in'])
  })
})
