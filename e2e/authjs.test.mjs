// Okta's own client, unmodified, through both e-mail paths and what may go
// wrong on them.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { OktaAuth } from '@okta/okta-auth-js/authn'

import { fresh, other, password, shown, start } from './server.mjs'

let server, client

before(async () => {
  server = await start({ args: ['-dev', '-resend-wait', '1s'] })
})
after(async () => assert.equal(await server?.stop(), 0, 'it ends in peace'))
beforeEach(() => {
  client = new OktaAuth({ issuer: `${server.url}/oauth2/default` })
})

const signIn = (username) => client.signInWithCredentials({ username, password })
const email = (tx) => tx.factors.find((f) => f.factorType === 'email')

// refused runs a call that has to fail, with this status and code.
async function refused(status, code, call) {
  const e = await call().then((tx) => assert.fail(`it led to ${tx.status}`), (e) => e)
  assert.deepEqual([e.xhr?.status, e.errorCode], [status, code], e.message)
  return e
}

// session exchanges the token as a server would.
function session(sessionToken) {
  return fetch(`${server.url}/api/v1/sessions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ sessionToken }),
  })
}

describe('a verified address', () => {
  test('password, choose, code, session, account', async () => {
    const user = fresh('ada')
    let tx = await signIn(user)
    assert.equal(tx.status, 'MFA_REQUIRED')
    assert.equal(tx.user.profile.login, user)
    assert.match(email(tx).profile.email, /^a\.\.\..@example\.com$/)
    assert.equal((await server.mails(user)).length, 0, 'no mail before it is asked for')

    tx = await email(tx).verify()
    assert.deepEqual([tx.status, tx.factorResult], ['MFA_CHALLENGE', 'CHALLENGE'])
    tx = await tx.verify({ passCode: await server.code(user) })
    assert.equal(tx.status, 'SUCCESS')
    assert.equal(client.tx.exists(), false, 'nothing is left to resume')

    const first = await session(tx.sessionToken)
    assert.equal(first.status, 200)
    assert.deepEqual((await first.json()).amr, ['pwd', 'otp'])
    const cookie = first.headers.getSetCookie().find((c) => c.startsWith('idp_session='))
    assert.match(cookie, /HttpOnly; SameSite=Lax/)
    const page = await fetch(`${server.url}/account`, { headers: { Cookie: cookie.split(';')[0] } })
    assert.match(await page.text(), /Hello, Ada Lovelace/)
    assert.equal((await session(tx.sessionToken)).status, 401, 'once')
  })

  test('remember-device and an empty passCode, as the widget sends them', async () => {
    const user = fresh('ada')
    let tx = await signIn(user)
    tx = await email(tx).verify({ passCode: '', rememberDevice: false })
    assert.equal(tx.status, 'MFA_CHALLENGE')
    tx = await tx.verify({ passCode: await server.code(user), rememberDevice: true })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('a wrong code, then the right one', async () => {
    const user = fresh('ada')
    let tx = await email(await signIn(user)).verify()
    const right = await server.code(user)
    const e = await refused(403, 'E0000068', () => tx.verify({ passCode: other(right) }))
    assert.match(e.errorCauses[0].errorSummary, /not the code/)
    await refused(400, 'E0000001', () => tx.verify({ passCode: 'nonsense' }))
    tx = await tx.verify({ passCode: right })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('replay: a code, and a state token, are good once', async () => {
    const user = fresh('ada')
    const challenge = await email(await signIn(user)).verify()
    const passCode = await server.code(user)
    const body = JSON.stringify({ stateToken: challenge.data.stateToken, passCode })
    const send = () => fetch(challenge.data._links.next.href.replace(/^\//, `${server.url}/`), {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body,
    })
    const answers = await Promise.all(Array.from({ length: 20 }, send))
    assert.equal(answers.filter((r) => r.status === 200).length, 1, 'of twenty at once one wins')
    await refused(401, 'E0000011', () => challenge.verify({ passCode }))
    const again = await email(await signIn(user)).verify()
    if (passCode !== await server.code(user)) await refused(403, 'E0000068', () => again.verify({ passCode }))
  })

  test('resend: not too soon, and the old code is dead', async () => {
    const user = fresh('ada')
    let tx = await email(await signIn(user)).verify()
    const first = await server.code(user)
    const e = await refused(429, 'E0000118', () => tx.resend('email'))
    assert.equal(e.xhr.headers['retry-after'], '1')
    await server.advance('1s')
    tx = await tx.resend('email')
    assert.equal(tx.status, 'MFA_CHALLENGE')
    assert.equal((await server.mails(user)).length, 2)
    const second = await server.code(user)
    if (first !== second) await refused(403, 'E0000068', () => tx.verify({ passCode: first }))
    tx = await tx.verify({ passCode: second })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('previous: back to the choice, and the code that was sent is still good', async () => {
    const user = fresh('mary')
    const home = user.replace('@example.com', '@home.example')
    let tx = await signIn(user)
    assert.equal(tx.factors.length, 2)
    tx = await tx.factors[0].verify()
    tx = await tx.prev()
    assert.equal(tx.status, 'MFA_REQUIRED')
    await refused(403, 'E0000079', () => tx.factors[0].verify({ passCode: '123456' }))
    tx = await tx.factors[0].verify()
    assert.equal((await server.mails(home)).length, 1)
    tx = await tx.verify({ passCode: await server.code(home) })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('cancel ends it for good', async () => {
    const user = fresh('ada')
    const tx = await email(await signIn(user)).verify()
    await tx.cancel()
    const passCode = await server.code(user)
    await refused(401, 'E0000011', () => tx.verify({ passCode }))
    await refused(401, 'E0000011', () => client.tx.resume({ stateToken: tx.data.stateToken }))
  })

  test('an expired code: ask for another', async () => {
    const user = fresh('ada')
    let tx = await email(await signIn(user)).verify()
    const late = await server.code(user)
    await server.advance('5m')
    const e = await refused(403, 'E0000068', () => tx.verify({ passCode: late }))
    assert.match(e.errorCauses[0].errorSummary, /expired/)
    tx = await tx.resend('email')
    tx = await tx.verify({ passCode: await server.code(user) })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('an expired transaction: begin again', async () => {
    const user = fresh('ada')
    const tx = await email(await signIn(user)).verify()
    await server.advance('10m')
    const passCode = await server.code(user)
    await refused(401, 'E0000011', () => tx.verify({ passCode }))
    assert.equal((await signIn(user)).status, 'MFA_REQUIRED')
  })
})

describe('enrollment inside the sign-in', () => {
  test('enroll, activate, and next time be challenged', async () => {
    const user = fresh('grace')
    let tx = await signIn(user)
    assert.equal(tx.status, 'MFA_ENROLL')
    assert.equal(email(tx).enrollment, 'REQUIRED')
    tx = await email(tx).enroll()
    assert.equal(tx.status, 'MFA_ENROLL_ACTIVATE')
    const right = await server.code(user)
    await refused(403, 'E0000068', () => tx.activate({ passCode: other(right) }))
    await refused(429, 'E0000118', () => tx.resend('email'))
    await server.advance('1s')
    tx = await tx.resend('email')
    tx = await tx.activate({ passCode: await server.code(user) })
    assert.equal(tx.status, 'SUCCESS')
    const subjects = (await server.mails(user)).map((m) => m.subject)
    assert.match(subjects.at(-1), /a second factor was set up/)
    assert.equal((await signIn(user)).status, 'MFA_REQUIRED')
  })

  test('previous: the code is erased, the choice is open again', async () => {
    const user = fresh('grace')
    let tx = await email(await signIn(user)).enroll()
    const erased = await server.code(user)
    tx = await tx.prev()
    assert.equal(tx.status, 'MFA_ENROLL')
    await server.advance('1s')
    tx = await email(tx).enroll()
    const second = await server.code(user)
    if (erased !== second) await refused(403, 'E0000068', () => tx.activate({ passCode: erased }))
    tx = await tx.activate({ passCode: second })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('what is optional may be skipped', async () => {
    let tx = await signIn(fresh('edith'))
    assert.equal(tx.status, 'MFA_ENROLL')
    tx = await tx.skip()
    assert.equal(tx.status, 'SUCCESS')
  })
})

describe('an authenticator app', () => {
  const app = (tx) => tx.factors.find((f) => f.factorType === 'token:software:totp')

  test('set up, and from then on asked for', async () => {
    const user = fresh('radia')
    let tx = await signIn(user)
    assert.equal(tx.status, 'MFA_ENROLL')
    assert.equal(app(tx).provider, 'GOOGLE')
    tx = await app(tx).enroll()
    assert.equal(tx.status, 'MFA_ENROLL_ACTIVATE')
    assert.equal(tx.factor.profile.credentialId, user)
    const { sharedSecret, encoding, timeStep, keyLength } = tx.factor.activation
    assert.deepEqual([encoding, timeStep, keyLength], ['base32', 30, 6])
    const { href, type } = tx.data._embedded.factor._embedded.activation._links.qrcode
    assert.equal(type, 'image/png')
    const png = Buffer.from(await (await fetch(href)).arrayBuffer())
    assert.equal(png.subarray(1, 4).toString(), 'PNG')
    const shows = (tx) => shown(sharedSecret, tx.data.authn.now)

    const first = shows(tx)
    await refused(403, 'E0000068', () => tx.activate({ passCode: other(first) }))
    tx = await client.tx.resume()
    assert.equal(tx.factor.activation.sharedSecret, sharedSecret, 'a reload shows the same secret')
    tx = await tx.activate({ passCode: first })
    assert.equal(tx.status, 'SUCCESS')

    tx = await signIn(user)
    assert.equal(tx.status, 'MFA_REQUIRED')
    const e = await refused(403, 'E0000068', () => app(tx).verify({ passCode: first, rememberDevice: false }))
    assert.match(e.errorCauses[0].errorSummary, /used before/)
    await server.advance('30s')
    tx = await client.tx.resume()
    tx = await app(tx).verify({ passCode: shows(tx), rememberDevice: false })
    assert.equal(tx.status, 'SUCCESS')
    assert.deepEqual((await (await session(tx.sessionToken)).json()).amr, ['pwd', 'otp'])
  })
})

describe('a phone that approves', () => {
  const phone = (tx) => tx.factors.find((f) => f.factorType === 'push')

  test('paired, asked, and polled for until it has answered', async () => {
    const user = fresh('karen')
    let tx = await phone(await signIn(user)).enroll()
    assert.deepEqual([tx.status, tx.factorResult], ['MFA_ENROLL_ACTIVATE', 'WAITING'])
    await server.scan(tx.data.stateToken)
    let polled = tx.poll({ delay: 50 })
    await server.phone(user, 'yes')
    tx = await polled
    assert.equal(tx.status, 'SUCCESS')

    tx = await phone(await signIn(user)).verify()
    assert.deepEqual([tx.status, tx.factorResult, phone({ factors: [tx.factor] }).profile.name], ['MFA_CHALLENGE', 'WAITING', `the phone of ${user}`])
    polled = tx.poll({ delay: 50 })
    await server.phone(user, 'no')
    tx = await polled
    assert.deepEqual([tx.status, tx.factorResult], ['MFA_CHALLENGE', 'REJECTED'])
    tx = await tx.verify({})
    assert.equal(tx.factorResult, 'WAITING', 'the next one asks anew, at once')
    polled = tx.poll({ delay: 50 })
    await server.phone(user, 'yes', String(tx.factor.challenge.correctAnswer))
    tx = await polled
    assert.equal(tx.status, 'SUCCESS')
    assert.deepEqual((await (await session(tx.sessionToken)).json()).amr, ['pwd', 'swk'])
  })
})

describe('recovery codes', () => {
  test('a list, and one of its codes without a challenge', async () => {
    const user = fresh('annie')
    let tx = await email(await signIn(user)).verify()
    tx = await tx.verify({ passCode: await server.code(user) })
    assert.equal(tx.status, 'MFA_ENROLL')
    const list = (tx) => tx.factors.find((f) => f.provider === 'CUSTOM')
    tx = await list(tx).enroll()
    const { codes } = tx.data.authn
    assert.equal(codes.length, 10)
    tx = await tx.activate({ passCode: codes[9] })
    assert.equal(tx.status, 'SUCCESS')
    tx = await list(await signIn(user)).verify({ passCode: codes[9] })
    assert.deepEqual([tx.status, tx.data.authn.codesLeft], ['SUCCESS', 9])
    tx = await signIn(user)
    await refused(403, 'E0000068', () => list(tx).verify({ passCode: codes[9] }))
  })
})

describe('every kind of factor', () => {
  const of = (tx, type) => tx.factors.find((f) => f.factorType === type)
  const nameless = { rememberDevice: false }

  test('katherine chooses', async () => {
    const user = fresh('katherine')
    const { number, totp, recoveryCodes } = await server.phoneOf(user)
    let tx = await signIn(user)
    assert.deepEqual(tx.factors.map((f) => f.factorType), ['email', 'sms', 'call', 'token:software:totp', 'question', 'push', 'recovery_codes'])
    for (const [type, proof] of [['token:software:totp', { passCode: totp[0].code }], ['recovery_codes', { passCode: recoveryCodes[0] }], ['question', { answer: 'Analytical Engine' }]]) {
      tx = await of(await signIn(user), type).verify({ ...proof, ...nameless })
      assert.equal(tx.status, 'SUCCESS', type)
    }
    for (const [type, to] of [['email', user], ['sms', number], ['call', number]]) {
      tx = await of(await signIn(user), type).verify()
      assert.equal(tx.status, 'MFA_CHALLENGE', type)
      tx = await tx.verify({ passCode: await server.code(to) })
      assert.equal(tx.status, 'SUCCESS', type)
    }
    tx = await of(await signIn(user), 'push').verify()
    const polled = tx.poll({ delay: 50 })
    const { push } = await server.phoneOf(user)
    assert.ok(push[0].numbers.includes(tx.factor.challenge.correctAnswer))
    assert.equal(await server.press(push[0].id, { answer: 'approve', number: tx.factor.challenge.correctAnswer }), 200)
    assert.equal((await polled).status, 'SUCCESS')
    assert.equal(await server.press(push[0].id, { answer: 'reject' }), 409)
  })

  test('margaret sets up what she likes', async () => {
    const begun = async (tag) => {
      const user = fresh(`margaret+${tag}`).replace(/\+([^@]*)\+/, '+$1-')
      const tx = await signIn(user)
      assert.equal(tx.status, 'MFA_ENROLL')
      assert.ok(tx.factors.length === 8 && tx.factors.every((f) => f.enrollment === 'OPTIONAL') && !tx.skip)
      return [user, tx]
    }
    for (const type of ['email', 'sms', 'call']) {
      let [user, tx] = await begun(type)
      tx = await of(tx, type).enroll({ profile: { phoneNumber: '+1 555 0100' } })
      assert.equal(tx.status, 'MFA_ENROLL_ACTIVATE')
      tx = await tx.activate({ passCode: await server.code(type === 'email' ? user : (await server.phoneOf(user)).number) })
      assert.equal(tx.status, 'SUCCESS', type)
    }
    let user, tx
    for (const provider of ['OKTA', 'GOOGLE']) {
      [user, tx] = await begun(provider.toLowerCase())
      tx = await tx.factors.find((f) => f.factorType === 'token:software:totp' && f.provider === provider).enroll()
      const [app] = (await server.phoneOf(user)).totp
      assert.equal(app.secret, tx.factor.activation.sharedSecret)
      assert.equal((await tx.activate({ passCode: app.code })).status, 'SUCCESS')
      assert.deepEqual((await signIn(user)).factors.map((f) => f.provider), [provider])
    }

    [user, tx] = await begun('question')
    tx = await of(tx, 'question').enroll({ profile: { question: 'disliked_food', answer: 'Brussels sprouts' } })
    assert.equal(tx.status, 'SUCCESS')
    const asked = of(await signIn(user), 'question')
    assert.equal(asked.profile.questionText, 'What is the food you least liked as a child?')
    tx = await asked.verify({ answer: 'brussels sprouts' })
    assert.equal(tx.status, 'SUCCESS');

    [user, tx] = await begun('push')
    tx = await of(tx, 'push').enroll()
    const polled = tx.poll({ delay: 50 })
    const { enrolling } = await server.phoneOf(user)
    assert.equal(await server.press(enrolling[0].id, { answer: 'approve' }), 200)
    assert.equal((await polled).status, 'SUCCESS')
  })

  test('margaret sets up several', async () => {
    const user = fresh('margaret')
    const several = () => client.signInWithCredentials({ username: user, password, options: { multiOptionalFactorEnroll: true } })
    const open = (tx) => tx.factors.filter((f) => f.status === 'NOT_SETUP').length
    let tx = await several()
    assert.ok(tx.status === 'MFA_ENROLL' && open(tx) === 8 && !tx.skip)
    tx = await of(tx, 'question').enroll({ profile: { question: 'disliked_food', answer: 'Brussels sprouts' } })
    assert.ok(tx.status === 'MFA_ENROLL' && open(tx) === 7 && tx.skip)
    tx = await of(tx, 'email').enroll()
    tx = await tx.activate({ passCode: await server.code(user) })
    assert.ok(tx.status === 'MFA_ENROLL' && open(tx) === 6)
    assert.equal((await tx.skip()).status, 'SUCCESS')
    tx = await several()
    assert.deepEqual([tx.status, tx.factors.map((f) => f.factorType)], ['MFA_REQUIRED', ['email', 'question']])
    assert.equal((await of(tx, 'question').verify({ answer: 'brussels sprouts' })).status, 'SUCCESS')
  })
})

describe('the password', () => {
  test('enough for alan', async () => {
    const tx = await signIn(fresh('alan'))
    assert.equal(tx.status, 'SUCCESS')
    assert.deepEqual((await (await session(tx.sessionToken)).json()).amr, ['pwd'])
  })

  test('right, wrong and unknown on a locked account', async () => {
    assert.equal((await signIn('dorothy@example.com')).status, 'LOCKED_OUT')
    for (const username of ['dorothy@example.com', 'joan@example.com', 'ada@example.com', 'nobody@example.com']) {
      await refused(401, 'E0000004', () => client.signInWithCredentials({ username, password: 'guess' }))
    }
  })
})

describe('resuming', () => {
  test('in this process, from what the client has kept', async () => {
    const user = fresh('ada')
    await email(await signIn(user)).verify()
    assert.equal(client.tx.exists(), true)
    let tx = await client.tx.resume()
    assert.equal(tx.status, 'MFA_CHALLENGE')
    tx = await tx.verify({ passCode: await server.code(user) })
    assert.equal(tx.status, 'SUCCESS')
  })

  test('in another process, from the state token alone', async () => {
    const user = fresh('grace')
    const tx = await email(await signIn(user)).enroll()
    const script = fileURLToPath(new URL('resume.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [script, server.url], {
      env: { ...process.env, STATE_TOKEN: tx.data.stateToken, PASS_CODE: await server.code(user) },
      timeout: 30_000,
    })
    assert.deepEqual(stdout.trim().split('\n'), ['MFA_ENROLL_ACTIVATE', 'MFA_ENROLL_ACTIVATE', 'SUCCESS'])
    await refused(401, 'E0000011', () => tx.resend('email'))
  })

  test('after the server was killed, with another one on the same file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'idp-'))
    const args = ['-store', `sqlite:${join(folder, 'idp.db')}`]
    const user = fresh('grace')
    let own = await start({ args })
    try {
      client = new OktaAuth({ issuer: `${own.url}/oauth2/default` })
      const { stateToken } = (await email(await signIn(user)).enroll()).data
      await own.kill()
      own = await start({ args })
      client = new OktaAuth({ issuer: `${own.url}/oauth2/default` })
      let tx = await client.tx.resume({ stateToken })
      assert.equal(tx.status, 'MFA_ENROLL_ACTIVATE')
      tx = await tx.activate({ passCode: await own.code(user) })
      assert.equal(tx.status, 'SUCCESS')
      await own.kill()
      own = await start({ args })
      client = new OktaAuth({ issuer: `${own.url}/oauth2/default` })
      assert.equal((await signIn(user)).status, 'MFA_REQUIRED', 'what was enrolled is known')
    } finally {
      await own.kill()
      await rm(folder, { recursive: true })
    }
  })
})
