package model

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// TestNoise checks D4, P7, B7 and S23. It runs a history again with irrelevant
// events in between (refused events, polls, restarts that rewrite every record,
// events of other accounts, and Tend), and a third time at another hour. All
// answers, mails and audit events must be the same.
func TestNoise(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		deeds := rapid.SliceOfN(rapid.Custom(drawDeed), 3, 20).Draw(r, "history")
		p := []authn.Policy{{}, {Tries: 3, LockEvery: 4, BackoffFrom: 10, Sends: 5, Live: 2, Cooldowns: []time.Duration{2 * time.Second}}}[rapid.IntRange(0, 1).Draw(r, "policy")]
		quiet, loud, shifted := newHistory(r, p), newHistory(r, p), newHistory(r, p)
		shift := time.Duration(rapid.IntRange(1, 1e6).Draw(r, "shift")) * time.Second
		shifted.w.Advance(shift)
		shifted.start = shifted.w.Now()
		for i, d := range deeds {
			cryptotest.SetGlobalRandom(t, uint64(i))
			want := quiet.do(quiet.me, d)
			reached[want[:strings.IndexByte(want, '\n')]]++
			loud.w.Advance(d.wait)
			for range rapid.IntRange(0, 4).Draw(r, "noises") {
				cryptotest.SetGlobalRandom(t, rapid.Uint64().Draw(r, "other entropy"))
				reached[loud.noise(r)]++
			}
			loud.w.Advance(-d.wait)
			cryptotest.SetGlobalRandom(t, uint64(i))
			if got := loud.do(loud.me, d); got != want {
				r.Fatalf("event %d, %+v: alone\n%s\nwith irrelevant events %q\n%s", i, d, want, loud.made, got)
			}
			cryptotest.SetGlobalRandom(t, uint64(i))
			if got := shifted.do(shifted.me, d); got != want {
				r.Fatalf("event %d, %+v: at noon\n%s\n%v later\n%s", i, d, want, shift, got)
			}
		}
	})
	if testing.Short() || histories() < 100 {
		return // fewer do not always reach everything
	}
	for _, k := range []string{"look", "refused", "restart", "another's", "Tend", "begin: MFA_REQUIRED", "challenge: MFA_CHALLENGE", "verify: SUCCESS", "verify: MFA_CHALLENGE wrong code", "redeem: ada"} {
		if reached[k] == 0 {
			t.Errorf("never reached: %s, but %v", k, reached)
		}
	}
}

// deed is the next action of a user, who does not know the transaction's state.
type deed struct {
	wait  time.Duration
	event string // "next" is the event that the state expects
	code  int    // 0: the last one mailed; 1: a wrong one; otherwise an older one
	old   int    // number of the transaction, counted from the last
}

func drawDeed(r *rapid.T) deed {
	return deed{
		wait: rapid.SampledFrom([]time.Duration{0, 0, time.Second, 10 * time.Second, 31 * time.Second, 2 * time.Minute, 11 * time.Minute}).Draw(r, "wait"),
		event: rapid.SampledFrom([]string{
			"next", "next", "next", "next", "next", "next", "begin", "resend", "previous", "cancel", "verify", "challenge", "skip", "enroll", "activate",
		}).Draw(r, "event"),
		code: rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(r, "code"),
		old:  rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(r, "old"),
	}
}

// history runs deeds in a world.
type history struct {
	w         *world
	start     time.Time
	me, other *doer
	made      []string // irrelevant events so far
}

// doer is a user with tabs and codes.
type doer struct {
	*account
	tabs  []*tab
	codes []authn.Code
}

// tab is what a browser knows of a transaction.
type tab struct {
	token   authn.StateToken
	session authn.SessionToken
	state   authn.State
}

func newHistory(r *rapid.T, p authn.Policy) *history {
	w := newWorld(r, p, 0, 1, false)
	return &history{w: w, start: w.Now(), me: &doer{account: w.add(authn.Factor{Status: authn.Active})}, other: &doer{account: w.add(authn.Factor{Status: authn.Active})}}
}

// do performs a deed and returns a text of all its results.
func (h *history) do(who *doer, d deed) string {
	h.w.Advance(d.wait)
	s, mails, audits := h.w.services[0], len(h.w.mails), len(h.w.audits)
	var b strings.Builder
	if len(who.tabs) == 0 {
		d.event = "begin"
	}
	var at *tab
	if d.event != "begin" {
		at = who.tabs[max(0, len(who.tabs)-1-d.old)]
		if d.event == "next" {
			d.event = map[authn.State]string{stateRequired: "challenge", stateChallenge: "verify", stateSuccess: "redeem"}[at.state]
		}
	}
	switch d.event {
	case "begin", "":
		ans, err := s.Begin(ctx, authn.Login{User: who.user})
		if err == nil {
			who.tabs = append(who.tabs, &tab{token: ans.Token, state: ans.State})
		}
		h.tell(&b, "begin", ans, err)
	case "redeem":
		as, err := s.Redeem(ctx, at.session)
		if at.state = ""; err == nil {
			fmt.Fprintf(&b, "redeem: ada\n%s %v %v %v", as.Transaction, as.Factors, as.Began.Sub(h.start), as.At.Sub(h.start))
		} else {
			h.tell(&b, "redeem", nil, err)
		}
	default:
		c := call{event: d.event}
		switch d.event {
		case "challenge":
			c.factor = h.w.FactorsOf(who.user)[0].ID
		case "enroll":
			c.factor = authn.Email
		case "verify", "activate":
			c.code = who.code(d.code)
		}
		ans, err := s.Do(ctx, at.token, makeEvent(c))
		if err == nil {
			at.state, at.session = ans.State, ans.Session
		}
		h.tell(&b, d.event, ans, err)
	}
	for _, e := range h.w.mails[mails:] {
		m := e.Message
		fmt.Fprintf(&b, "mail %s %s %s %s %d %v %v\n", m.Key, m.Kind, m.To, string(m.Code), m.Generation, since0(h.start, m.Expires), since0(h.start, m.Until))
		if m.Code != "" {
			who.codes = append(who.codes, m.Code)
		}
	}
	for _, e := range h.w.audits[audits:] {
		if e.Event == "expire" || e.To == "" {
			continue // the time at which an end is noticed may differ
		}
		fmt.Fprintf(&b, "audit %v %s %s %s %s %s %q %s %s\n", since0(h.start, e.Time), e.Transaction, e.Event, e.From, e.To, e.Guard, e.Outcome, e.Err, e.Key)
	}
	return b.String()
}

