// The authentication API, as any page may use it: follow the links of the last
// answer, and learn from a refusal what is allowed instead.

const waits = [250, 500, 1000, 2000] // milliseconds before another attempt

// Refused is an answer that is an error: its body says why and what is allowed.
export class Refused extends Error {
  constructor(status, body) {
    super(body.errorCauses?.[0]?.errorSummary || body.errorSummary || `The server answered ${status}.`)
    this.status = status
    this.code = body.errorCode || ''
    this.reasons = (body.errorCauses || []).map((c) => c.errorSummary)
    this.authn = body.authn // where the sign-in stands, if it lives
  }
}

// Unreachable says that there was no answer at all.
export class Unreachable extends Error {}

// post sends one event. If the connection breaks it is sent again under the
// same key, so that the server takes it once whatever happens on the way.
export async function post(href, body) {
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('')
  const request = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'Idempotency-Key': key },
    body: JSON.stringify(body),
  }
  for (let attempt = 0; ; attempt++) {
    let response, answer
    try {
      response = await fetch(href, request)
      answer = await response.json()
    } catch {
      answer = undefined
    }
    if (answer && response.status !== 503) {
      if (response.ok) return answer
      throw new Refused(response.status, answer)
    }
    if (attempt === waits.length) {
      if (answer) throw new Refused(response.status, answer)
      throw new Unreachable('The server cannot be reached. Check the connection and try again.')
    }
    await new Promise((resolve) => setTimeout(resolve, waits[attempt]))
  }
}
