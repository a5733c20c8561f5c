// The sign-in page, as a person uses it, with /inbox and /machine beside it.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'

import { accessible, focus, forget, launch, open, picture, tab } from './browser.mjs'
import { fresh, other, password, start } from './server.mjs'

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
const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()
const button = (page, name) => page.getByRole('button', { name })
const alert = (page, text) => page.getByRole('alert').filter({ hasText: text }).waitFor()
const lit = (machine, state) => machine.locator(`.node.lit title:text-is("${state}")`).waitFor({ state: 'attached' })

async function login(page, user, pw = password) {
  await page.getByLabel('E-mail address').fill(user)
  await page.getByLabel('Password', { exact: true }).fill(pw)
  await button(page, 'Continue').click()
}

// challenged goes as far as the code, which has been sent.
async function challenged(page, user) {
  await login(page, user)
  await heading(page, 'Confirm that it is you')
  await button(page, 'Send a code to').first().click()
  await heading(page, 'Enter the code')
}

async function enter(page, code) {
  await page.getByLabel('Code', { exact: true }).fill(code)
  await page.getByRole('button', { name: /^Confirm/ }).click()
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

    await button(page, 'Send a code to m***@h***.example').click()
    await heading(page, 'Enter the code')
    await page.getByText('Code 1 went to m***@h***.example.').waitFor()
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

  test('a wrong code says so where it was typed, and costs a try', async () => {
    const user = fresh('ada')
    await visit()
    await challenged(page, user)
    const right = await server.code(user)
    await enter(page, '')
    await alert(page, 'Enter the code from the mail.')
    await enter(page, other(right))
    await alert(page, 'That is not the code that was sent.')
    const field = page.getByLabel('Code', { exact: true })
    assert.deepEqual([await field.getAttribute('aria-invalid'), await focus(page)], ['true', 'code'])
    await enter(page, '12')
    await alert(page, 'the digits from the message are expected')
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
    await button(page, 'Send a code to m***@w***.example').click()
    await page.getByText('Code 2 went to m***@w***.example.').waitFor()
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
    assert.match((await server.mails(user)).at(-1).subject, /codes by mail are set up/)

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
    for (const user of ['ada@example.com', 'nobody@example.com', 'joan@example.com']) {
      await login(page, user, 'guess')
      await alert(page, 'The user name or the password is wrong.')
      texts.push(await page.getByRole('alert').first().textContent())
      assert.equal(await focus(page), 'password')
      await page.reload()
    }
    assert.equal(new Set(texts).size, 1)
    await login(page, 'joan@example.com')
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
  await alert(page, 'expected')
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
