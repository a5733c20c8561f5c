package authn

import (
	"encoding/binary"
	"strings"
	"time"
)

// window holds the moments of the last charges on a budget, newest first, in
// Unix seconds rounded up, four bytes each. With as many moments as the budget
// allows it is exact: no bucket grants twice the budget, and it knows when the
// next charge fits. As a string it is a value: nothing can alias it.
type window string

const moment = 4 // bytes

// seconds rounds up, so that rounding never widens a budget.
func seconds(ns int64) uint32 { return uint32((ns + 1e9 - 1) / 1e9) }

func (w window) len() int { return len(w) / moment }

// at is the i-th moment; 0 if there are fewer.
func (w window) at(i int) uint32 {
	if i >= w.len() {
		return 0
	}
	return uint32(w[i*moment])<<24 | uint32(w[i*moment+1])<<16 | uint32(w[i*moment+2])<<8 | uint32(w[i*moment+3])
}

// freeAt is when a further charge fits into n for each span; 0 if it always has.
func (w window) freeAt(n int, span time.Duration) int64 { return w.until(n-1, span) }

// until is when the i-th moment leaves the span; 0 if there are fewer.
func (w window) until(i int, span time.Duration) int64 {
	if t := w.at(i); t != 0 {
		return int64(t)*1e9 + int64(span)
	}
	return 0
}

func (w *window) add(now int64) {
	var b [maxWindow * moment]byte
	binary.BigEndian.PutUint32(b[:], seconds(now))
	n := moment + copy(b[moment:], *w)
	*w = window(b[:n])
}

// remove takes back the charge made at a time.
func (w *window) remove(at int64) {
	for i, s := 0, seconds(at); i < w.len(); i++ {
		if w.at(i) == s {
			*w = (*w)[:i*moment] + (*w)[(i+1)*moment:]
			return
		}
	}
}

// trim forgets what has left the span, and says how many charges stay.
func (w *window) trim(now int64, span time.Duration) int {
	n := w.len()
	for n > 0 && w.until(n-1, span) <= now {
		n--
	}
	if n < w.len() {
		*w = (*w)[:n*moment]
	}
	return n
}

// clamp counts charges from the future as made now.
func (w *window) clamp(now int64) {
	b := []byte(*w)
	for i := range w.len() {
		binary.BigEndian.PutUint32(b[i*moment:], min(w.at(i), seconds(now)))
	}
	*w = window(b)
}

// failures is the window of wrong codes; by tells which transaction's each
// is, as 1 + its slot, until that transaction ends.
type failures struct {
	at window
	by string
}

func (f *failures) add(now int64, slot int) {
	by := string(rune(slot+1)) + f.by
	f.at.add(now)
	f.by = by[:min(len(by), maxWindow)]
}

func (f *failures) trim(now int64, span time.Duration) {
	if n := f.at.trim(now, span); n < len(f.by) {
		f.by = f.by[:n]
	}
}

// forgive takes back what a transaction was charged.
func (f *failures) forgive(slot int) {
	if strings.IndexByte(f.by, byte(slot+1)) < 0 {
		return
	}
	var kept failures
	for i := range len(f.by) {
		if f.by[i] != byte(slot+1) {
			kept.at += f.at[i*moment : (i+1)*moment]
			kept.by += f.by[i : i+1]
		}
	}
	*f = kept
}

// settle makes what a transaction was charged nobody's: it stays.
func (f *failures) settle(slot int) {
	if strings.IndexByte(f.by, byte(slot+1)) >= 0 {
		f.by = strings.ReplaceAll(f.by, string(rune(slot+1)), "\x00")
	}
}
