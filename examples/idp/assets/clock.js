// Countdowns by the server's clock: the one that decides.

let ahead = 0 // milliseconds

// learn takes the server's time from an answer.
export function learn(now) {
  if (now) ahead = new Date(now).getTime() - Date.now()
}

// left is how many seconds there are until a time: 0 if it has come, or if
// there is none.
export function left(at) {
  if (!at) return 0
  return Math.max(0, Math.ceil((new Date(at).getTime() - Date.now() - ahead) / 1000))
}

// since is how many seconds have passed.
export function since(at) {
  return Math.max(0, Math.floor((Date.now() + ahead - new Date(at).getTime()) / 1000))
}

// minutes writes seconds as 4:59.
export function minutes(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

// everySecond keeps what shows a time up to date.
export function everySecond(draw) {
  setInterval(draw, 250)
}
