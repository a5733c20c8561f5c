package nodes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

// What is tried on a copy of the record leaves the account itself as it is. The
// node there has the users' Directory, but can tell it nothing: it has to go by what
// the record says.

// kept says that whoever goes on from the record as it is, no code that was used up
// is good again, and a factor that was added signs in.
func (l *ledger) kept() error {
	for _, x := range l.spent {
		switch what, err := l.onCopy(l.now, x.factor, x.code); {
		case err != nil:
			return err
		case what.Tally[used] == 1:
		case what.Tally[wrongCode] == 1 && x.factor == appID && l.now.Sub(x.at) >= 30*time.Second: // its time is up
		default:
			return fmt.Errorf("a code of %s that was used up is answered with %v, %s", x.factor, what.Tally, what.Err)
		}
	}
	if l.owns == "" {
		return nil
	}
	now := l.now.Add(30 * time.Second) // when the app shows another code
	fresh, left := l.appCode(now), 0
	if l.owns == listID {
		fresh, left = l.list[9], len(l.list)-len(l.spent)-1
	}
	switch what, err := l.onCopy(now, l.owns, fresh); {
	case err != nil:
		return err
	case what.State != authn.Success || what.Left != left:
		return fmt.Errorf("a new code of %s is answered with %v, %s, and leaves %d, not %d", l.owns, what.Tally, what.Err, what.Left, left)
	}
	return nil
}

// onCopy signs in with a code on a fresh copy of the record.
func (l *ledger) onCopy(now time.Time, factor, code string) (reply, error) {
	if err := l.refresh(l.t.Context()); err != nil {
		return reply{}, err
	}
	rs, err := l.copy.live(now, request{Event: "primary", User: l.user})
	if err != nil || rs[0].Err != "" {
		return reply{}, fmt.Errorf("on a copy of the record: %v, %s", err, rs[0].Err)
	}
	rs, err = l.copy.live(now, request{Event: "verify", Token: rs[0].Token, Factor: factor, Code: code})
	if err != nil {
		return reply{}, err
	}
	return rs[0], nil
}

// refresh copies the record, over the copy that was made before.
func (l *ledger) refresh(ctx context.Context) error {
	r, err := l.survivor.storage.Store.Load(ctx, l.key)
	if err != nil {
		return err
	}
	old, err := l.copy.storage.Store.Load(ctx, l.key)
	if err != nil && !errors.Is(err, authn.ErrNotFound) {
		return err
	}
	return l.copy.storage.Store.Save(ctx, l.key, old.Version, r)
}
