package authn

import (
	"encoding/binary"
	"time"
)

// marks remember, for as long as it matters, a number for each of some secrets or
// factors: which time step of a secret was used last, which revision of a factor the
// Directory has taken. An entry is a tag of 8 bytes, the number, and the second until
// which it matters, 4 bytes each. A string is a value: nothing aliases it.
type marks string

// usedKept is how much longer than it matters a time step that was used is remembered,
// and how far ahead one may lie: a clock that is wrong, ahead or behind, must not make the
// clocks that are right forget it.
const usedKept = day

const (
	markTag  = 8
	markSize = markTag + 4 + 4
	fullAt   = maxFactors          // for those that ask isFull first, and are refused then
	maxMarks = fullAt + maxFactors // so that what cannot be refused makes none of them be forgotten
)

func (m marks) len() int { return len(m) / markSize }

func (m marks) entry(i int) string { return string(m[i*markSize : (i+1)*markSize]) }

// last is the number for a tag; 0 if there is none that matters at this time.
func (m marks) last(tag string, now int64) uint32 {
	for i := range m.len() {
		if e := m.entry(i); e[:markTag] == tag && m.until(i) > now {
			return binary.BigEndian.Uint32([]byte(e[markTag:]))
		}
	}
	return 0
}

// isFull says that there are so many others that matter at this time that another tag is
// to be refused.
func (m marks) isFull(tag string, now int64) bool {
	n := 0
	for i := range m.len() {
		if m.until(i) > now {
			n++
		}
	}
	return n >= fullAt && m.last(tag, now) == 0
}

// set replaces the number for a tag. If there is no room, the oldest entry goes.
func (m *marks) set(tag string, n uint32, until int64) {
	b := make([]byte, 0, len(*m)+markSize)
	b = append(b, tag...)
	b = binary.BigEndian.AppendUint32(b, n)
	b = binary.BigEndian.AppendUint32(b, seconds(until))
	for i := range min(m.len(), maxMarks) {
		if e := m.entry(i); e[:markTag] != tag && len(b) < maxMarks*markSize {
			b = append(b, e...)
		}
	}
	*m = marks(b)
}

func (m marks) until(i int) int64 {
	return int64(binary.BigEndian.Uint32([]byte(m.entry(i)[markTag+4:]))) * 1e9
}

// trim forgets what does not matter any more.
func (m *marks) trim(now int64) {
	var b []byte
	for i := range m.len() {
		if m.until(i) > now {
			b = append(b, m.entry(i)...)
		}
	}
	if len(b) < len(*m) {
		*m = marks(b)
	}
}

// clamp lets nothing matter for longer than until end.
func (m *marks) clamp(end int64) { m.change(func(at int64) int64 { return min(at, end) }) }

// upTo keeps only what matters until end at most.
func (m *marks) upTo(end int64) {
	var b []byte
	for i := range m.len() {
		if m.until(i) <= end {
			b = append(b, m.entry(i)...)
		}
	}
	*m = marks(b)
}

// change replaces the times.
func (m *marks) change(f func(int64) int64) {
	b := []byte(*m)
	for i := range m.len() {
		binary.BigEndian.PutUint32(b[i*markSize+markTag+4:], seconds(f(m.until(i))))
	}
	*m = marks(b)
}

// shift moves marks of time steps. A step's period follows from its end.
func (m *marks) shift(d time.Duration) {
	b := []byte(*m)
	for i := range m.len() {
		e := b[i*markSize+markTag:]
		at, end := binary.BigEndian.Uint32(e), binary.BigEndian.Uint32(e[4:])
		for _, period := range []uint32{30, 60} {
			if (at+1)*period == end || (at+2)*period == end {
				binary.BigEndian.PutUint32(e, uint32(int64(at)+int64(d/time.Second)/int64(period)))
			}
		}
		binary.BigEndian.PutUint32(e[4:], seconds(int64(end)*1e9+int64(d)))
	}
	*m = marks(b)
}

// end is when the last of them does not matter any more; 0 if there is none.
func (m marks) end() (at int64) {
	for i := range m.len() {
		at = max(at, m.until(i))
	}
	return at
}
