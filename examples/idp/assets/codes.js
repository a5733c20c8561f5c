// What people type and paste where a code is asked for.

// ascii writes the digits of every script as 0 to 9. Each script has its ten in
// a row, from zero.
export function ascii(text) {
  return text.replace(/\p{Nd}/gu, (c) => {
    let n = 0
    for (let before = c.codePointAt(0) - 1; /\p{Nd}/u.test(String.fromCodePoint(before)); before--) n++
    return String(n % 10)
  })
}

const onlyDigits = (text) => ascii(text).replace(/\D/g, '')

// ofDigits is the form of codes of so many digits. find returns the code of a text, which
// may be a whole mail, or the digits of a text that has none; whole says that it is one.
function ofDigits(length) {
  const half = `\\d{${length / 2}}`
  // The surest first: a line of its own, the digits in a row, and in two groups.
  const forms = [
    new RegExp(`^[^\\S\\n]*(${half}[ \\u00a0-]?${half})[^\\S\\n]*\\r?$`, 'm'),
    new RegExp(`(?:^|\\D)(${half}${half})(?!\\d)`),
    new RegExp(`(?:^|\\D)(${half}[ \\u00a0-]${half})(?!\\d)`),
  ]
  const find = (text) => {
    const plain = ascii(text)
    for (const form of forms) {
      const m = plain.match(form)
      if (m) return onlyDigits(m[1])
    }
    return onlyDigits(plain).slice(0, 12)
  }
  return { tidy: true, find, whole: (code) => code.length === length }
}

// digits are the form of a code that is sent or that an app shows, claimed that of one
// that is sent before anything is proved, and listed that of a recovery code. The lengths
// are the server's policy.
export const digits = ofDigits(6)
export const claimed = ofDigits(8)

const group = '[A-Z2-7]{4}'
const list = new RegExp(`${group}(?:[ -]?${group}){3}(?![A-Z2-7])`)

export const listed = {
  find: (text) => ascii(text).toUpperCase().match(list)?.[0] || text.trim(),
  whole: (code) => /^[A-Z2-7]{16}$/.test(ascii(code).toUpperCase().replace(/[\s-]/g, '')),
}

// takeCodes lets a field take codes of a form, however they come. The caret stays
// behind the digit that it was behind.
export function takeCodes(field, form) {
  const tidy = () => {
    if (!form().tidy) return
    const code = form().find(field.value)
    if (code === field.value) return
    const caret = Math.min(onlyDigits(field.value.slice(0, field.selectionStart)).length, code.length)
    field.value = code
    field.setSelectionRange(caret, caret)
  }
  field.addEventListener('input', (e) => {
    if (!e.isComposing) tidy()
  })
  field.addEventListener('compositionend', tidy)

  // A field of one line would lose the lines of a mail.
  const take = (e, data) => {
    const code = form().find(data.getData('text/plain'))
    e.preventDefault()
    if (!code) return
    const whole = form().whole(code)
    field.setRangeText(code, whole ? 0 : field.selectionStart, whole ? field.value.length : field.selectionEnd, 'end')
    field.dispatchEvent(new InputEvent('input', { bubbles: true }))
  }
  field.addEventListener('paste', (e) => take(e, e.clipboardData))
  field.addEventListener('drop', (e) => take(e, e.dataTransfer))
}
