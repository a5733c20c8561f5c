package authntest

import (
	"fmt"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// actions returns the possible next steps, each repeated by its weight. Every
// history turns some of them off, so that the others get further.
func (h *history) actions() map[string]func(*rapid.T) {
	off := rapid.Uint64().Draw(h.T, "off") & rapid.Uint64().Draw(h.T, "off too")
	all := map[string]func(*rapid.T){}
	for i, a := range []struct {
		name   string
		weight int
		do     func()
	}{
		{"go on", 6, h.goOn}, {"sign in", 2, h.signIn}, {"wait", 3, h.wait}, // never off
		{"start", 1, h.start}, {"wrong code", 3, h.wrong}, {"guess", 1, h.guess}, {"old code", 1, h.old}, {"late code", 1, h.late}, {"malformed", 2, h.malformed},
		{"anything", 2, h.anything}, {"resend", 2, h.resend}, {"back", 2, h.back}, {"cancel", 1, h.cancel},
		{"redeem again", 2, h.redeemAgain}, {"no such token", 1, h.noSuchToken}, {"finished", 1, h.finished}, {"again", 2, h.again},
		{"store", 3, h.failStore}, {"mail", 2, h.failMail}, {"directory", 2, h.failDirectory}, {"limiter", 2, h.failLimiter}, {"auditor", 1, h.failAuditor},
		{"address", 2, h.change}, {"unknown user", 1, h.unknownUser}, {"two at once", 3, h.twoAtOnce}, {"restart", 1, h.restart},
	} {
		for n := range a.weight {
			if i < 3 || off&(1<<i) == 0 {
				all[fmt.Sprint(a.name, " ", n)] = func(*rapid.T) { a.do() }
			}
		}
	}
	return all
}

func (h *history) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(h.T, label) }

func (h *history) account() *account { return h.m.accounts[h.pick("who", len(h.m.accounts))] }

// pass moves the clock by seconds.
func (h *history) pass(n int) { h.w.Advance(time.Duration(n) * time.Second) }

// some returns a live transaction whose token the client has, or a new one if
// there is none. It is nil if none can begin.
func (h *history) some() *tx {
	h.Helper()
	p := h.account()
	var live []*tx
	for _, x := range p.txs {
		if x.live(h.w.Now()) && x.token != "" {
			live = append(live, x)
		}
	}
	if len(live) == 0 {
		return h.begin(p, nil)
	}
	return live[h.pick("which", len(live))]
}

// next returns the request that continues a transaction.
func (h *history) next(x *tx) Request {
	p := x.who
	switch {
	case x.state == required:
		return Request{Event: "challenge", Factor: p.factor}
	case x.state == toEnroll:
		return Request{Event: "enroll", Factor: authn.Email}
	case x.code == "" || x.code == unknown || x.state == enrolling && x.address != p.address:
		return Request{Event: "resend", Factor: p.factor}
	}
	return h.code(x, x.code)
}

// code returns the request that submits a code.
func (h *history) code(x *tx, code string) Request {
	r := Request{Event: "verify", Factor: x.who.factor, Code: code}
	if x.enrolls {
		r.Event = "activate"
	}
	return r
}

// other returns a wrong code of the right form.
func (h *history) other(x *tx) string {
	code := "2718281828"
	if x.code == code {
		return "3141592653"
	}
	return code
}

// start begins several sign-ins of one user.
func (h *history) start() {
	p := h.account()
	for range 1 + h.pick("starts", 4) {
		h.begin(p, nil)
	}
}

func (h *history) goOn() {
	if x := h.some(); x != nil {
		h.send(x, h.next(x), nil)
		if x.state == success && h.pick("redeem", 4) > 0 {
			h.exchange(x, nil)
		}
	}
}

// signIn continues to a session and waits where it has to.
func (h *history) signIn() {
	x := h.some()
	for range 6 {
		if x == nil || !x.live(h.w.Now()) {
			break
		}
		r := h.next(x)
		h.await(x, r)
		h.send(x, r, nil)
	}
	if x != nil && x.state == success {
		h.exchange(x, nil)
	}
}

func (h *history) wrong() {
	if x := h.some(); x != nil {
		h.send(x, h.code(x, h.other(x)), nil)
	}
}

// guess submits wrong codes, as fast as the limits allow.
func (h *history) guess() {
	x := h.some()
	for range 4 + h.pick("guesses", 6) {
		if x == nil || !x.live(h.w.Now()) {
			if x = h.some(); x == nil {
				return
			}
		}
		r := h.next(x)
		if r.Code != "" {
			r.Code = h.other(x)
		}
		h.await(x, r)
		h.send(x, r, nil)
	}
}

// await moves the clock to the time from which a request is allowed, if the
// transaction lives that long.
func (h *history) await(x *tx, r Request) {
	if v := h.expect(x, r); v.class == TooSoon && v.retry.Before(x.ends) {
		h.w.Advance(v.retry.Sub(h.w.Now()))
	}
}

// old submits any code that was ever sent, to any user.
func (h *history) old() {
	x := h.some()
	var sent []string
	for _, s := range h.secrets {
		if s.what == "a code" {
			sent = append(sent, s.text)
		}
	}
	if x != nil && len(sent) > 0 {
		h.send(x, h.code(x, sent[h.pick("code", len(sent))]), nil)
	}
}

func (h *history) malformed() {
	if x := h.some(); x != nil {
		if x.state == required || x.state == toEnroll { // first to where a code is expected
			h.send(x, h.next(x), nil)
		}
		h.send(x, h.code(x, []string{"12345", "l23456789O"}[h.pick("malformed", 2)]), nil)
	}
}

