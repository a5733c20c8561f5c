package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/looplab/fsm"
)

func benchStep(b *testing.B, ev func(m *Machine, a *Account) Event, fs ...Factor) {
	m := newMachine(b, Policy{})
	a, h := challenged(b, m)
	e := env(40*time.Second, 9, fs...)
	x := ev(m, &a)
	var r Result
	b.ReportAllocs()
	for b.Loop() {
		m.Step(&a, h, x, e, &r)
	}
}

func BenchmarkStepRight(b *testing.B) {
	benchStep(b, func(m *Machine, a *Account) Event { return Verify{Code: m.liveCode(a, 0)} })
}

func BenchmarkStepWrong(b *testing.B) {
	benchStep(b, func(m *Machine, a *Account) Event { return Verify{Code: m.wrongCode(a, 0)} })
}

func BenchmarkStepResend(b *testing.B) {
	benchStep(b, func(*Machine, *Account) Event { return Resend{} }, adaMail)
}

func BenchmarkStepCancel(b *testing.B) {
	benchStep(b, func(*Machine, *Account) Event { return Cancel{} })
}

func BenchmarkStepNoRow(b *testing.B) {
	benchStep(b, func(*Machine, *Account) Event { return Skip{} })
}

// raw returns a step of the engine alone on the same table, with one pooled HMAC
// over a message as long as that of a code and one SHA-256.
func raw(m *Machine) func() {
	f := fsm.NewFSM(string(Unauthenticated), m.events(), nil)
	msg, want := make([]byte, 4*5+len(m.tenant)+16+len(adaMail.ID)+16+len(PurposeSignIn)+1+16), make([]byte, 6)
	type mac struct {
		h   hash.Hash
		sum [32]byte
	}
	pool := sync.Pool{New: func() any { return &mac{h: hmac.New(sha256.New, keyA)} }}
	var secret [32]byte
	return func() {
		secret = sha256.Sum256(secret[:])
		x := pool.Get().(*mac)
		x.h.Reset()
		x.h.Write(msg)
		hmac.Equal(x.h.Sum(x.sum[:0])[:6], want)
		pool.Put(x)
		f.SetState(string(MFAChallenge))
		if err := f.Event(background, "verify [right code]"); err != nil {
			panic(err)
		}
	}
}

// BenchmarkStepRatio interleaves a right verify with a step of the engine alone
// and reports the ratio of the medians.
func BenchmarkStepRatio(b *testing.B) {
	m := newMachine(b, Policy{})
	a, h := challenged(b, m)
	e := env(40*time.Second, 9)
	ev := Event(Verify{Code: m.liveCode(&a, 0)})
	floor := raw(m)
	lap := func(n int, f func()) float64 {
		start := time.Now()
		for range n {
			f()
		}
		return float64(time.Since(start)) / float64(n)
	}
	var r Result
	step := func() {
		if err := m.Step(&a, h, ev, e, &r); err != nil {
			b.Fatal(err)
		}
	}
	var ours, theirs []float64
	for b.Loop() {
		ours = append(ours, lap(2000, step))
		theirs = append(theirs, lap(2000, floor))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	o, t := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(o, "ns/step")
	b.ReportMetric(t, "ns/raw")
	b.ReportMetric(o/t, "ratio")
	b.ReportMetric(testing.AllocsPerRun(100, step)-testing.AllocsPerRun(100, floor), "more-allocs")
}

func BenchmarkRecord(b *testing.B) {
	m := newMachine(b, Policy{})
	a, _ := challenged(b, m)
	v := m.Seal(&a, "k")
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Seal(&a, "k")
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Open(v, "k"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(unsafe.Sizeof(a)), "bytes-in-memory")
	b.ReportMetric(float64(len(v)), "bytes-stored")
}
