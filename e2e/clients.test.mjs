// What else Okta's clients send: members that are null, empty codes, state to
// relay; and a browser with several sign-ins at once.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'

import { OktaAuth } from '@okta/okta-auth-js/authn'

import { launch } from './browser.mjs'
import { fresh, password, start } from './server.mjs'

let server, client

before(async () => {
  server = await start({ args: ['-dev', '-resend-wait', '1s'] })
})
after(async () => assert.equal(await server?.stop(), 0, 'it ends in peace'))
beforeEach(() => {
  client = new OktaAuth({ issuer: `${server.url}/oauth2/default` })
})

const email = (tx) => tx.factors.find((f) => f.factorType === 'email')

// refused runs a call that has to fail, with this status and code.
async function refused(status, code, call) {
  const e = await call().then((tx) => assert.fail(`it led to ${tx.status}`), (e) => e)
  assert.deepEqual([e.xhr?.status, e.errorCode], [status, code], e.message)
  return e
}

describe('the JavaScript client', () => {
  test('null in what is optional is as good as nothing', async () => {
    const user = fresh('ada')
    let tx = await client.signInWithCredentials({ username: user, password, relayState: null, options: null, context: null, audience: null })
    assert.equal(tx.status, 'MFA_REQUIRED')
    tx = await email(tx).verify({ passCode: null, rememberDevice: null, autoPush: null, relayState: null })
    assert.equal(tx.status, 'MFA_CHALLENGE')
    tx = await tx.verify({ passCode: await server.code(user), rememberDevice: null, answer: null })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('relayState may come with every call', async () => {
    const user = fresh('grace'), relayState = '/orders?id=7'
    let tx = await client.signInWithCredentials({ username: user, password, relayState })
    assert.equal(tx.data.relayState, relayState)
    tx = await email(tx).enroll({ relayState })
    assert.deepEqual([tx.status, tx.data.relayState], ['MFA_ENROLL_ACTIVATE', relayState])
    tx = await tx.prev({ relayState })
    assert.deepEqual([tx.status, tx.data.relayState], ['MFA_ENROLL', relayState])
    await server.advance('1s')
    tx = await email(tx).enroll({ relayState })
    tx = await tx.activate({ passCode: await server.code(user), relayState })
    assert.deepEqual([tx.status, tx.data.relayState], ['SUCCESS', relayState])
  })

  test('an empty code is a field that was not filled in', async () => {
    const user = fresh('ada')
    let tx = await email(await client.signInWithCredentials({ username: user, password })).verify({ passCode: '' })
    const passCode = await server.code(user)
    await server.advance('2s')
    for (const empty of ['', ' ']) {
      const e = await refused(400, 'E0000001', () => tx.verify({ passCode: empty }))
      assert.equal(e.errorCauses[0].errorSummary, 'Enter the digits of the code from the message.')
    }
    assert.equal((await server.mails(user)).length, 1)
    tx = await tx.verify({ passCode })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('who has the state token does not see the session token', async () => {
    const user = fresh('ada')
    let tx = await email(await client.signInWithCredentials({ username: user, password })).verify()
    const { stateToken } = tx.data
    tx = await tx.verify({ passCode: await server.code(user) })
    assert.ok(tx.sessionToken)
    const planter = new OktaAuth({ issuer: `${server.url}/oauth2/default` })
    await refused(401, 'E0000011', () => planter.tx.resume({ stateToken }))
    await refused(401, 'E0000011', () => planter.tx.introspect({ stateToken }))
  })
})

// A client of a typed language sends every member that its request may have.
test('a client that cannot leave a member out', async () => {
  const post = async (path, body) => {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { Accept: 'application/json', 'Content-Type': 'application/json; charset=utf8', 'Content-Encoding': 'identity' },
      body: JSON.stringify(body),
    })
    return response.json()
  }
  const user = fresh('ada')
  let tx = await post('/api/v1/authn/', {
    username: user, password, audience: null, relayState: null, stateToken: null,
    options: { multiOptionalFactorEnroll: null, warnBeforePasswordExpired: null }, context: { deviceToken: null },
  })
  assert.equal(tx.status, 'MFA_REQUIRED')
  const { stateToken } = tx
  const verify = `/api/v1/authn/factors/${tx._embedded.factors[0].id}/verify`
  tx = await post(verify, { stateToken, passCode: null, rememberDevice: null })
  assert.equal(tx.status, 'MFA_CHALLENGE')
  tx = await post(verify, { stateToken, passCode: await server.code(user), rememberDevice: true })
  assert.equal(tx.status, 'SUCCESS')
})

test('tabs of one browser, and a second click', async () => {
  const browser = await launch()
  try {
    const context = await browser.newContext()
    const tabs = []
    for (const first of ['alan', 'ada']) {
      const page = await context.newPage()
      await page.goto(`${server.url}/inbox`)
      tabs.push({ page, first })
    }
    // post is a page's own request, with the cookies of the browser.
    const post = (page, path, body) => page.evaluate(async ([path, body]) => {
      const headers = { 'Content-Type': 'application/json' }
      return (await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), credentials: 'include' })).json()
    }, [path, body])
    for (const tab of tabs) {
      const username = fresh(tab.first)
      let tx = await post(tab.page, '/api/v1/authn', { username, password })
      if (tx.status !== 'SUCCESS') {
        const { stateToken } = tx
        const verify = `/api/v1/authn/factors/${tx._embedded.factors[0].id}/verify`
        await post(tab.page, verify, { stateToken })
        tx = await post(tab.page, verify, { stateToken, passCode: await server.code(username) })
      }
      assert.equal(tx.status, 'SUCCESS')
      const query = new URLSearchParams({ checkAccountSetupComplete: true, token: tx.sessionToken, redirectUrl: `${server.url}/account` })
      tab.to = `${server.url}/login/sessionCookieRedirect?${query}`
    }
    for (const [i, name] of ['Alan Turing', 'Ada Lovelace'].entries()) {
      for (let click = 0; click < 2; click++) {
        await tabs[i].page.goto(tabs[i].to)
        assert.equal(tabs[i].page.url(), `${server.url}/account`)
        await tabs[i].page.getByRole('heading', { name: `Hello, ${name}` }).waitFor()
      }
    }
    const stranger = await (await browser.newContext()).newPage()
    const answer = await stranger.goto(tabs[0].to)
    assert.equal(answer.status(), 401, 'not in a browser that has no part in it')
  } finally {
    await browser.close()
  }
})
