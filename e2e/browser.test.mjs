// The sign-in page, as a person uses it, with /inbox and /machine beside it.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'

import { accessible, contrast, focus, forget, launch, open, picture, tab } from './browser.mjs'
import { alert, button, challenged, enter, heading, lit, login } from './page.mjs'
import { fresh, other, password, shown, start } from './server.mjs'

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

// visit opens a page in the one window that the tests share; forget makes it
// somebody else's.
async function visit(path = '/') {
  await page.goto(server.url + path)
  return page
}

async function signedIn(page, name) {
  await page.waitForURL(`${server.url}/account`)
  await heading(page, `Hello, ${name}`)
}

describe('a verified address', () => {
  test('with the page and the inbox alone, while the machine follows', async () => {
    const user = 'mary@example.com'
    const home = 'mary@home.example'
    await visit()
    const machine = await tab(page, `${server.url}/machine`)
    await lit(machine, 'UNAUTHENTICATED')
    await picture(page, 'signin')
    await page.bringToFront()
    await login(page, user)
    await heading(page, 'Confirm that it is you')
    await lit(machine, 'MFA_REQUIRED')

    await button(page, 'Send a code to m...y@home.example').click()
    await heading(page, 'Enter the code')
    await page.getByText('Code 1 went to m...y@home.example.').waitFor()
    await page.getByText(/^It is good for [45]:\d\d\.$/).waitFor()
    await lit(machine, 'MFA_CHALLENGE')
    await picture(page, 'challenge')

    await page.bringToFront()
    await enter(page, other(await server.code(home)))
    await alert(page, 'That is not the code')
    await machine.getByText('stays in MFA_CHALLENGE').waitFor()
    await picture(machine, 'machine')

    const inbox = await tab(page, `${server.url}/inbox`)
    const mail = inbox.getByRole('listitem').filter({ hasText: home })
    await mail.getByRole('button', { name: 'Copy the code' }).click()
    await inbox.getByText('The code is copied.').waitFor({ state: 'attached' })

    await page.bringToFront()
    await page.getByLabel('Code', { exact: true }).fill('')
    await page.keyboard.press('Control+V')
    await page.keyboard.press('Enter')
    await signedIn(page, 'Mary Somerville')
    await page.getByText('a password and a one-time code, by email').waitFor()
    await lit(machine, 'SUCCESS')
    await picture(page, 'account')
  })

  test('a pasted sentence, spaces and all', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const code = await server.code(user)
    await page.evaluate((text) => navigator.clipboard.writeText(text), `Your code: ${code.slice(0, 3)} ${code.slice(3)}\n`)
    await page.keyboard.press('Control+V')
    assert.equal(await page.getByLabel('Code', { exact: true }).inputValue(), code)
    await page.keyboard.press('Enter')
    await signedIn(page, 'Ada Lovelace')
  })

  test('a whole mail, and digits of any script', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const code = await server.code(user)
    const field = page.getByLabel('Code', { exact: true })
    const paste = async (text) => {
      await field.fill('')
      await page.evaluate((t) => navigator.clipboard.writeText(t), text)
      await page.keyboard.press('Control+V')
      return field.inputValue()
    }
    const [mail] = await server.mails(user)
    assert.match(mail.subject + mail.text.replace(code, ''), /\d[^]*\d/, 'the mail has other digits too')
    assert.equal(await paste(`${mail.subject}\nSun, 1 Mar 2026 12:00:07 +0000\n${mail.text}`), code)
    assert.equal(await paste(mail.text.replace(code, `  ${code.slice(0, 3)} ${code.slice(3)}`)), code)
    assert.equal(await paste(mail.text.replaceAll('\n', ' ')), code)
    for (const zero of ['０', '٠', '۰', '०', '𝟎']) {
      const other = [...code].map((d) => String.fromCodePoint(zero.codePointAt(0) + Number(d))).join('')
      assert.equal(await paste(other), code, other)
      await field.fill('')
      await page.keyboard.insertText(other)
      assert.equal(await field.inputValue(), code, other)
    }
    assert.equal(await paste('no code at all'), '')
    assert.equal(await paste('12'), '12')
    await field.fill(code)
    await page.keyboard.press('Enter')
    await signedIn(page, 'Ada Lovelace')
  })

  test('the caret stays where it is', async () => {
    await visit()
    await challenged(page, fresh('ada'))
    const field = page.getByLabel('Code', { exact: true })
    const caret = () => field.evaluate((e) => [e.value, e.selectionStart, e.selectionEnd])
    await field.fill('1234')
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.type('x')
    assert.deepEqual(await caret(), ['1234', 1, 1])
    await page.keyboard.insertText('９')
    assert.deepEqual(await caret(), ['19234', 2, 2])
    await page.keyboard.type('8')
    assert.deepEqual(await caret(), ['198234', 3, 3])
  })

  test('in a browser without checkVisibility', async () => {
    const old = await page.context().newPage()
    await old.addInitScript(() => delete Element.prototype.checkVisibility)
    await old.goto(server.url)
    assert.equal(await old.evaluate(() => 'checkVisibility' in Element.prototype), false)
    const user = fresh('ada')
    await challenged(old, user)
    await old.getByText(/^It is good for [45]:\d\d\.$/).waitFor()
    const right = await server.code(user)
    await enter(old, other(right))
    await alert(old, 'That is not the code')
    await enter(old, right)
    await signedIn(old, 'Ada Lovelace')
  })

  test('the clock of the browser is set: the server says how much time is left', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const field = page.getByLabel('Code', { exact: true })
    await field.fill('123')
    const set = async (ms, both) => {
      const answered = page.waitForResponse((r) => r.url().endsWith('/api/v1/authn'))
      await page.evaluate(([ms, both]) => {
        const date = Date.now.bind(Date)
        Date.now = () => date() + ms
        if (!both) return
        const ticks = performance.now.bind(performance)
        performance.now = () => ticks() + ms
      }, [ms, both])
      await answered
    }
    for (const [ms, both] of [[3_600_000, false], [-7_200_000, false], [3_600_000, true]]) {
      await set(ms, both)
      await page.getByText(/^This sign-in ends in (9:[345]\d|10:00)\.$/).waitFor()
      await page.getByText(/^It is good for [45]:\d\d\.$/).waitFor()
      assert.equal(await field.inputValue(), '123', 'what was typed stays')
      await page.evaluate(() => { // the page asks every five seconds at most
        const ticks = performance.now.bind(performance)
        performance.now = () => ticks() + 5001
      })
    }
    await enter(page, await server.code(user))
    await signedIn(page, 'Ada Lovelace')

    // Where the server says that time is up, it is.
    await visit()
    await challenged(page, fresh('ada'))
    await server.advance('10m')
    await page.evaluate(() => {
      const ticks = performance.now.bind(performance)
      performance.now = () => ticks() + 600_000
    })
    await alert(page, 'The sign-in took too long and has ended. Please sign in again.')
    await heading(page, 'Sign in')
  })

  test('nobody is told that they are signed in before they are', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    let calls = 0
    await page.route('**/api/v1/sessions', async (route) => {
      if (++calls > 1) return route.continue()
      await page.waitForTimeout(500) // a slow server
      assert.equal(await page.getByText('You are signed in').isVisible(), false)
      assert.equal(await page.locator('[data-step="done"]').getAttribute('aria-current'), null)
      await route.fulfill({ status: 429, contentType: 'application/json', body: '{"errorCode":"E0000047","errorSummary":"Too many tries."}' })
    })
    await enter(page, await server.code(user))
    await alert(page, 'Too many tries.')
    assert.equal(await page.getByText('You are signed in').isVisible(), false)
    await button(page, 'Confirm').click() // goes on with what is left to do
    await signedIn(page, 'Ada Lovelace')
    assert.equal(calls, 2)
    await page.unroute('**/api/v1/sessions')

    await visit()
    await page.route('**/api/v1/sessions', (route) => route.fulfill({ status: 401, contentType: 'application/json', body: '{"errorCode":"E0000011","errorSummary":"No."}' }))
    await login(page, fresh('alan'))
    await alert(page, 'This sign-in has ended. Please sign in again.')
    assert.equal(await page.getByText('You are signed in', { exact: true }).isVisible(), false)
    await page.unroute('**/api/v1/sessions')
  })

  test('a button that has to wait can be read, also under the pointer', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const right = await server.code(user)
    for (let n = 0; n < 4; n++) {
      await enter(page, other(right))
      await alert(page, n < 3 ? 'Check it' : 'Try again in')
    }
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme }) // with motion: a button is readable while it changes, too
      for (const id of ['code-button', 'resend']) {
        const one = page.locator(`#${id}`)
        await one.evaluate((e) => e.setAttribute('aria-disabled', 'true'))
        for (const over of [false, true]) {
          if (over) await one.hover()
          else await page.mouse.move(0, 0)
          const ratio = await contrast(one)
          assert.ok(ratio >= 4.5, `${id} in ${colorScheme}${over ? ', hovered' : ''}: ${ratio}`)
        }
      }
    }
    await page.emulateMedia({ colorScheme: null })
  })

  test('a lock says until when', async () => {
    const user = fresh('ada')
    for (let n = 0; n < 10; n++) {
      if (n > 0) await server.advance('1h')
      await visit()
      await challenged(page, user)
      await enter(page, other(await server.code(user)))
      if (n < 9) await alert(page, 'That is not the code')
    }
    await heading(page, 'Signing in is blocked')
    await page.getByText(/^That was the last try\. This account is locked until [A-Z]\w+ \d+, \d{4} at \d+:\d\d.[AP]M\. It opens by itself in [\d:]+\.$/).waitFor()
    await button(page, 'Sign in as somebody else').click()
    await login(page, user)
    await heading(page, 'Signing in is blocked')
    await page.getByText(/^This account is locked until [A-Z]\w+ \d+, \d{4} at /).waitFor()
  })

  test('a wrong code says so where it was typed, and costs a try', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const right = await server.code(user)
    await enter(page, '')
    await alert(page, 'Enter the 6 digits of the code from the mail.')
    await enter(page, other(right))
    await alert(page, 'That is not the code that was sent.')
    const field = page.getByLabel('Code', { exact: true })
    assert.deepEqual([await field.getAttribute('aria-invalid'), await focus(page)], ['true', 'code'])
    await enter(page, '12')
    await alert(page, 'Enter the 6 digits of the code from the mail.')
    await enter(page, right)
    await signedIn(page, 'Ada Lovelace')
  })

  test('too many wrong codes: wait, then the right one', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const right = await server.code(user)
    for (const n of [1, 2, 3, 4]) {
      await enter(page, other(right))
      if (n < 4) await alert(page, 'Check it and try again.')
    }
    await alert(page, 'Try again in 30 seconds.')
    const confirm = page.getByRole('button', { name: /^Confirm/ })
    assert.equal(await confirm.getAttribute('aria-disabled'), 'true')
    assert.match(await confirm.evaluate((e) => getComputedStyle(e, '::after').content), /in 0:(30|29|28)/)
    await server.advance('30s')
    await page.reload()
    await heading(page, 'Enter the code')
    await enter(page, right)
    await signedIn(page, 'Ada Lovelace')
  })

  test('a used code does not work again', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const used = await server.code(user)
    await enter(page, used)
    await signedIn(page, 'Ada Lovelace')
    await page.goBack()
    await server.advance('1s')
    await challenged(page, user)
    assert.notEqual(await server.code(user), used)
    await enter(page, used)
    await alert(page, 'That is not the code')
  })

  test('resend counts down, then sends; the old code is dead', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const first = await server.code(user)
    await page.getByRole('button', { name: 'Send a new code', exact: true }).and(page.locator('[aria-disabled="false"]')).click()
    await page.getByText('Code 2 went to').waitFor()
    const second = await server.code(user)
    assert.notEqual(first, second)
    await enter(page, first)
    await alert(page, 'That is not code 2, the one sent last.')
    await enter(page, second)
    await signedIn(page, 'Ada Lovelace')
  })

  test('back to the other address, and cancel', async () => {
    const user = fresh('mary')
    await visit()
    await challenged(page, user)
    await button(page, 'Back').click()
    await heading(page, 'Confirm that it is you')
    await server.advance('1s')
    await page.reload()
    await button(page, /^Send a code to m\.\.\..@work\.example$/).click()
    await page.getByText(/Code 2 went to m\.\.\..@work\.example\./).waitFor()
    await button(page, 'Cancel').click()
    await alert(page, 'The sign-in was canceled.')
    await page.reload()
    await heading(page, 'Sign in')
    assert.equal(await page.getByRole('alert').first().textContent(), '')
  })

  test('an expired code asks for another; an expired sign-in for the password', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const late = await server.code(user)
    await server.advance('5m')
    await enter(page, late)
    await alert(page, 'The code has expired. Ask for a new one.')
    assert.equal(await focus(page), 'resend')
    await page.keyboard.press('Enter')
    await page.getByText('Code 2 went to').waitFor()
    await server.advance('5m')
    await enter(page, await server.code(user))
    await alert(page, 'This sign-in has ended. Please sign in again.')
    await heading(page, 'Sign in')
  })

  test('a reload, another tab and a lost race go on where the sign-in stands', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    await page.reload()
    await heading(page, 'Enter the code')
    const token = await page.evaluate(() => sessionStorage.getItem('stateToken'))
    const second = await tab(page, `${server.url}/`)
    await second.evaluate((t) => sessionStorage.setItem('stateToken', t), token)
    await second.reload()
    await button(second, 'Back').click()
    await heading(second, 'Confirm that it is you')
    await page.bringToFront()
    await enter(page, await server.code(user))
    await heading(page, 'Confirm that it is you')
  })
})

