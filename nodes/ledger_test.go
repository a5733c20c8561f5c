package nodes

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

// A ledger is what is known of one visitor and of the record of the account.
type ledger struct {
	*world
	visitor
	key      string // of the record
	last     save   // that came back, or is known to have happened
	inFlight save   // that did not come back
	taken    bool   // the step that was killed was saved
}

// note takes down a save.
func (l *ledger) note(s save) {
	switch {
	case s.Key != l.key: // while tending
	case s.Done:
		l.last, l.inFlight = s, save{}
	default:
		l.inFlight = s
	}
}

// holds says that the record is what the save has made it. No save has made
// no record.
func (s save) holds(r authn.Record) bool {
	return s.New == r.Version && (s.New == 0 || s.Sum == sha256.Sum256(r.Value))
}

// recoveryTime is when others take over what a dead node had begun.
const recoveryTime = 55 * time.Second

// crash walks up to the step, dies in it, and lets the survivor go on. It says
// whether there was such a point.
func (l *ledger) crash(c crash) (died bool, err error) {
	if err := l.walk(l.mortal(0), c.path, 0, c.at); err != nil {
		return false, err
	}
	before := l.last
	l.now = l.now.Add(c.steps[c.at].after)
	if err := l.step(l.mortal(c.point), c.path, c.at); !errors.Is(err, errDied) {
		return false, err
	}
	if err := l.intact(); err != nil {
		return true, err
	}
	if l.taken = l.last != before; l.taken {
		l.done(c.steps[c.at], c.at)
	} else {
		delete(l.typed, c.at) // who types it again may have another one by then
	}
	if err := l.kept(); err != nil {
		return true, err
	}
	if err := l.recover(c.again); err != nil {
		return true, err
	}
	if err := l.goOn(c); err != nil {
		return true, err
	}
	return true, l.over(c)
}

// intact says that the record is exactly the one that was saved last, or the
// one whose save was under way.
func (l *ledger) intact() error {
	if err := l.settled(l.t.Context()); err != nil {
		return err
	}
	r, err := l.survivor.storage.Store.Load(l.t.Context(), l.key)
	if err != nil && !errors.Is(err, authn.ErrNotFound) {
		return err
	}
	if l.inFlight.New != 0 && l.inFlight.holds(r) {
		l.last = l.inFlight
	}
	l.inFlight = save{}
	if !l.last.holds(r) {
		return fmt.Errorf("the record is at version %d, not %d: neither as before the step nor as after it", r.Version, l.last.New)
	}
	return nil
}

// recover lets time pass and the nodes make good what was left undone; one of
// them may die of it.
func (l *ledger) recover(again int) error {
	a, err := l.account()
	if err != nil {
		return err
	}
	if again > 0 {
		l.now = l.now.Add(recoveryTime)
		if _, err := l.mortal(again)(l.now, request{Event: "tend"}); err != nil {
			if !errors.Is(err, errDied) {
				return err
			}
			if err := l.intact(); err != nil {
				return err
			}
		}
	}
	l.now = l.now.Add(recoveryTime)
	if rs, err := l.live(l.now, request{Event: "tend"}); err != nil || rs[0].Err != "" {
		return fmt.Errorf("tend: %v, %s", err, rs[0].Err)
	}
	b, err := l.account()
	if err != nil {
		return err
	}
	if what := b.refunded(a); what != "" {
		return fmt.Errorf("the budget of %s was refunded: %s, before %s", what, b, a)
	}
	return l.mailed(b)
}

// mailed says that each code that was saved came by mail, or each question to the
// phone, always the same with the same Message-ID, and no other.
func (l *ledger) mailed(a account) error {
	sent, known := a.count("sends"), map[letter]bool{}
	numbers := map[int]bool{}
	for _, m := range l.letters() {
		if m.generation > sent {
			return fmt.Errorf("code %d was mailed and never saved", m.generation)
		}
		if m.code != "" && numbers[m.generation] && !known[m] {
			return fmt.Errorf("code %d was doubled", m.generation)
		}
		numbers[m.generation], known[m] = true, true
	}
	for n := 1; n <= sent; n++ {
		if !numbers[n] {
			return fmt.Errorf("code %d was saved and never mailed: it is lost", n)
		}
	}
	return nil
}

