package nodes

import (
	"cmp"
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
	key      string // of the record; "" until the first save
	last     save   // that came back, or is known to have happened
	inFlight save   // that did not come back
	before   save   // last, before the step that was killed
}

// note takes down a save.
func (l *ledger) note(s save) {
	l.key = cmp.Or(l.key, s.Key)
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
const recoveryTime = 40 * time.Second

// crash walks up to the step, dies in it, and lets the survivor go on. It says
// whether there was such a point.
func (l *ledger) crash(c crash) (died bool, err error) {
	if err := l.walk(l.mortal(0), c.path, 0, c.at); err != nil {
		return false, err
	}
	l.before = l.last
	l.now = l.now.Add(c.steps[c.at].after)
	if err := l.step(l.mortal(c.point), c.path, c.at); !errors.Is(err, errDied) {
		return false, err
	}
	if err := l.intact(); err != nil {
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
	var r authn.Record
	if l.key != "" {
		var err error
		r, err = l.survivor.storage.Store.Load(l.t.Context(), l.key)
		if err != nil && !errors.Is(err, authn.ErrNotFound) {
			return err
		}
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

// mailed says that each code that was saved came by mail, always the same with
// the same Message-ID, and no other.
func (l *ledger) mailed(a account) error {
	sent, known := a.count("sends"), map[letter]bool{}
	numbers := map[int]bool{}
	for _, m := range l.inbox.letters(l.user) {
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

// goOn repeats the step at the survivor, as somebody does who got no answer,
// and walks on from there.
func (l *ledger) goOn(c crash) error {
	if s := c.steps[c.at]; s.event == "redeem" && l.last != l.before {
		rs, err := l.live(l.now, l.request(s, c.at))
		if err != nil || rs[0].Tally[authn.ErrFinished.Error()] != 1 {
			return fmt.Errorf("redeemed twice: %+v, %v", rs, err)
		}
		return nil
	}
	if err := l.step(l.live, c.path, c.at); err != nil {
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
	begun := 1
	if c.at == 0 && l.before != l.last {
		begun = 2 // the visitor never heard of the first
	}
	want, err := l.undisturbed(c.path, begun)
	if err != nil {
		return err
	}
	if got := a.shape(); got != want {
		return fmt.Errorf("the account is\n%s\nand without a crash it is\n%s", got, want)
	}
	if err := l.mailed(a); err != nil {
		return err
	}
	if err := l.heard(c.path); err != nil {
		return err
	}
	return l.spent()
}

// heard says that the Directory and the Auditor were told of everything, each
// time with the same key, and that the notices have arrived.
func (l *ledger) heard(p path) error {
	want := map[string]int{signedIn: 1}
	notices := map[string]bool{}
	for _, m := range l.inbox.letters(l.user) {
		if m.code == "" {
			notices[m.id] = true
		}
	}
	if p.user == newcomers {
		want[activated], want[factorActivated] = 1, 1
	}
	for _, what := range []string{signedIn, activated, factorActivated} {
		if n := len(distinct(people(l.config.People).told(l.user, what))); n != want[what] {
			return fmt.Errorf("told of %q %d times", what, n)
		}
	}
	if len(notices) != want[activated] {
		return fmt.Errorf("%d notices", len(notices))
	}
	return nil
}

func distinct(list []string) map[string]int {
	n := map[string]int{}
	for _, s := range list {
		n[s]++
	}
	return n
}

// spent says that no code and no token leads anywhere any more.
func (l *ledger) spent() error {
	tries := []request{{Event: "redeem", Token: l.session}}
	ids := map[string]int{}
	for _, m := range l.inbox.letters(l.user) {
		if ids[m.id]++; ids[m.id] > 1 {
			l.repeated++
		}
		if m.code != "" {
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

// undisturbed is the shape of an account after the path without a crash.
func (w *world) undisturbed(p path, begun int) (string, error) {
	name := fmt.Sprint(p.user, "-undisturbed-", begun)
	if w.shapes[name] == "" {
		v := visitor{user: name, now: epoch, inbox: w.post}
		for range begun - 1 {
			if err := v.walk(w.reference.live, p, 0, 1); err != nil {
				return "", err
			}
		}
		if err := v.walk(w.reference.live, p, 0, len(p.steps)); err != nil {
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
