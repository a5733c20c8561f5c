// The form for a new password: where one has expired, expires soon or has to be reset.

const $ = (id) => document.getElementById(id)
const asks = () => !$('old').hidden // for the old password as well

// open fills the form in for an answer.
export function open(answer) {
  const { status, _embedded: { user, policy } } = answer
  const days = policy?.expiration?.passwordExpireDays
  const least = policy?.complexity?.minLength
  $('old').hidden = status === 'PASSWORD_RESET'
  $('renew-heading').textContent = status === 'PASSWORD_RESET' ? 'Set a new password' : 'Change your password'
  $('renew-lead').textContent = {
    PASSWORD_EXPIRED: 'Your password has expired. You need another one to go on.',
    PASSWORD_RESET: answer.recoveryType ? 'You have shown that this is your account. Choose its new password.' : 'Your password has to be replaced before you go on.',
  }[status] || `Your password expires ${days > 1 ? `in ${days} days` : days === 1 ? 'tomorrow' : 'within a day'}.`
  $('renew-user').value = user?.profile?.login || ''
  $('new-password-hint').textContent = least ? `At least ${least} characters. A sentence is fine; there is no rule for what is in it.` : ''
  if (least) $('new-password').setAttribute('passwordrules', `minlength: ${least};`)
  $('later').hidden = !answer._links.skip
  forget()
}

// forget leaves nothing in the fields.
export function forget() {
  $('old-password').value = $('new-password').value = ''
  say('old-password', [])
  say('new-password', [])
}

// first is the field to begin with.
export const first = () => (asks() ? $('old-password') : $('new-password'))

// typed is what a request brings; undefined if something is missing, which is shown.
export function typed() {
  const [oldPassword, newPassword] = [$('old-password').value, $('new-password').value]
  say('old-password', asks() && !oldPassword ? ['Enter the password that you have.'] : [])
  say('new-password', newPassword ? [] : ['Enter a new password.'])
  if (!newPassword) $('new-password').focus()
  if (asks() && !oldPassword) $('old-password').focus()
  if (!newPassword || (asks() && !oldPassword)) return undefined
  return asks() ? { oldPassword, newPassword } : { newPassword }
}

// refuse shows why it was refused: each reason, at the field that it is of.
export function refuse(reasons) {
  const old = reasons.filter((r) => r.startsWith('oldPassword: ')).map((r) => r.slice('oldPassword: '.length))
  const fresh = reasons.filter((r) => !r.startsWith('oldPassword: '))
  say('old-password', old)
  say('new-password', fresh)
  $(old.length ? 'old-password' : 'new-password').select()
}

function say(id, reasons) {
  $(`${id}-error`).replaceChildren(...reasons.map((r) => {
    const line = document.createElement('span')
    line.textContent = r
    return line
  }))
  $(id).setAttribute('aria-invalid', String(reasons.length > 0))
}
