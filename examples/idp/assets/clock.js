// Countdowns by the server's clock: the one that decides. The browser's own may
// be wrong, and may be set while the page is open, so time is counted from when
// the server last told its own.

let zero = Date.now() - performance.now() // the server's time when this page was opened
let gap = zero // what was between the browser's two clocks when it told

// learn takes the server's time from an answer, where it is cut to the
// millisecond: it was up to one later.
export function learn(now) {
  if (!now) return
  zero = new Date(now).getTime() + 1 - performance.now()
  gap = Date.now() - performance.now()
}

const time = () => Math.round(zero + performance.now()) // a sum of fractions is a little off

// doubtful says that the browser's clock was set, or that the machine slept:
// how much time has passed since is not known.
export function doubtful() {
  return Math.abs(Date.now() - performance.now() - gap) > 5000
}

// left is how many seconds there are until a time: 0 if it has come, or if
// there is none.
export function left(at) {
  if (!at) return 0
  return Math.max(0, Math.ceil((new Date(at).getTime() - time()) / 1000))
}

// since is how many seconds have passed.
export function since(at) {
  return Math.max(0, Math.floor((time() - new Date(at).getTime()) / 1000))
}

// minutes writes seconds as 4:59, and as 1:04:59 from an hour on.
export function minutes(seconds) {
  const two = (n) => String(n).padStart(2, '0')
  const s = two(seconds % 60)
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${s}`
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${s}`
}

// moment writes a time with its day, where the reader is.
export function moment(at) {
  return new Intl.DateTimeFormat('en', { dateStyle: 'long', timeStyle: 'short' }).format(new Date(at))
}

// everySecond keeps what shows a time up to date.
export function everySecond(draw) {
  setInterval(draw, 250)
}
