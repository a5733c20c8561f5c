package authn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn/internal/golden"
)

// Liveness, by reverse reachability: from everywhere there is a way to an end,
// and to SUCCESS unless a budget or the clock forbids it. From where it is
// forbidden, and by what, is listed in testdata/hopeless.txt.

// forbidden counts the spots where one thing forbids SUCCESS, and has a
// shortest way to one.
type forbidden struct {
	spots int
	way   string
}

// liveness checks what can still come of every spot. It returns those from
// which the transaction at hand cannot succeed any more, by what forbids it.
func (x *explorer) liveness() map[string]forbidden {
	hopeless := map[string]forbidden{}
	accounts := make([]Account, len(x.g.spots))
	for i := range accounts {
		accounts[i] = x.open(x.g.spots[i])
	}
	same := func(h hop) bool { return !strings.HasPrefix(x.g.words[h.act], "begin") }
	ends := x.g.canReach(same, func(i int) bool { return accounts[i].alive() == 0 })
	wins := x.g.canReach(same, func(i int) bool {
		return slices.ContainsFunc(accounts[i].txs[:], func(t transaction) bool { return t.name() == Success })
	})
	for i := range accounts {
		a := &accounts[i]
		if !ends[i] {
			x.t.Fatalf("L1: it never ends:%s\n%s", x.g.story(int32(i)), a.String())
		}
		t := &a.txs[0]
		if a.alive() != 1 || x.live > 1 || t.name() == Success {
			continue
		}
		why := x.obstacle(a, x.g.spots[i].fall)
		if !wins[i] {
			k := fmt.Sprintf("%s: %s", t.name(), why)
			f, ok := hopeless[k]
			if f.spots++; !ok {
				f.way = x.way(int32(i))
			}
			hopeless[k] = f
		}
		if why == "" && !wins[i] || why != "" && wins[i] {
			x.t.Fatalf("L2: SUCCESS can be reached: %t, but in its way stands %q:%s\n%s", wins[i], why, x.g.story(int32(i)), a.String())
		}
		x.applied["L2"]++
	}
	x.applied["L1"] = len(accounts)
	return hopeless
}

// way is a shortest way to a spot, in one line.
func (x *explorer) way(n int32) string {
	var acts []string
	for _, h := range x.g.path(n) {
		acts = append(acts, x.g.words[x.g.hops[h].act])
	}
	return strings.Join(acts, ", ")
}

// alive is how many transactions have not ended.
func (a *Account) alive() (n int) {
	for i := range a.txs {
		if t := &a.txs[i]; t.state != 0 && !t.ended() {
			n++
		}
	}
	return n
}

// obstacle says what forbids SUCCESS; "" is nothing. It knows of codes, sends
// and waits, and of no row: at every moment that is left it does what it may.
func (x *explorer) obstacle(a *Account, fall int8) (why string) {
	t := &a.txs[0]
	p := prospect{p: &x.m.policy, l: t.limits.tightened(&x.m.limits), t: *t, mailbox: a.sends, backoff: a.notBefore}
	if len(x.ms) > 1 {
		p.l = t.limits // another node's policy is looser
	}
	p.useful = t.code.live && t.code.tries < p.l.codeTries && (t.signsIn() || t.wanted() < 0 || t.factor().required)
	why = "its time is up"
	for k := -int64(fall); k < int64(x.m.policy.Life/tick); k++ {
		now := zero.UnixNano() + k*int64(tick)
		if a.seen-now > int64(MaxSkew) || max(now, a.seen) >= t.expires || t.tries >= p.l.tries {
			continue
		}
		if why = p.at(max(now, a.seen)); why == "" {
			return ""
		}
	}
	return why
}

// prospect is what may become of a transaction in which nothing goes wrong.
type prospect struct {
	p       *Policy
	l       limits
	t       transaction
	useful  bool // its live code, for something that is missing
	mailbox window
	backoff int64
}

// at does all that may be done at a moment, and says what forbids the rest.
func (p *prospect) at(now int64) string {
	t := &p.t
	for !p.enough() {
		switch {
		case now < p.backoff:
			return "the back-off lasts longer than it"
		case p.useful && now < t.code.expires:
			p.useful = false
			p.prove()
		case t.sends >= p.l.sends:
			return "no live code, and no sends left"
		case now < t.sendAt:
			return "no live code, and the cool-down lasts longer than it"
		case p.mailbox.freeAt(p.p.SendsPerHour, hour) > now, p.mailbox.freeAt(p.p.SendsPerDay, day) > now:
			return "no live code, and the mailbox is full for longer than it lasts"
		default:
			p.useful, t.code.expires = true, now+p.l.codeLife
			t.sendAt = now + p.l.cooldowns[min(int(t.sends), maxCooldown-1)]
			t.sends++
			p.mailbox.add(now)
		}
	}
	return ""
}

// enough says that nothing more has to be proved.
func (p *prospect) enough() bool {
	if p.t.signsIn() {
		return p.t.proved != 0
	}
	return p.t.missing(p.t.proved) == 0
}

// prove proves one factor that is missing, if possible a required one.
func (p *prospect) prove() {
	i := max(p.t.wanted(), 0)
	p.t.factors[i].status = Active
	p.t.proved |= 1 << i
}

// missing is how many factors have still to be enrolled, with these proved.
func (t *transaction) missing(proved uint8) (n int) {
	for i, f := range t.factors {
		if f.required && f.status != Active && proved&(1<<i) == 0 {
			n++
		}
	}
	if t.require == RequireFactor && proved == 0 {
		n = max(n, 1)
	}
	return n
}

// wanted is a required factor that is missing, or -1.
func (t *transaction) wanted() int {
	return slices.IndexFunc(t.factors[:], func(f pin) bool { return f.required && f.status != Active })
}

func (t *transaction) signsIn() bool { return t.name() == MFARequired || t.name() == MFAChallenge }

// hopelessIsListed compares what forbids SUCCESS, in each exploration, with
// the list.
func hopelessIsListed(t *testing.T, xs []*explorer, found []map[string]forbidden) {
	var b strings.Builder
	b.WriteString(`# From where a sign-in cannot succeed any more, and why: in how many states of
# each exploration, and a shortest way to one. Found by going back from every
# SUCCESS; from everywhere else it can. Written by go test . -update.
`)
	for i, x := range xs {
		if len(found[i]) > 0 {
			fmt.Fprintf(&b, "\n%s\n", x.name)
		}
		for _, why := range slices.Sorted(maps.Keys(found[i])) {
			f := found[i][why]
			fmt.Fprintf(&b, "%6d  %s\n        %s\n", f.spots, why, f.way)
		}
	}
	golden.Same(t, "testdata/hopeless.txt", b.String())
}
