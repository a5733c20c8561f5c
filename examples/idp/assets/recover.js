// Recovery of a password, and unlocking of an account: what the page says before and
// after what it shares with a sign-in.

const $ = (id) => document.getElementById(id)
const words = {
  password: {
    heading: 'Reset your password',
    claim: 'Name your account. What we send shows that it is yours, and then you set a new password.',
    link: 'You have opened a link to set a new password for your account. It works once.',
    button: 'Reset my password',
    over: 'Your password is new.',
    then: 'Sign in with it.',
  },
  unlock: {
    heading: 'Unlock your account',
    claim: 'Name your account. What we send shows that it is yours, and unlocks it. Your password stays as it is.',
    link: 'You have opened a link to unlock your account. It works once.',
    button: 'Unlock my account',
    over: 'Your account is unlocked.',
    then: 'Sign in with the password that you have.',
  },
}

// begins is what the page was opened for: to name an account, or with the token of a link,
// which is taken only when somebody says so. Undefined: for a sign-in.
export function begins() {
  const claims = $('main').dataset.recovers
  const token = location.hash.slice(1)
  return claims && (token ? { claims, token } : { claims })
}

// goesOn says that an answer is of a recovery, from the name to the end.
export const goesOn = (answer) => Boolean(answer.claims || answer.recoveryType)

// typeOf is which of the two an answer is of.
export const typeOf = (answer) => answer.claims || (answer.recoveryType === 'UNLOCK' ? 'unlock' : 'password')

// view is that of an answer which a sign-in does not have.
export function view(answer) {
  if (answer.token) return 'link'
  if (answer.claims) return 'claim'
  if (answer.status === 'RECOVERY_CHALLENGE' && !answer.stateToken) return 'claimed'
  return answer.recoveryType && answer.status === 'SUCCESS' ? 'recovered' : undefined
}

// openClaim fills in the form that names an account, openLink the page of a link, and over
// the end.
export function openClaim(answer) {
  $('claim-heading').textContent = words[answer.claims].heading
  $('claim-lead').textContent = words[answer.claims].claim
}

export function openLink(answer) {
  $('link-heading').textContent = words[answer.claims].heading
  $('link-lead').textContent = words[answer.claims].link
  $('link-button').textContent = words[answer.claims].button
}

export function over(answer) {
  $('recovered-heading').textContent = words[typeOf(answer)].over
  $('recovered-lead').textContent = words[typeOf(answer)].then
}

// typed is what the form has.
export const typed = () => ({ username: $('claim-name').value.trim(), by: $('claim-form').elements.by.value })

// lost tells that nothing is left to go on with, and what to begin anew. Of a code nobody
// learns whether there was an account.
export function lost(answer, refusal) {
  const claims = goesOn(answer) && typeOf(answer)
  if (!claims) return undefined
  if (refusal.code === 'E0000011') return { claims, why: answer.token ? 'This link was used before, or is no longer good. Ask for another one.' : 'This has ended. Begin again.' }
  if (refusal.code === 'E0000069' && answer.status === 'RECOVERY_CHALLENGE') return { claims, why: 'Those were too many wrong codes. Ask for another one.' }
  return undefined
}
