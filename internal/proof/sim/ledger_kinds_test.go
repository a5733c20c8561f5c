package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// Rules for what proves a factor: it is right, it is good once, and what has changed
// of the factor reaches the Directory.

// worth is what the ledger thinks of a submission.
type worth int

const (
	nothing worth = iota // it cannot be looked at
	wrong
	used
	right
)

// worth judges what a task has submitted, before the ledger takes down that it was.
func (l *ledger) worth(t *task, w storedTx, now time.Time) worth {
	p, enrolling := t.person, w.State == authn.MFAEnrollActivate
	live := now.Before(w.CodeExpires)
	switch {
	case t.event == "respond":
		return judged(live && w.Replied == "", t.reply.Approve && (enrolling || t.reply.Number == w.Number))
	case p.kind.id == mail:
		return judged(live && w.Code != "", t.code == w.Code)
	case p.kind.id == phone:
		return judged(live && w.Replied == "approved", true)
	case p.kind.id == token:
		challenge, count := counted(string(t.code))
		last := p.own.count
		if enrolling {
			last = 0
		}
		return judged(live && challenge == w.Options, count > last)
	case p.kind.id == app:
		secret, last := p.own.secret, p.own.step
		if enrolling {
			secret, last = w.Secret, 0
		}
		return appWorth(secret, t.code, now, last)
	}
	if enrolling {
		return judged(true, slices.Contains(strings.Split(w.Codes, "\n"), string(t.code)))
	}
	i := slices.Index(p.own.codes, t.code)
	if i >= 0 && p.own.gone[i] {
		return used
	}
	return judged(true, i >= 0)
}

func judged(looked, good bool) worth {
	switch {
	case !looked:
		return nothing
	case good:
		return right
	}
	return wrong
}

// appWorth is what a code of an app is worth.
func appWorth(secret authn.Secret, code authn.Code, now time.Time, last int64) worth {
	v := wrong
	for off := int64(-1); off <= 1; off++ {
		step := now.Unix()/30 + off
		if testhost.AppCode(secret, time.Unix(30*step, 0)) == code {
			if v = used; step > last {
				return right
			}
		}
	}
	return v
}

// proved takes down that a factor was proved, and checks that what proved it was never
// accepted before.
func (l *ledger) proved(t *task, w, x storedTx, was, is stored, now time.Time) {
	p, enrolled := t.person, w.State == authn.MFAEnrollActivate
	l.sim.cover["proved by "+p.kind.id]++
	once := func(what, key string) {
		if l.spent[what+key]++; l.spent[what+key] > 1 {
			l.sim.fail("%s: %s was accepted twice", t.what, what)
		}
	}
	switch p.kind.id {
	case app:
		if enrolled {
			p.own.secret, p.own.step = w.Secret, 0
		}
		step := int64(0) // the newest one, if two have the same code
		for at := now.Unix()/30 - 1; at <= now.Unix()/30+1; at++ {
			if testhost.AppCode(p.own.secret, time.Unix(30*at, 0)) == t.code {
				step = at
			}
		}
		once("a code of an app", fmt.Sprint(string(p.own.secret), step))
		p.own.step = step
	case list:
		if enrolled {
			p.own.codes, p.own.gone = nil, make([]bool, 10)
			for _, c := range strings.Split(w.Codes, "\n") {
				p.own.codes = append(p.own.codes, authn.Code(c))
			}
		} else if i := slices.Index(p.own.codes, t.code); i >= 0 {
			once("a recovery code", string(t.code))
			p.own.gone[i] = true
		}
	case token:
		challenge, count := counted(string(t.code))
		once("a response to a challenge", challenge)
		p.own.count = count
	}
	if changes := enrolled || p.kind.id == list || p.kind.id == token; changes && !slices.ContainsFunc(is.Owed, func(e authn.Effect) bool {
		return e.Name == handOver && e.Transaction == x.ID && !slices.ContainsFunc(was.Owed, func(o authn.Effect) bool { return o.Key == e.Key })
	}) {
		l.sim.fail("%s: the Directory is not to be told of what has changed", t.what)
	}
}

// unstepped checks a change of a transaction without a step of its own: the phone has
// one question at a time, so a newer one takes back an older one.
func (l *ledger) unstepped(t *task, w, x storedTx) {
	v := w
	v.Code, v.CodeExpires, v.challenge = "", time.Time{}, x.challenge
	if x.seen { // else its time is up, or nobody has its token, or nothing is at hand
		v.Replied = "withdrawn"
	}
	if t.person == nil || t.person.kind.id != phone || t.event != "challenge" && t.event != "resend" || w.Replied != "" || v != x {
		l.sim.fail("%s: %+v became %+v without a step", t.what, w, x)
	}
	l.sim.cover["question taken back"]++
}

// handing takes down what the Directory is to be handed.
func (l *ledger) handing(key, user string, f authn.Factor) {
	l.handed[key] = f
	if len(f.Data) == 0 {
		return
	}
	if now := l.newest[user]; f.Revision <= now.Revision {
		l.sim.fail("revision %d of a factor comes after revision %d", f.Revision, now.Revision)
	}
	l.newest[user] = f
}

// overtaken says that an effect is not needed any more since a newer one says more.
func (l *ledger) overtaken(e authn.Effect, is stored) bool {
	return e.Name == handOver && slices.ContainsFunc(is.Owed, func(o authn.Effect) bool {
		return o.Name == handOver && o.Factor == e.Factor && l.handed[o.Key].Revision > l.handed[e.Key].Revision
	})
}

// directed checks what the Directory has after it was told of something.
func (l *ledger) directed(user string) {
	f := l.sim.world.FactorsOf(user)[0]
	if f.Revision < l.listed[user] {
		l.sim.fail("the Revision of a factor fell from %d to %d", l.listed[user], f.Revision)
	}
	l.listed[user] = f.Revision
}

// keeps checks that the Directory has the newest of what it was to be handed.
func (l *ledger) keeps() {
	for user, want := range l.newest {
		if f := l.sim.world.FactorsOf(user)[0]; f.Revision != want.Revision || !bytes.Equal(f.Data, want.Data) {
			l.sim.fail("the Directory has revision %d of a factor, not %d: a hand-over is lost", f.Revision, want.Revision)
		}
	}
}

const handOver = "hand over factor"
