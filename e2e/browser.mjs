// A person's browser: headless Chromium, with a fresh profile.

import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { chromium } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const shots = process.env.SHOTS // a folder; none: no pictures are kept

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})

// open gives a window at a page; faults collects what must not happen on any.
export async function open(browser, url, faults) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, permissions: ['clipboard-read', 'clipboard-write'] })
  context.setDefaultTimeout(30_000)
  context.on('console', (m) => {
    const refusal = /Failed to load resource: .*(status of 4\d\d|net::ERR_)/ // is told in words on the page
    if (m.type() === 'error' && !refusal.test(m.text())) faults.push(m.text())
  })
  context.on('weberror', (e) => faults.push(String(e.error())))
  const page = await context.newPage()
  await page.goto(url)
  return page
}

// forget leaves the window as a person finds it who was never there.
export async function forget(page) {
  for (const other of page.context().pages()) {
    if (other !== page) await other.close()
  }
  await page.evaluate(() => sessionStorage.clear())
  await page.context().clearCookies()
}

// tab opens a page in the same window.
export async function tab(page, url) {
  const other = await page.context().newPage()
  await other.goto(url)
  return other
}

// picture keeps a screenshot, in light and in dark.
export async function picture(page, name) {
  if (!shots) return
  mkdirSync(shots, { recursive: true })
  await page.bringToFront()
  for (const scheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await page.screenshot({ path: join(shots, `idp-${name}${scheme === 'dark' ? '-dark' : ''}.png`), fullPage: true })
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
}

// accessible finds what hinders people; in the dark only the colors differ.
export async function accessible(page) {
  const found = []
  await page.evaluate(axe)
  for (const [colorScheme, rules] of [['light', {}], ['dark', { runOnly: ['color-contrast'] }]]) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const { violations } = await page.evaluate((o) => axe.run(document, { ...o, resultTypes: ['violations'] }), rules)
    for (const v of violations) found.push(`${colorScheme}: ${v.id}: ${v.nodes.map((n) => n.target).join(', ')}`)
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
  return found
}

// contrast is that of an element's text with what is behind it: 1 to 21.
export const contrast = (element) => element.evaluate((e) => {
  const channels = (color) => {
    const c = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    c.fillStyle = color
    c.fillRect(0, 0, 1, 1)
    return c.getImageData(0, 0, 1, 1).data
  }
  const luminance = (color) => {
    const [r, g, b] = [...channels(color)].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  let behind = e
  while (channels(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement
  const [a, b] = [luminance(getComputedStyle(e).color), luminance(getComputedStyle(behind).backgroundColor)]
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
})

// focus describes what the keyboard would act on.
export const focus = (page) => page.evaluate(() => {
  const e = document.activeElement
  return e.id || e.dataset.user || e.textContent.trim()
})
