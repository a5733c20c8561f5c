// A security key or a passkey, by the browser's own API: from the options of the
// server's answer to the members of the next request.

const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

const described = (list) => list?.map((c) => ({ ...c, id: bytes(c.id) }))

// Browsers of before 2024 cannot read options themselves.
const creation = (o) => PublicKeyCredential.parseCreationOptionsFromJSON?.(o) || {
  ...o,
  challenge: bytes(o.challenge),
  user: { ...o.user, id: bytes(o.user.id) },
  excludeCredentials: described(o.excludeCredentials) || [],
}
const request = (o) => PublicKeyCredential.parseRequestOptionsFromJSON?.(o) || {
  ...o,
  challenge: bytes(o.challenge),
  allowCredentials: described(o.allowCredentials) || [],
}

export const known = () => 'PublicKeyCredential' in window && isSecureContext

// make has a new key made; use has one sign.
export async function make(options, signal) {
  const made = await navigator.credentials.create({ publicKey: creation(options), signal })
  return {
    credentialId: text(made.rawId),
    clientData: text(made.response.clientDataJSON),
    attestation: text(made.response.attestationObject),
    transports: JSON.stringify(made.response.getTransports?.() || []),
  }
}

export async function use(options, signal) {
  const said = await navigator.credentials.get({ publicKey: request(options), signal })
  return {
    credentialId: text(said.rawId),
    clientData: text(said.response.clientDataJSON),
    authenticatorData: text(said.response.authenticatorData),
    signatureData: text(said.response.signature),
  }
}

// any has whatever passkey of this site the user chooses: nobody has said who they are.
export async function any(options, signal) {
  const said = await navigator.credentials.get({ publicKey: request(options), signal })
  return {
    id: said.id,
    rawId: text(said.rawId),
    type: said.type,
    response: {
      clientDataJSON: text(said.response.clientDataJSON),
      authenticatorData: text(said.response.authenticatorData),
      signature: text(said.response.signature),
      userHandle: said.response.userHandle ? text(said.response.userHandle) : undefined,
    },
  }
}

// why tells a person what the browser has said; '' if there is nothing to tell.
export function why(error) {
  switch (error.name) {
    case 'AbortError':
      return ''
    case 'InvalidStateError':
      return 'This key is set up already. Take another one.'
    case 'NotAllowedError':
      return 'No key has answered: it was the wrong one, it took too long, or it was canceled. Try again.'
    case 'SecurityError':
      return 'The browser does not use keys at this address.'
  }
  return 'The key could not be used. Try again.'
}
