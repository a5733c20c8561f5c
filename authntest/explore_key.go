package authntest

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// key is the same for accounts that are taken for one. It is made of the view
// and of what is known besides. It forgets:
//
//   - when it is: times become distances from now, and what is past is past;
//   - how old a charge is within the spans that it still counts in: between
//     two events of a transaction far less time passes than such a span;
//   - ids, tokens, codes and the numbers of steps, which are compared with
//     themselves only;
//   - transactions that have ended, once there is another one, but those whose
//     session token was used and is not over;
//   - when exactly what is owed is tried again, and how often a notice was.
func (x *explorer) key(s *spot, v *authn.AccountView) string {
	b := fmt.Appendf(nil, "%s %d %t %d|%t %d %d %d|%d %d|%d %d|%d|", s.user, s.begun, s.nudged, ahead(v.Saved, s.now), v.Disabled, v.Failures,
		ahead(v.BackoffUntil, s.now), ahead(v.LockedUntil, s.now),
		within(v.WrongCodes, s.now, oneDay), within(v.WrongCodes, s.now, oneYear),
		within(v.Sends, s.now, oneHour), within(v.Sends, s.now, oneDay), within(v.Starts, s.now, oneHour))
	n, live := 0, false
	for i := range s.tabs {
		g := &s.tabs[i]
		t := transaction(v, g.id)
		if t == nil || isTerminal(t.State) && !t.Session && (t.State != authn.Success || !s.now.Before(t.Expires)) {
			continue
		}
		live = live || isLive(t)
		b = fmt.Appendf(b, "%d %s %d %d %d %s %v|%d %d %d %s|%d %t %d|%d %t %t %s|%t %s %t %t %t;", n, t.State, t.Tries, g.charged, t.Sent, t.Factor, t.Proved,
			ahead(t.CodeExpires, s.now), t.CodeTries, ahead(t.ResendAt, s.now), t.Delivery,
			ahead(t.Expires, s.now), t.Session, g.require, min(g.redeems, 1), t.CodeExpires.IsZero(), g.old != "", pinned(g.list)+pinned([]authn.Factor{g.hand})+pinned(g.proven),
			g.adding, strings.Join(g.called, ",")+string(g.reply), g.asked == "", g.before == "", g.more)
		if g.password != authn.PasswordFine || len(x.gates) > 0 {
			b = fmt.Appendf(b, "%d %t", g.password, g.free)
		}
		n++
	}
	if !live {
		b = fmt.Appendf(b, "last %s", x.last(s, v))
	}
	for i := range v.Owed {
		o := &v.Owed[i]
		k := slices.IndexFunc(s.tabs, func(g tab) bool { return g.id == o.Transaction && isLive(transaction(v, g.id)) })
		attempts := 0
		if o.Name == sendCode {
			attempts = o.Attempts
		}
		b = fmt.Appendf(b, "|%s %d %s %d %t", o.Name, k, o.Factor, attempts, o.Next.After(s.now))
	}
	return string(fmt.Appendf(b, "|%s|%s", pinned(s.handed), s.kits()))
}

// kits are what the user holds: of an app how many time steps ago it was used last, of a
// list how many codes are left; and how old what the Directory has may be.
func (s *spot) kits() string {
	var b []byte
	for i := range s.held {
		h := &s.held[i]
		b = fmt.Appendf(b, "%s %d %t %t,", h.id, bits.OnesCount16(h.spent), h.data == nil, h.before != nil && s.now.Before(h.taken.Add(oneDay)))
		if h.app.key != "" {
			b = fmt.Appendf(b, "%d %d,", max(h.step-h.app.at(s.now), -3), s.now.UnixNano()%(h.app.period*int64(time.Second)))
		}
	}
	return string(b)
}

// last is the state of the transaction that was over last.
func (x *explorer) last(s *spot, v *authn.AccountView) (state authn.State) {
	over := -1
	for i := range s.tabs {
		if t := transaction(v, s.tabs[i].id); t != nil && s.tabs[i].over > over {
			state, over = t.State, s.tabs[i].over
		}
	}
	return state
}

// ahead is how far a time lies in the future; what is past is 0.
func ahead(t, now time.Time) int64 {
	if !t.After(now) {
		return 0
	}
	return int64(t.Sub(now))
}

func pinned(fs []authn.Factor) string {
	var b []byte
	for i := range fs {
		b = fmt.Appendf(b, "%s %d %s %t,", fs[i].ID, fs[i].Status, fs[i].Address, fs[i].Required)
	}
	return string(b)
}