func (w *doer) code(which int) string {
	switch n := len(w.codes); {
	case n == 0:
		return "123456"
	case which == 0:
		return string(w.codes[n-1])
	case which == 1:
		return other(string(w.codes[n-1]))
	default:
		return string(w.codes[max(0, n-which)])
	}
}

func since0(start, at time.Time) any {
	if at.IsZero() {
		return "never"
	}
	return at.Sub(start)
}

// tell writes an answer or a refusal, including tokens.
func (h *history) tell(b *strings.Builder, event string, ans *authn.Answer, err error) {
	var r *authn.Refusal
	if errors.As(err, &r) {
		fmt.Fprintf(b, "%s: %v\n%s until %v", event, r.Err, r.Guard, since0(h.start, r.RetryAt))
		ans = r.Answer
	} else {
		fmt.Fprintf(b, "%s: %s\n%v", event, strings.TrimSpace(fmt.Sprint(ans.State, " ", ans.Outcome)), err)
	}
	if ans != nil {
		fmt.Fprintf(b, " %s %q %s %s %+v %d %d %s", ans.State, ans.Outcome, string(ans.Token), string(ans.Session), ans.Factor, ans.TriesLeft, ans.Generation, ans.Delivery)
		for _, f := range ans.Factors {
			at := since0(h.start, f.At)
			f.At = time.Time{}
			fmt.Fprintf(b, " %+v from %v", f, at)
		}
		for _, at := range []time.Time{ans.CodeExpires, ans.Expires, ans.Until, ans.Now} {
			fmt.Fprintf(b, " %v", since0(h.start, at))
		}
		for _, x := range ans.Allowed {
			fmt.Fprintf(b, " %s at %v", x.Event, since0(h.start, x.At))
		}
	}
	b.WriteByte('\n')
}

// noise creates an irrelevant event and returns its kind.
func (h *history) noise(r *rapid.T) (kind string) {
	kind = rapid.SampledFrom([]string{"look", "refused", "refused", "restart", "another's", "another's", "Tend"}).Draw(r, "noise")
	h.made = append(h.made, kind)
	s := h.w.services[0]
	switch kind {
	case "look":
		for _, at := range h.me.tabs {
			s.Status(ctx, at.token)
		}
	case "refused":
		h.refused(r)
	case "restart":
		h.restart(r)
	case "another's":
		now := h.w.Now()
		h.do(h.other, drawDeed(r))
		h.w.Advance(now.Sub(h.w.Now()))
	case "Tend":
		if _, err := s.Tend(ctx); err != nil {
			r.Fatalf("Tend: %v", err)
		}
	}
	return kind
}

// refused sends an event that the transaction does not allow now.
func (h *history) refused(r *rapid.T) {
	if len(h.me.tabs) == 0 {
		return
	}
	s, at := h.w.services[0], rapid.SampledFrom(h.me.tabs).Draw(r, "at")
	c := call{event: rapid.SampledFrom([]string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "cancel"}).Draw(r, "refused event"), factor: authn.Email, code: h.me.code(0)}
	if rapid.Bool().Draw(r, "with a key") {
		c.key = "key"
	}
	if ans, err := s.Status(ctx, at.token); err == nil {
		if from, ok := ans.Allows(authn.EventName(c.event)); ok && !from.After(h.w.Now()) {
			c = call{event: "verify", code: "12345x"} // malformed
		}
	}
	saves := h.w.saves
	ans, err := s.Do(ctx, at.token, makeEvent(c))
	var ref *authn.Refusal
	if !errors.As(err, &ref) || h.w.saves > saves && !errors.Is(err, authn.ErrFinished) {
		r.Fatalf("%+v is not refused: %v, %v", c, ans, err)
	}
}

// restart ends the process and rewrites every record.
func (h *history) restart(r *rapid.T) {
	cfg := config(h.w, h.w.p)
	m, err := authn.NewMachine(cfg)
	if err != nil {
		r.Fatal(err)
	}
	for key, rec := range h.w.records() {
		a, err := m.Open(rec.Value, key)
		if err != nil {
			r.Fatal(err)
		}
		again := m.Seal(&a, key)
		if !bytes.Equal(again, rec.Value) {
			r.Fatal("P4: a record changes when it is read and written")
		}
		if err := h.w.Save(ctx, key, rec.Version, authn.Record{Value: again, Version: rec.Version + 1, Due: rec.Due}); err != nil {
			r.Fatal(err)
		}
	}
	if h.w.services[0], err = authn.New(cfg); err != nil {
		r.Fatal(err)
	}
}
