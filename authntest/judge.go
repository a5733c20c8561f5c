package authntest

import (
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// injection is a fault during one request.
type injection struct {
	name   string
	plan   func(Call) Fault
	effect effect
	waives bool // the code is undeliverable: the cool-down ends
	fired  bool // a fault was injected
}

// effect is what the faults of an injection do to the request.
type effect int

const (
	harmless effect = iota // the service recovers: the verdict stays the same
	nothing                // no verdict, and no change
	hidden                 // no verdict, but the change was stored
)

// under makes a request with faults.
func (h *history) under(inj *injection, f func() Seen) func() Seen {
	if inj == nil {
		return f
	}
	return func() Seen {
		h.w.inject(h.planned(inj))
		defer h.w.inject(nil)
		return f()
	}
}

// begin signs a user in with the right password. It returns nil if that is
// refused.
func (h *history) begin(p *account, inj *injection) *tx {
	h.Helper()
	h.pass(1) // so that no two transactions begin at the same moment
	now := h.w.Now()
	v := h.m.begin(p, now)
	what := p.name + " signs in" + during(inj)
	o := h.ask(what, nil, h.under(inj, func() Seen { return h.host.Start(p.name) }))
	var x *tx
	if inj != nil && inj.fired && inj.effect != harmless {
		if inj.effect == hidden && v.class == OK {
			h.m.began(p, v.to, "", now)
		}
		h.unavailable(o)
		return nil
	}
	if v.class == OK {
		x = h.m.began(p, v.to, o.s.Token, now)
		if o.s.Token == "" && o.s.Class == OK {
			h.broken(ruleToken, "%s: the answer has no state token", what)
		}
		h.lists = h.lists || o.s.Allowed != nil
	}
	o.x = x
	h.judge(o, x, Request{Event: "start"}, v)
	if x != nil && x.over(now) {
		return nil
	}
	return x
}

// send makes a request and returns the verdict on it.
func (h *history) send(x *tx, r Request, inj *injection) verdict {
	h.Helper()
	v := h.expect(x, r)
	o := h.ask(describe(x, r)+during(inj), x, h.under(inj, func() Seen { return h.do(x, x.token, r) }))
	if inj != nil && inj.fired && inj.effect != harmless {
		if inj.effect == hidden {
			h.follow(x, r, v, unknown)
		}
		h.unavailable(o)
		v.class = Unavailable
		return v
	}
	h.settle(o, x, r, v, inj)
	return v
}

// do makes a request as the client of a transaction.
func (h *history) do(x *tx, token string, r Request) Seen {
	r.State = x.shown
	return h.host.Do(token, r)
}

// expect returns the model's verdict on a request in the host's dialect.
func (h *history) expect(x *tx, r Request) verdict {
	return h.m.event(x, h.meant(x, r), h.w.Now(), false)
}

func (h *history) meant(x *tx, r Request) Request {
	if h.d.Means != nil {
		return h.d.Means(x.state, r)
	}
	return r
}

// follow applies a request with that verdict to the model.
func (h *history) follow(x *tx, r Request, v verdict, code string) {
	was := x.state
	h.m.took(x, h.meant(x, r), v, code, h.w.Now())
	if v.class == OK && v.to == success && was == enrolling {
		h.activated(x)
	}
}

// settle applies a request to the model and compares its outcome with the
// verdict.
func (h *history) settle(o outcome, x *tx, r Request, v verdict, inj *injection) {
	h.Helper()
	code := unknown
	if len(o.mail) > 0 {
		code = string(o.mail[len(o.mail)-1].Code)
	}
	h.follow(x, r, v, code)
	if inj != nil && inj.waives && v.sends {
		x.cool = time.Time{}
	}
	if v.class == OK && v.to == success && h.d.AtOnce {
		v = h.redeemed(x, o.what)
		r.Event = "redeem"
		h.fresh(o)
	}
	h.judge(o, x, r, v)
}

// redeemed consumes the session token if it is valid.
func (h *history) redeemed(x *tx, what string) verdict {
	h.Helper()
	v := h.m.redeem(x, h.w.Now())
	if v.class == OK {
		x.redeemed = true
		h.sessions = append(h.sessions, x.who.name)
	}
	h.holds(what)
	return v
}

// handedOver reports whether the directory was given the enrolled factor.
func (h *history) handedOver(x *tx) bool {
	return slices.ContainsFunc(h.w.Calls(Activated), func(c Call) bool { return c.User == x.who.name && c.Factor.Address == x.address })
}

// activated updates the model after an enrollment: the directory has accepted
// the factor, or the account still owes it.
func (h *history) activated(x *tx) {
	p := x.who
	p.active = slices.ContainsFunc(h.w.Calls(Activated), func(c Call) bool { return c.Done && c.User == p.name && c.Factor.Address == p.address })
	if !p.active {
		p.handed = x.address
	}
}

// judge compares an outcome with the verdict, which was applied before.
func (h *history) judge(o outcome, x *tx, r Request, v verdict) {
	h.Helper()
	h.count(r.Event, v.class)
	want := v.class
	if h.d.Says != nil {
		want = h.d.Says(r, want)
	}
	s := o.s
	if s.Class != want {
		h.broken(ruleVerdict, "%s: the host says: %s. It should say: %s", o.what, shown(s, len(o.mail)), shown(Seen{Class: want, State: v.to}, 0))
	}
	if s.State != v.to && (s.State != "" || v.class == OK && v.to != canceled) {
		h.broken(ruleState, "%s: the host shows the state %q. It should show %q", o.what, s.State, v.to)
	}
	if v.class == OK && (r.Event == "activate" || r.Event == "redeem" && x.enrolls) && !h.handedOver(x) {
		h.broken(ruleHanded, "%s: the directory was not given the factor", o.what)
	}
	h.judgeMail(o, x, v)
	h.judgeTokens(o, x, v)
	h.judgeAllowed(o, x)
	h.holds(o.what)
}

func (h *history) judgeMail(o outcome, x *tx, v verdict) {
	h.Helper()
	want := 0
	if v.sends {
		want = 1
	}
	if len(o.mail) != want {
		h.broken(ruleMail, "%s: %d codes were sent. It should be: %d", o.what, len(o.mail), want)
	}
	for _, m := range o.mail {
		if m.User != x.who.name || m.To != x.who.address {
			h.broken(ruleMail, "%s: the code was sent to an address that is not in the directory", o.what)
		}
	}
}

// judgeTokens checks the tokens of an answer and stores them.
func (h *history) judgeTokens(o outcome, x *tx, v verdict) {
	h.Helper()
	s := o.s
	if x == nil {
		if s.Token != "" || s.Session != "" {
			h.broken(ruleToken, "%s: the answer has a token, and there is no transaction", o.what)
		}
		return
	}
	want := v.class == OK && x.state == success && !h.d.AtOnce && !x.redeemed
	if (s.Session != "") != want {
		h.broken(ruleToken, "%s: the answer has a session token: %t. It should be: %t", o.what, s.Session != "", want)
	}
	for _, p := range h.m.accounts {
		for _, y := range p.txs {
			if y != x && (s.Token != "" && s.Token == y.token || s.Session != "" && s.Session == y.session) {
				h.broken(ruleToken, "%s: the answer has the token of another transaction", o.what)
			}
		}
	}
	if s.State != "" {
		x.shown = s.State
	}
	if s.Token != "" {
		h.know("a state token", x, s.Token)
		x.token = s.Token
	}
	if s.Session != "" {
		h.know("a session token", x, s.Session)
		x.session = s.Session
	}
}

// know adds a token to the secrets.
func (h *history) know(what string, x *tx, token string) {
	if token != x.token && token != x.session || !slices.ContainsFunc(h.secrets, func(s secret) bool { return s.text == needle(token) }) {
		h.secrets = append(h.secrets, secret{what: what, text: needle(token), of: x})
	}
}

// judgeAllowed checks the list of allowed events. A host that has shown one
// must show it in every answer and refusal of a live transaction.
func (h *history) judgeAllowed(o outcome, x *tx) {
	h.Helper()
	now := h.w.Now()
	if x == nil || !h.lists || !x.live(now) || o.s.Class == Malformed {
		return
	}
	want := h.m.allowed(x, now)
	got := slices.Clone(o.s.Allowed)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		h.broken(ruleAllowed, "%s: the answer lists %v as allowed. Allowed are %v", o.what, got, want)
	}
}