describe('beside the sign-in', () => {
  // A window of the test is always in front: it is told that it is not.
  const hide = (p, hidden) => p.evaluate((h) => {
    Object.defineProperty(document, 'hidden', { get: () => h, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, hidden)

  test('tabs in the background leave the connections to the sign-in', async () => {
    await visit()
    const tabs = []
    for (let n = 0; n < 8; n++) {
      const behind = await tab(page, `${server.url}/${n % 2 ? 'machine' : 'inbox'}`)
      await hide(behind, true)
      tabs.push(behind)
    }
    await page.bringToFront()
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const machine = tabs[1]
    await lit(machine, 'UNAUTHENTICATED')
    await hide(machine, false) // somebody looks again
    await lit(machine, 'MFA_CHALLENGE')
    await enter(page, await server.code(user))
    await signedIn(page, 'Ada Lovelace')
    await lit(machine, 'SUCCESS')
  })

  test('the machine opens where the sign-in stands, also on a phone', async () => {
    const inView = (p) => p.locator('.node.lit').evaluate((e) => {
      const [a, b] = [e.getBoundingClientRect(), e.closest('.picture').getBoundingClientRect()]
      return a.left >= Math.max(0, b.left) && a.right <= Math.min(innerWidth, b.right) && a.top >= Math.max(0, b.top) && a.bottom <= Math.min(innerHeight, b.bottom)
    })
    const user = fresh('ada')
    await visit()
    const machine = await tab(page, 'about:blank')
    await machine.setViewportSize({ width: 360, height: 640 })
    await machine.goto(`${server.url}/machine`)
    await lit(machine, 'UNAUTHENTICATED')
    assert.ok(await inView(machine), 'UNAUTHENTICATED')
    const stands = async (state) => {
      await lit(machine, state)
      assert.ok(await inView(machine), `${state}, followed`)
      await machine.reload()
      await lit(machine, state)
      assert.ok(await inView(machine), state)
      assert.ok(await machine.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is as wide as the screen')
    }
    await login(page, user)
    await stands('MFA_REQUIRED')
    await button(page, 'Send a code to').first().click()
    await stands('MFA_CHALLENGE')
    await enter(page, await server.code(user))
    await stands('SUCCESS')
    await visit()
    await login(page, fresh('grace'))
    await stands('MFA_ENROLL')
    await button(page, 'Send a code to my address').click()
    await stands('MFA_ENROLL_ACTIVATE')
    await button(page, 'Cancel').click()
    await stands('CANCELED')
    await login(page, 'dorothy@example.com')
    await stands('LOCKED_OUT')
    assert.deepEqual(await accessible(machine), [])
  })
})

describe('enrollment inside the sign-in', () => {
  test('by the keyboard alone', async () => {
    const user = fresh('grace')
    await visit()
    const press = async (...keys) => {
      for (const k of keys) await page.keyboard.press(k)
    }
    assert.equal(await focus(page), 'username')
    await page.keyboard.type(user)
    await press('Tab')
    await page.keyboard.type(password)
    await press('Tab')
    assert.equal(await focus(page), 'reveal')
    await press('Space')
    assert.equal(await page.locator('#password').getAttribute('type'), 'text')
    await press('Tab', 'Enter')
    await heading(page, 'Set up a second factor')
    assert.equal(await focus(page), 'Set up a second factor')
    await press('Tab', 'Enter')
    await heading(page, 'Confirm your address')
    assert.equal(await focus(page), 'code')
    await page.keyboard.type(await server.code(user))
    await press('Enter')
    await signedIn(page, 'Grace Hopper')
    assert.match((await server.mails(user)).at(-1).subject, /a second factor was set up/)

    await visit()
    await login(page, user)
    await heading(page, 'Confirm that it is you')
  })

  test('back, and forth with another code', async () => {
    const user = fresh('grace')
    await visit()
    await login(page, user)
    await button(page, 'Send a code to my address').click()
    await heading(page, 'Confirm your address')
    await button(page, 'Back').click()
    await heading(page, 'Set up a second factor')
    await server.advance('1s')
    await button(page, 'Send a code to my address').click()
    await page.getByText('Code 2 went to').waitFor()
    await enter(page, await server.code(user))
    await signedIn(page, 'Grace Hopper')
  })

  test('not now, where it is optional', async () => {
    await visit()
    await login(page, fresh('edith'))
    await button(page, 'Not now').click()
    await signedIn(page, 'Edith Clarke')
  })
})

describe('an authenticator app', () => {
  test('a QR code to scan, a secret to type in, and from then on codes', async () => {
    const user = fresh('radia')
    await visit()
    await login(page, user)
    await heading(page, 'Set up a second factor')
    await page.getByText('a code that an authenticator app shows').waitFor()
    await button(page, 'Set up an app').click()
    await heading(page, 'Set up your app')
    const picture = page.getByRole('img', { name: 'QR code' })
    assert.ok(await picture.evaluate((e) => e.decode().then(() => e.naturalWidth > 100)), 'the QR code is shown')
    const secret = (await page.locator('#app-secret').textContent()).replaceAll(' ', '')
    const now = async () => (await (await fetch(`${server.url}/api/v1/authn`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ stateToken: await page.evaluate(() => sessionStorage.getItem('stateToken')) }),
    })).json()).authn.now
    assert.deepEqual(await accessible(page), [])
    await enter(page, '12')
    await alert(page, 'Enter the 6 digits of the code that the app shows.')
    const first = shown(secret, await now())
    await enter(page, other(first))
    await alert(page, 'That is not the code that the app shows.')
    await page.reload()
    await heading(page, 'Set up your app')
    assert.equal((await page.locator('#app-secret').textContent()).replaceAll(' ', ''), secret)
    await enter(page, first)
    await signedIn(page, 'Radia Perlman')
    await page.getByText('a password and a one-time code').waitFor()

    await visit()
    await login(page, user)
    await button(page, 'Enter a code of my authenticator app').click()
    await heading(page, 'Enter the code')
    assert.equal(await page.locator('#app-secret').textContent(), '')
    await enter(page, first)
    await alert(page, 'This code was used before.')
    await server.advance('30s')
    await enter(page, shown(secret, await now()))
    await signedIn(page, 'Radia Perlman')
  })
})

describe('the password', () => {
  test('a demo account fills itself in', async () => {
    await visit()
    await page.getByLabel('fresh account').check()
    await button(page, 'alan@example.com').click()
    assert.match(await page.getByLabel('E-mail address').inputValue(), /^alan\+\w+@example\.com$/)
    await page.keyboard.press('Enter')
    await signedIn(page, 'Alan Turing')
    await page.getByText('a password', { exact: true }).waitFor()
  })

  test('wrong, unknown and locked look the same from outside', async () => {
    await visit()
    const texts = []
    for (const user of ['ada@example.com', 'nobody@example.com', 'joan@example.com', 'dorothy@example.com']) {
      await login(page, user, 'guess')
      await alert(page, 'The user name or the password is wrong.')
      texts.push(await page.getByRole('alert').first().textContent())
      assert.equal(await focus(page), 'password')
      await page.reload()
    }
    assert.equal(new Set(texts).size, 1)
    await login(page, 'dorothy@example.com')
    await heading(page, 'Signing in is blocked')
    await button(page, 'Sign in as somebody else').click()
    await heading(page, 'Sign in')
  })

  test('the account is for who has signed in', async () => {
    await visit('/account')
    assert.equal(page.url(), `${server.url}/`)
    await login(page, fresh('alan'))
    await signedIn(page, 'Alan Turing')
    await button(page, 'Sign out').click()
    await heading(page, 'Sign in')
    await page.goto(`${server.url}/account`)
    assert.equal(page.url(), `${server.url}/`)
  })
})

test('nothing on any screen hinders people', async () => {
  const user = fresh('mary')
  await visit()
  const check = async (p, what) => assert.deepEqual(await accessible(p), [], what)
  await check(page, 'sign in')
  await login(page, user, 'guess')
  await alert(page, 'wrong')
  await check(page, 'a wrong password')
  await login(page, user)
  await heading(page, 'Confirm that it is you')
  await check(page, 'choose')
  await button(page, 'Send a code to').first().click()
  await heading(page, 'Enter the code')
  await enter(page, '1')
  await alert(page, 'Enter the 6 digits')
  await check(page, 'code')
  for (const path of ['/inbox', '/machine']) await check(await tab(page, server.url + path), path)
  await enter(page, await server.code(user.replace('example.com', 'home.example')))
  await signedIn(page, 'Mary Somerville')
  await check(page, 'account')
  const size = page.viewportSize()
  await page.setViewportSize({ width: 320, height: 640 })
  for (const path of ['/', '/inbox', '/machine', '/account']) {
    await visit(path)
    const wide = await page.evaluate(() => document.documentElement.scrollWidth)
    assert.ok(wide <= 320, `${path} is ${wide} wide on a screen of 320`)
  }
  await page.setViewportSize(size)
})

test('a server that is killed and comes back loses nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'idp-'))
  const args = ['-store', `sqlite:${join(folder, 'idp.db')}`]
  let own = await start({ args })
  try {
    const user = fresh('grace')
    await page.goto(own.url)
    const machine = await tab(page, `${own.url}/machine`)
    await page.bringToFront()
    await login(page, user)
    await button(page, 'Send a code to my address').click()
    await heading(page, 'Confirm your address')
    await own.kill()
    await page.getByLabel('Code', { exact: true }).fill('1') // while it is away
    own = await start({ args, addr: new URL(own.url).host })
    await enter(page, await own.code(user))
    await page.waitForURL(`${own.url}/account`)
    await heading(page, 'Hello, Grace Hopper')
    await lit(machine, 'SUCCESS')
    await page.goto(own.url)
    await login(page, user)
    await heading(page, 'Confirm that it is you')
  } finally {
    await own.stop()
    await rm(folder, { recursive: true })
  }
})