// onlyOnce is what is said to those who repeat what has no idempotency key.
var onlyOnce = map[string]error{"redeem": authn.ErrFinished, "respond": authn.ErrNoCode}

// goOn repeats the step at the survivor, as somebody does who got no answer,
// and walks on from there.
func (l *ledger) goOn(c crash) error {
	s := c.steps[c.at]
	if want := onlyOnce[s.event]; want != nil && l.taken {
		rs, err := l.live(l.now, l.request(s, c.at))
		if err != nil || rs[0].Tally[want.Error()] != 1 {
			return fmt.Errorf("%s is taken twice: %+v, %v", s.event, rs, err)
		}
	} else if err := l.step(l.live, c.path, c.at); err != nil {
		return fmt.Errorf("at the survivor: %w", err)
	}
	return l.walk(l.live, c.path, c.at+1, len(c.steps))
}

// over says that the account is at last what it would be without a crash, that
// everybody was told what happened, and that nothing can be used again.
func (l *ledger) over(c crash) error {
	a, err := l.account()
	if err != nil {
		return err
	}
	twice := -1
	if c.steps[c.at].begins() && l.taken {
		twice = c.at // the visitor never heard of the first
	}
	want, err := l.undisturbed(c.path, twice)
	if err != nil {
		return err
	}
	if got := a.shape(); got != want {
		return fmt.Errorf("the account is\n%s\nand without a crash it is\n%s", got, want)
	}
	for _, check := range []func() error{func() error { return l.mailed(a) }, func() error { return l.heard(c.path) }, l.spentAll, l.kept} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// heard says that the Directory and the Auditor were told of everything, each
// time with the same key, that the notices have arrived, and that the Directory
// has the newest of what it was handed.
func (l *ledger) heard(p path) error {
	notices := map[string]bool{}
	for _, m := range l.letters() {
		if m.code == "" {
			notices[m.id] = true
		}
	}
	if p.notices >= 0 && len(notices) != p.notices {
		return fmt.Errorf("%d notices", len(notices))
	}
	for _, what := range []string{signedIn, activated, factorActivated, stored, passed} {
		if n := len(distinct(l.phone.told(l.user, what))); n != p.told[what] {
			return fmt.Errorf("told of %q %d times", what, n)
		}
	}
	if p.factor == "" {
		return nil
	}
	f, err := l.phone.newest(l.user, p.factor)
	if err == nil && int(f.Revision) != p.revision {
		err = fmt.Errorf("the Directory has revision %d of the factor, not %d", f.Revision, p.revision)
	}
	return err
}

func distinct(list []string) map[string]int {
	n := map[string]int{}
	for _, s := range list {
		n[s]++
	}
	return n
}

// spentAll says that no code and no token leads anywhere any more.
func (l *ledger) spentAll() error {
	tries := []request{{Event: "redeem", Token: l.session}}
	ids := map[string]int{}
	for _, m := range l.letters() {
		if ids[m.id]++; ids[m.id] > 1 {
			l.repeated++
		}
		switch {
		case kind(l.user) == pushUsers:
			tries = append(tries, request{Event: "respond", Token: m.code, Code: l.number})
		case m.code != "":
			tries = append(tries, request{Event: "verify", Token: l.token, Code: m.code}, request{Event: "activate", Token: l.token, Code: m.code})
		}
	}
	rs, err := l.live(l.now, tries...)
	for i, r := range rs {
		if r.Tally[authn.ErrFinished.Error()] != 1 {
			return fmt.Errorf("%s works again: %+v", tries[i].Event, r)
		}
	}
	return err
}

// undisturbed is the shape of an account after the path without a crash, on which
// one step was made twice; -1: none.
func (w *world) undisturbed(p path, twice int) (string, error) {
	name := fmt.Sprint(p.user, "-undisturbed-", twice)
	if w.shapes[name] == "" {
		v := visitor{user: name, now: epoch, inbox: w.post, phone: w.elsewhere}
		if twice >= 0 {
			if err := v.walk(w.reference.live, p, 0, twice+1); err != nil {
				return "", err
			}
		}
		if err := v.walk(w.reference.live, p, max(twice, 0), len(p.steps)); err != nil {
			return "", err
		}
		a, err := w.reference.account(context.Background(), name)
		if err != nil {
			return "", err
		}
		w.shapes[name] = a.shape()
	}
	return w.shapes[name], nil
}
