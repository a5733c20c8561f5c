// Okta's sign-in widget, unmodified, as a page of the server's own origin: /host.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join, normalize } from 'node:path'

const dist = join(dirname(createRequire(import.meta.url).resolve('@okta/okta-signin-widget/package.json')), 'dist')
const types = { '.css': 'text/css', '.js': 'text/javascript', '.json': 'application/json', '.woff2': 'font/woff2' }

const host = `<!DOCTYPE html>
<meta charset="utf-8">
<link rel="stylesheet" href="/widget/css/okta-sign-in.min.css">
<div id="widget"></div>
<script src="/widget/js/okta-sign-in.classic.min.js"></script>
<script>
const stateToken = new URLSearchParams(location.search).get('stateToken') || undefined // of a step-up
new OktaSignIn({ stateToken, baseUrl: location.origin, useClassicEngine: true, features: { webauthn: true, smsRecovery: true, callRecovery: true, emailRecovery: true, selfServiceUnlock: location.search === '?unlock', multiOptionalFactorEnroll: true } }).renderEl({ el: '#widget' },
  (res) => {
    if (res.status !== 'SUCCESS') return
    if (res.stepUp) return res.stepUp.finish()
    if (res.session?.token) res.session.setCookieAndRedirect(location.origin + '/account')
    else location.assign('/host') // a password was recovered, by which nobody is signed in
  })
</script>`

export async function serveWidget(page, server) {
  await page.route(/\/host(\?.*)?$/, (route) => route.fulfill({ contentType: 'text/html', body: host }))
  await page.route(`${server.url}/widget/**`, async (route) => {
    const path = normalize(new URL(route.request().url()).pathname).replace('/widget/', '')
    const body = await readFile(join(dist, path)).catch(() => null)
    await route.fulfill(body ? { body, contentType: types[extname(path)] || 'application/octet-stream' } : { status: 404 })
  })
}

// login fills in the widget's first form, and sends it. While the widget still draws the
// form it loses a click or what was typed, and sends nothing: then a person tries again.
export async function login(page, host, user, password) {
  await page.goto(host)
  for (let tries = 0; tries < 5; tries++) {
    const sent = page.waitForRequest((r) => r.url().endsWith('/api/v1/authn'), { timeout: 3000 }).catch(() => null)
    await page.locator('#okta-signin-username').fill(user)
    await page.locator('#okta-signin-password').fill(password)
    await page.locator('#okta-signin-submit').click()
    if (await sent) return
  }
  throw new Error('the widget sends nothing')
}