// unavailable checks the answer to a request during which a port failed.
func (h *history) unavailable(o outcome) {
	h.Helper()
	s := o.s
	if s.Class != Unavailable || s.Session != "" {
		h.broken(ruleFault, "%s: the host says: %s. It should say: unavailable", o.what, shown(s, len(o.mail)))
	}
	if len(o.mail) > 0 {
		h.broken(ruleFault, "%s: a code was sent for a step that was not stored", o.what)
	}
	h.holds(o.what)
}

// exchange redeems a session token.
func (h *history) exchange(x *tx, inj *injection) {
	h.Helper()
	if x.session == "" || h.d.AtOnce {
		return
	}
	what := fmt.Sprintf("%s redeems the session token%s", x.who.name, during(inj))
	o := h.ask(what, x, h.under(inj, func() Seen { return h.host.Redeem(x.session) }))
	if inj != nil && inj.fired && inj.effect != harmless {
		if inj.effect == hidden && h.m.redeem(x, h.w.Now()).class == OK {
			x.redeemed = true
		}
		h.unavailable(o)
		return
	}
	h.settleRedeem(o, x)
}

func (h *history) settleRedeem(o outcome, x *tx) {
	h.Helper()
	r := Request{Event: "redeem"}
	want := h.m.redeem(x, h.w.Now()).class
	h.count(r.Event, want)
	if h.d.Says != nil {
		want = h.d.Says(r, want)
	}
	if o.s.Class != want {
		h.broken(ruleVerdict, "%s: the host says: %s. It should say: %s", o.what, shown(o.s, 0), shown(Seen{Class: want}, 0))
	}
	h.redeemed(x, o.what)
	h.fresh(o)
}

// fresh checks that the new session reveals no token that came before it.
func (h *history) fresh(o outcome) {
	h.Helper()
	for _, s := range h.secrets {
		if s.of != nil && s.in(o.s.Raw, "") {
			h.broken(ruleToken, "%s: the answer shows %s. A session needs a new ID", o.what, s.what)
		}
	}
}

func describe(x *tx, r Request) string {
	s := x.who.name + ": " + r.Event
	switch r.Event {
	case "verify", "activate":
		switch {
		case r.Code == x.code:
			s += " with the right code"
		default:
			s += " with another code"
		}
	case "challenge", "enroll", "resend":
		if r.Factor != x.who.factor && r.Factor != authn.Email {
			s += " of another factor"
		}
	}
	if r.Key != "" {
		s += ", under a key"
	}
	return s + " in " + x.state
}

func during(inj *injection) string {
	if inj == nil {
		return ""
	}
	return ", " + inj.name
}

func (h *history) count(event string, c Class) {
	if h.cover != nil {
		h.cover[event+": "+string(c)]++
	}
}
