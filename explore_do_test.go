package authn

import (
	"context"
	"errors"
	"time"
)

// How what can happen is made to, by the machine itself and by as little of a
// service as it takes.

// env is the world as the act finds it.
func (x *explorer) env(a *Account, c *act, now time.Time) Env {
	v := &x.views[c.view]
	e := Env{Now: now, Factors: v.fs, NoUser: v.closed}
	if v.limit > 0 {
		e.Limited = now.Add(v.limit)
	}
	switch {
	case c.op == primary:
		e.Entropy = entropy(200, 0)
	case c.slot >= 0:
		e.Entropy = entropy(c.slot, a.txs[c.slot].sends+1)
	}
	return e
}

// do lets it happen. The error is a refusal or fails the test.
func (x *explorer) do(a *Account, c *act, e Env, r *Result) error {
	switch {
	case c.host == "tend":
		es, err := x.m.Tend(a, e.Now, r)
		x.claimed = es
		return err
	case c.host != "":
		return x.host(a, c.host, e, r)
	case c.op == primary:
		return x.m.Begin(a, c.login, e, r)
	case c.op == redeem:
		h := secretOf(99)
		if a.txs[c.slot].session.live {
			s := x.m.pool.Get().(*step)
			h, _ = s.sessionSecret(&a.txs[c.slot])
			x.m.pool.Put(s)
		}
		_, err := x.m.Redeem(a, h, e, r)
		return err
	}
	return x.m.Step(a, secretOf(c.name), c.ev, e, r)
}

// host runs one of the service's own operations, on a store of one record.
func (x *explorer) host(a *Account, name string, e Env, r *Result) (err error) {
	p := x.m.pseudonym(a.user)
	store := &drawer{r: Record{Value: x.m.Seal(a, p.key()), Version: 1}}
	s := &Service{cfg: Config{Store: store, Now: func() time.Time { return e.Now }}, m: x.m}
	if name == "revoke" {
		err = s.Revoke(context.Background(), a.user)
	} else {
		err = s.Reinstate(context.Background(), a.user, "")
	}
	*r = Result{Changed: true}
	if err == nil && store.r.Value != nil {
		r.Account, err = x.m.Open(store.r.Value, p.key())
	}
	return err
}

// drawer is a store that holds one record.
type drawer struct{ r Record }

func (d *drawer) Load(context.Context, string) (Record, error) { return d.r, nil }

func (d *drawer) Save(_ context.Context, _ string, old uint64, r Record) error {
	if old != d.r.Version {
		return ErrConflict
	}
	d.r = r
	return nil
}

// deliver acknowledges what the step asked for, as a service does after its
// save: all of it is accepted, except that the mailer may have a mood, that
// the address of a code may have changed, and that a directory may be deaf.
func (x *explorer) deliver(r *Result, c *act, e Env) Account {
	a := r.Account
	if c.mood == dies {
		return a
	}
	es := x.claimed
	if c.host != "tend" {
		es = nil
		for _, o := range a.owed() {
			if r.causes(o) {
				es = append(es, o)
			}
		}
	}
	errs := make([]error, len(es))
	for i, o := range es {
		switch {
		case o.Do == FactorActivated && x.deaf:
			errs[i] = errors.New("again")
		case o.Do == SendCode && !x.listed(a, o, e):
			errs[i] = ErrSuperseded
		case o.Do == SendCode && !x.inTime(a, o, e):
			errs[i] = ErrUndeliverable
		case o.Do == SendCode && c.mood == down:
			errs[i] = errors.New("again")
		case o.Do == SendCode && c.mood == refuses:
			errs[i] = ErrUndeliverable
		}
	}
	next, _, err := x.m.Acknowledge(&a, es, errs, e.Now)
	if err != nil {
		x.t.Fatal(err)
	}
	return next
}

// inTime says that a code is still worth a mail.
func (x *explorer) inTime(a Account, o Effect, e Env) bool {
	now, _ := x.m.clock(&a, e.Now)
	return now < a.transaction(o.Transaction).code.expires
}

// listed says whether the directory still has the address that a code is for.
func (x *explorer) listed(a Account, o Effect, e Env) bool {
	s, err := x.m.load(&a, nil, &e, new(input))
	if err != nil {
		x.t.Fatal(err)
	}
	defer x.m.pool.Put(s)
	for i := range s.dir {
		if s.dir[i].id == o.Factor && s.dir[i].recipient == a.pinned(o.Key) {
			return true
		}
	}
	return false
}

// verdict is what a client would be told, and the row behind it, and those that
// other transactions took.
type verdict struct {
	text   string
	row    string
	others string
}

func (x *explorer) verdict(c *act, r *Result, err error) verdict {
	var ref *Refusal
	switch {
	case c.host != "" && err == nil:
		return verdict{text: "ok", row: c.host}
	case errors.As(err, &ref):
		v := verdict{text: "refused: " + ref.Err.Error(), row: ref.Err.Error()}
		if ref.Guard != "" {
			v.text += " (" + ref.Guard + ")"
			v.row = string(c.op.name()) + " [" + ref.Guard + "]"
		}
		return v
	case err != nil:
		x.t.Fatalf("%s: %v", c.text, err)
	case !r.Changed:
		return verdict{text: x.told(r), row: "repeated"}
	}
	v := verdict{text: x.told(r)}
	if c.op == redeem {
		v.text = "redeemed"
	}
	if r.Ended {
		v.text = "refused: " + ErrFinished.Error()
	}
	mine := r.Account.txs[r.slot].id
	for _, m := range r.moves[:r.nmoves] {
		if m.tx == mine {
			v.row = m.edge.label
		} else {
			v.others += "; " + m.edge.label
		}
	}
	if v.row == "" {
		x.t.Fatalf("%s: no row of its own", c.text)
	}
	return v
}

func (x *explorer) told(r *Result) string {
	text := string(r.Account.txs[r.slot].name())
	if r.Outcome != Done {
		text += ", " + string(r.Outcome)
	}
	return text
}