func (h *history) anything() {
	x := h.some()
	if x == nil {
		return
	}
	events := []string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "cancel"}
	r := Request{Event: events[h.pick("event", len(events))], Factor: x.who.factor}
	switch r.Event {
	case "verify", "activate":
		if r.Code = x.code; r.Code == "" || r.Code == unknown || h.pick("right", 2) == 0 {
			r.Code = h.other(x)
		}
	case "enroll":
		r.Factor = authn.Email
	case "previous", "skip", "cancel":
		r.Factor = ""
	}
	if r.Factor == x.who.factor && h.pick("factor", 5) == 0 {
		r.Factor = "factor-of-nobody"
	}
	h.send(x, r, nil)
}

// resend asks for more codes, at once or as soon as that is allowed.
func (h *history) resend() {
	x := h.some()
	if x == nil {
		return
	}
	r, patient := Request{Event: "resend", Factor: x.who.factor}, h.pick("patient", 2) == 0
	for range 1 + h.pick("resends", 3) {
		if x.live(h.w.Now()) {
			if patient {
				h.await(x, r)
			}
			h.send(x, r, nil)
		}
	}
}

// late submits the right code at the moment when it expires.
func (h *history) late() {
	now := h.w.Now()
	if x := h.any(func(x *tx) bool {
		return x.live(now) && x.token != "" && x.kept(now) && x.code != unknown && x.state != required
	}); x != nil {
		h.w.Advance(x.codeEnds.Sub(now))
		h.send(x, h.code(x, x.code), nil)
	}
}

// back goes one step back, or tries to skip enrollment.
func (h *history) back() {
	if x := h.some(); x != nil {
		h.send(x, Request{Event: []string{"previous", "skip"}[h.pick("skip", 2)]}, nil)
	}
}

// cancel cancels a transaction that is live or has succeeded.
func (h *history) cancel() {
	if x := h.any(func(x *tx) bool { return x.token != "" && !x.over(h.w.Now()) }); x != nil {
		h.send(x, Request{Event: "cancel"}, nil)
	}
}

// any draws one of the transactions for which f holds; nil if there is none.
func (h *history) any(f func(*tx) bool) *tx {
	var from []*tx
	for _, p := range h.m.accounts {
		for _, x := range p.txs {
			if f(x) {
				from = append(from, x)
			}
		}
	}
	if len(from) == 0 {
		return nil
	}
	return from[h.pick("transaction", len(from))]
}

func (h *history) redeemAgain() {
	if x := h.any(func(x *tx) bool { return x.session != "" }); x != nil {
		h.exchange(x, nil)
	}
}

// finished returns to a transaction that has ended.
func (h *history) finished() {
	x := h.any(func(x *tx) bool { return x.token != "" && (x.over(h.w.Now()) || x.state == success) })
	if x == nil {
		return
	}
	r := []Request{
		{Event: "resend", Factor: x.who.factor}, h.code(x, h.other(x)), {Event: "challenge", Factor: x.who.factor}, {Event: "previous"},
	}[h.pick("request", 4)]
	h.send(x, r, nil)
}

// noSuchToken sends tokens that the host never issued: damaged ones, nonsense,
// and tokens of the other kind.
func (h *history) noSuchToken() {
	x := h.some()
	if x == nil || x.token == "" {
		return
	}
	turned := func(s string) string {
		i := len(s) / 2
		return s[:i] + strings.Map(func(c rune) rune {
			if c == 'A' {
				return 'B'
			}
			return 'A'
		}, s[i:i+4]) + s[i+4:]
	}
	tokens := []string{turned(x.token), "nonsense"}
	if x.session != "" {
		tokens = append(tokens, x.session)
	}
	r := h.next(x)
	if h.pick("cancel", 2) == 0 {
		r = Request{Event: "cancel"}
	}
	token := tokens[h.pick("token", len(tokens))]
	o := h.ask(x.who.name+": "+r.Event+" with a token that was never issued", x, func() Seen { return h.do(x, token, r) })
	h.judge(o, nil, r, verdict{class: Finished})
	if h.d.AtOnce {
		return
	}
	tokens = []string{x.token, "nonsense"}
	if x.session != "" {
		tokens = append(tokens, turned(x.session))
	}
	token = tokens[h.pick("session", len(tokens))]
	o = h.ask(x.who.name+" redeems what is not a session token", x, func() Seen { return h.host.Redeem(token) })
	h.judge(o, nil, Request{Event: "redeem"}, verdict{class: Finished})
}

// again repeats a request under its idempotency key, and then uses the key for
// another request.
func (h *history) again() {
	x := h.some()
	if x == nil || !h.d.Keys {
		return
	}
	h.keys++
	r := h.next(x)
	if r.Code != "" && h.pick("wrong", 2) == 0 {
		r.Code = h.other(x)
	}
	r.Key = fmt.Sprintf("key-%d", h.keys)
	what := describe(x, r)
	v := h.send(x, r, nil)
	if v.class != OK && v.class != WrongCode && v.class != LateCode {
		return // nothing was stored, so the key is not remembered
	}
	if h.d.AtOnce && v.to == success {
		return
	}
	o := h.ask(what+", again", x, func() Seen { return h.do(x, x.token, r) })
	if o.s.Class != v.class || len(o.mail) > 0 {
		h.broken(ruleRepeat, "%s, again: the host says: %s. It should repeat its answer and do nothing else", what, shown(o.s, len(o.mail)))
	}
	h.holds(o.what)
	if !x.live(h.w.Now()) {
		return
	}
	o = h.ask(what+", and then cancel under that key", x, func() Seen { return h.do(x, x.token, Request{Event: "cancel", Key: r.Key}) })
	h.judge(o, x, Request{Event: "cancel"}, verdict{class: KeyReused, to: x.state})
}
