// An application that asks for a sign-in of the last minutes: Okta's own client, its widget,
// and a person on the page.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'

import { OktaAuth } from '@okta/okta-auth-js/authn'

import { accessible, forget, launch, open, picture } from './browser.mjs'
import { button, enter, heading, login } from './page.mjs'
import { fresh, password, start } from './server.mjs'
import { login as signIn, serveWidget } from './widget.mjs'

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
afterEach(async () => {
  await forget(page)
  assert.deepEqual(faults.splice(0), [], 'the console is clean')
})

const billing = () => page.goto(`${server.url}/billing`)

test('the page: a whole sign-in, and later the factor alone', async () => {
  const user = fresh('ada')
  await billing()
  await page.getByText('to go on to Billing').waitFor()
  assert.equal(new URL(page.url()).search, '', 'the token is not in the address any more')
  await picture(page, 'step-up')
  await page.reload()
  await page.getByText('to go on to Billing').waitFor()
  await accessible(page)
  await login(page, user)
  await heading(page, 'Confirm that it is you')
  await button(page, 'Send a code to').click()
  await enter(page, await server.code(user))
  await page.waitForURL(`${server.url}/billing`)
  await page.getByText(`Nothing is owed, ${user}.`).waitFor()
  await accessible(page)

  await billing()
  await page.getByText('Nothing is owed').waitFor()
  await server.advance('5m')
  await billing()
  await heading(page, 'Confirm that it is you')
  await button(page, 'Send a code to').click()
  await page.getByText('Code 1 went to').waitFor()
  await enter(page, await server.code(user))
  await page.waitForURL(`${server.url}/billing`)
  await page.getByText('You proved').waitFor()
  assert.ok(!server.log().includes('stateToken'), 'no token is in a log')
})

test('the page: whoever does not want to goes on to nothing', async () => {
  await billing()
  await page.getByText('to go on to Billing').waitFor()
  await button(page, 'Cancel').click()
  await page.getByText('to go on to Billing').waitFor({ state: 'hidden' })
  await login(page, fresh('alan'))
  await page.waitForURL(`${server.url}/account`)
})

test('the JavaScript client', async () => {
  const client = new OktaAuth({ issuer: `${server.url}/oauth2/default` })
  const sent = await fetch(`${server.url}/billing`, { redirect: 'manual' })
  const stateToken = new URL(sent.headers.get('location'), server.url).searchParams.get('stateToken')
  const user = fresh('ada')
  let tx = await client.tx.resume({ stateToken })
  assert.deepEqual([tx.status, tx.data.type, tx.target.label], ['UNAUTHENTICATED', 'SESSION_STEP_UP', 'Billing'])
  tx = await tx.authenticate({ username: user, password })
  assert.deepEqual([tx.status, tx.data.type], ['MFA_REQUIRED', 'SESSION_STEP_UP'])
  tx = await tx.factors[0].verify()
  tx = await tx.verify({ passCode: await server.code(user) })
  assert.deepEqual([tx.status, tx.sessionToken, tx.data._links.next.name], ['SUCCESS', undefined, 'original'])
})

test('the widget, to which the browser is sent with the token', async () => {
  const user = fresh('ada')
  await serveWidget(page, server)
  await billing()
  const token = await page.evaluate(() => sessionStorage.getItem('stateToken'))
  await page.evaluate(() => sessionStorage.clear())
  await signIn(page, `${server.url}/host?stateToken=${token}`, user, password)
  await page.getByRole('button', { name: 'Send me the code' }).click()
  const field = page.getByRole('textbox', { name: /code/i })
  await field.waitFor()
  await field.fill(await server.code(user))
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.waitForURL(`${server.url}/billing`)
  await page.getByText(`Nothing is owed, ${user}.`).waitFor()
})
