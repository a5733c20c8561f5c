// The identity provider under test, and what a person would do beside it.

import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export const password = 'correct horse battery'

const program = process.env.IDP
if (!program) throw new Error('IDP: the path of the built examples/idp is expected; run.sh sets it')

// If a run is ended from outside, so is what it started.
process.on('SIGTERM', () => process.exit(143))
process.on('SIGINT', () => process.exit(130))

// start runs the program on a free port, or on the one given, and resolves
// when it listens.
export async function start({ args = [], addr = '127.0.0.1:0', env = {} } = {}) {
  const child = spawn(program, ['-addr', addr, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  if (process.env.IDP_PIDS) appendFileSync(process.env.IDP_PIDS, `${child.pid}\n`)
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  const exited = once(child, 'exit').then(() => process.off('exit', kill))
  let log = ''
  child.stderr.on('data', (b) => (log += b))
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = line.match(/^ *Sign in +(http:\S+?)\/$/)
      if (found) resolve(found[1])
    })
    exited.then(() => reject(new Error(`the server ended: ${log}`)))
  })
  return new Server(url, child, exited, () => log)
}

export class Server {
  constructor(url, child, exited, log) {
    Object.assign(this, { url, child, exited, log })
  }

  // stop ends it as a person would; kill gives it no time for anything.
  async stop() {
    this.child.kill('SIGTERM')
    await this.exited
    return this.child.exitCode
  }

  async kill() {
    this.child.kill('SIGKILL')
    await this.exited
  }

  // mails are those that were sent to an address, the oldest first.
  async mails(to) {
    const response = await fetch(`${this.url}/inbox.json?to=${encodeURIComponent(to)}`)
    return response.json()
  }

  // code is the newest one that was sent to an address. A page may still be on its way to
  // ask for the first: it is waited for.
  async code(to) {
    for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((r) => setTimeout(r, 50))) {
      const all = await this.mails(to)
      const codes = all.flatMap((m) => m.text.match(/^\d{6}$/m) || [])
      if (codes.length) return codes.at(-1)
    }
    throw new Error(`no code was sent to ${to}`)
  }

  // scan is what a phone does with the picture of its pairing.
  async scan(stateToken) {
    const response = await fetch(`${this.url}/inbox/scan`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ stateToken }) })
    if (!response.ok) throw new Error(`the scan was answered ${response.status}`)
  }

  // phoneOf is what the phone of an account has.
  async phoneOf(user) {
    const response = await fetch(`${this.url}/phone.json?of=${encodeURIComponent(user)}`)
    return response.json()
  }

  // press answers a request of the phone, and gives the status of the answer.
  async press(id, body) {
    const response = await fetch(`${this.url}/phone/push/${id}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
    return response.status
  }

  // phone answers what the phone of an account is asked: "yes" or "no".
  async phone(to, say, number = '') {
    const { reply } = (await this.mails(to)).findLast((m) => m.reply)
    const response = await fetch(this.url + reply, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ say, number }) })
    if (response.status !== 303) throw new Error(`the phone was answered ${response.status}`)
  }

  // advance sets the clock forward; the server has to run with -dev.
  async advance(by) {
    const response = await fetch(`${this.url}/dev/clock?advance=${by}`, { method: 'POST' })
    if (!response.ok) throw new Error(`the clock answered ${response.status}`)
  }
}

// other is a code of the same form that is wrong.
export const other = (code) => code.replace(/^./, (d) => (Number(d) + 1) % 10)

// shown is what an authenticator app shows at a time: RFC 6238.
export function shown(secret, at) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.parse(at) / 30_000)))
  const sum = createHmac('sha1', key).update(step).digest()
  const n = sum.readUInt32BE(sum[19] & 15) & 0x7fffffff
  return String(n % 1_000_000).padStart(6, '0')
}

let n = 0

// fresh is an account of a kind that nobody used before.
export const fresh = (kind) => `${kind}+e2e${process.pid}-${n++}@example.com`
