// Okta's sign-in widget, unmodified, as a page of the same origin.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join, normalize } from 'node:path'
import { after, afterEach, before, test } from 'node:test'

import { forget, launch, open } from './browser.mjs'
import { fresh, other, password, start } from './server.mjs'

const dist = join(dirname(createRequire(import.meta.url).resolve('@okta/okta-signin-widget/package.json')), 'dist')
const types = { '.css': 'text/css', '.js': 'text/javascript', '.json': 'application/json', '.woff2': 'font/woff2' }

const host = `<!DOCTYPE html>
<meta charset="utf-8">
<link rel="stylesheet" href="/widget/css/okta-sign-in.min.css">
<div id="widget"></div>
<script src="/widget/js/okta-sign-in.classic.min.js"></script>
<script>
new OktaSignIn({ baseUrl: location.origin, useClassicEngine: true }).renderEl({ el: '#widget' },
  (res) => { if (res.status === 'SUCCESS') res.session.setCookieAndRedirect(location.origin + '/account') })
</script>`

let server, browser, page
const faults = []

before(async () => {
  [server, browser] = await Promise.all([start({ args: ['-resend-wait', '1s'] }), launch()])
  page = await open(browser, server.url, faults)
  await page.route(`${server.url}/host`, (route) => route.fulfill({ contentType: 'text/html', body: host }))
  await page.route(`${server.url}/widget/**`, async (route) => {
    const path = normalize(new URL(route.request().url()).pathname).replace('/widget/', '')
    const body = await readFile(join(dist, path)).catch(() => null)
    await route.fulfill(body ? { body, contentType: types[extname(path)] || 'application/octet-stream' } : { status: 404 })
  })
})
after(async () => {
  await browser?.close()
  assert.equal(await server?.stop(), 0, 'it ends in peace')
})
afterEach(async () => {
  await forget(page)
  assert.deepEqual(faults.splice(0), [], 'the console is clean')
})

async function login(user) {
  await page.goto(`${server.url}/host`)
  await page.locator('#okta-signin-username').fill(user)
  await page.locator('#okta-signin-password').fill(password)
  await page.locator('#okta-signin-submit').click()
}

const send = () => page.getByRole('button', { name: 'Send me the code' }).click()
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

test('no second factor, and a locked account', async () => {
  await login(fresh('alan'))
  await signedIn('Alan Turing')
  await login('joan@example.com')
  await page.getByText('Your account is locked.').waitFor()
  assert.equal(page.url(), `${server.url}/host`)
})
