// What a person does on the pages of examples/idp, and looks for.

import { password } from './server.mjs'

export const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()
export const button = (page, name) => page.getByRole('button', { name })
export const alert = (page, text) => page.getByRole('alert').filter({ hasText: text }).waitFor()
export const lit = (machine, state) => machine.locator(`.node.lit title:text-is("${state}")`).waitFor({ state: 'attached' })

export async function login(page, user, pw = password) {
  await page.getByLabel('E-mail address').fill(user)
  await page.getByLabel('Password', { exact: true }).fill(pw)
  await button(page, 'Continue').click()
}

// challenged goes as far as the code, which has been sent.
export async function challenged(page, user) {
  await login(page, user)
  await heading(page, 'Confirm that it is you')
  await button(page, 'Send a code to').first().click()
  await heading(page, 'Enter the code')
}

export async function enter(page, code) {
  await page.getByLabel('Code', { exact: true }).fill(code)
  await page.getByRole('button', { name: /^Confirm/ }).click()
}
