package authntest

import (
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// weather is what goes wrong during one request.
type weather struct {
	name   string
	plan   func(Call) Fault
	effect effect
	waives bool // a mail that failed for good: the next need not wait
	fired  bool // something did go wrong
}

// effect is what it means for the request.
type effect int

const (
	harmless effect = iota // none: the host has a way round it
	nothing                // no verdict, and nothing has happened
	hidden                 // no verdict, though it has happened
)

// under makes a request in bad weather.
func (h *history) under(bad *weather, f func() Seen) func() Seen {
	if bad == nil {
		return f
	}
	return func() Seen {
		defer func() { h.w.Plan = nil }()
		h.w.Plan = h.planned(bad)
		return f()
	}
}

// begin signs a person in with the right password.
func (h *history) begin(p *person, bad *weather) *tx {
	h.Helper()
	h.pass(1) // so that no two begin at one moment
	now := h.w.Now()
	v := h.m.begin(p, now)
	what := p.name + " signs in" + told(bad)
	o := h.ask(what, nil, h.under(bad, func() Seen { return h.host.Start(p.name) }))
	var x *tx
	if bad != nil && bad.fired && bad.effect != harmless {
		if bad.effect == hidden && v.class == OK {
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

// send makes a request of a transaction.
func (h *history) send(x *tx, r Request, bad *weather) verdict {
	h.Helper()
	v := h.expect(x, r)
	o := h.ask(describe(x, r)+told(bad), x, h.under(bad, func() Seen { return h.do(x, x.token, r) }))
	if bad != nil && bad.fired && bad.effect != harmless {
		if bad.effect == hidden {
			h.follow(x, r, v, unknown)
		}
		h.unavailable(o)
		v.class = Unavailable
		return v
	}
	h.settle(o, x, r, v, bad)
	return v
}

// do makes a request by the client of a transaction.
func (h *history) do(x *tx, token string, r Request) Seen {
	r.State = x.shown
	return h.host.Do(token, r)
}

// expect is the model's verdict on a request as the host's protocol means it.
func (h *history) expect(x *tx, r Request) verdict {
	return h.m.event(x, h.meant(x, r), h.w.Now(), false)
}

func (h *history) meant(x *tx, r Request) Request {
	if h.d.Means != nil {
		return h.d.Means(x.state, r)
	}
	return r
}

// follow makes the model follow a request with that verdict.
func (h *history) follow(x *tx, r Request, v verdict, code string) {
	was := x.state
	h.m.took(x, h.meant(x, r), v, code, h.w.Now())
	if v.class == OK && v.to == success && was == enrolling {
		h.activated(x)
	}
}

// settle holds an outcome against the verdict, and makes the model follow.
func (h *history) settle(o outcome, x *tx, r Request, v verdict, bad *weather) {
	h.Helper()
	code := unknown
	if len(o.mail) > 0 {
		code = string(o.mail[len(o.mail)-1].Code)
	}
	h.follow(x, r, v, code)
	if bad != nil && bad.waives && v.sends {
		x.cool = time.Time{}
	}
	if v.class == OK && v.to == success && h.d.AtOnce {
		v = h.redeemed(x, o.what)
		r.Event = "redeem"
		h.fresh(o)
	}
	h.judge(o, x, r, v)
}

// redeemed uses the session token up, if it is good.
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

// handedOver says that the directory was told of the factor of an enrollment.
func (h *history) handedOver(x *tx) bool {
	return slices.ContainsFunc(h.w.Calls(Activated), func(c Call) bool { return c.User == x.who.name && c.Factor.Address == x.address })
}

// activated follows the directory, which was told of a factor, or was not.
func (h *history) activated(x *tx) {
	p := x.who
	p.active = slices.ContainsFunc(h.w.Calls(Activated), func(c Call) bool { return c.Done && c.User == p.name && c.Factor.Address == p.address })
	if !p.active {
		p.handed = x.address
	}
}

// judge holds an outcome against the verdict, after the model has followed it.
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
		h.broken(ruleState, "%s: the host says %q, and it is in %q", o.what, s.State, v.to)
	}
	if v.class == OK && (r.Event == "activate" || r.Event == "redeem" && x.enrolls) && !h.handedOver(x) {
		h.broken(ruleHanded, "%s: the directory was not told of the factor", o.what)
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
		h.broken(ruleMail, "%s: %d codes were sent, not %d", o.what, len(o.mail), want)
	}
	for _, m := range o.mail {
		if m.User != x.who.name || m.To != x.who.address {
			h.broken(ruleMail, "%s: the code went to another address than the one that the directory has", o.what)
		}
	}
}

// judgeTokens looks at the tokens of an answer, and takes them over.
func (h *history) judgeTokens(o outcome, x *tx, v verdict) {
	h.Helper()
	s := o.s
	if x == nil {
		if s.Token != "" || s.Session != "" {
			h.broken(ruleToken, "%s: there is no transaction, and the answer has a token", o.what)
		}
		return
	}
	want := v.class == OK && x.state == success && !h.d.AtOnce && !x.redeemed
	if (s.Session != "") != want {
		h.broken(ruleToken, "%s: a session token is in the answer: %t. It should be: %t", o.what, s.Session != "", want)
	}
	for _, p := range h.m.people {
		for _, y := range p.txs {
			if y != x && (s.Token != "" && s.Token == y.token || s.Session != "" && s.Session == y.session) {
				h.broken(ruleToken, "%s: the token is that of another transaction", o.what)
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

// judgeAllowed wants the list of what may come next, if the host has shown one
// before: in each answer about a live transaction, refusals as well.
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
		h.broken(ruleAllowed, "%s: the answer says that %v may come next, and it is %v", o.what, got, want)
	}
}

// unavailable is an answer while a port failed: no verdict.
func (h *history) unavailable(o outcome) {
	h.Helper()
	s := o.s
	if s.Class != Unavailable || s.Session != "" {
		h.broken(ruleFault, "%s: the host says: %s. A port has failed, so there is no verdict", o.what, shown(s, len(o.mail)))
	}
	if len(o.mail) > 0 {
		h.broken(ruleFault, "%s: a code was sent, and nothing is stored of it", o.what)
	}
	h.holds(o.what)
}

// exchange redeems a session token.
func (h *history) exchange(x *tx, bad *weather) {
	h.Helper()
	if x.session == "" || h.d.AtOnce {
		return
	}
	what := fmt.Sprintf("%s redeems the session token%s", x.who.name, told(bad))
	o := h.ask(what, x, h.under(bad, func() Seen { return h.host.Redeem(x.session) }))
	if bad != nil && bad.fired && bad.effect != harmless {
		if bad.effect == hidden && h.m.redeem(x, h.w.Now()).class == OK {
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

// fresh wants a session that nobody can guess from what came before it.
func (h *history) fresh(o outcome) {
	h.Helper()
	for _, s := range h.secrets {
		if s.of != nil && s.in(o.s.Raw, "") {
			h.broken(ruleToken, "%s: the answer shows %s: a session has an id of its own", o.what, s.what)
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

func told(bad *weather) string {
	if bad == nil {
		return ""
	}
	return ", " + bad.name
}

func (h *history) count(event string, c Class) {
	if h.cover != nil {
		h.cover[event+": "+string(c)]++
	}
}
