package model

import (
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// Actions of TestModel about factors other than the mailed code.

// imported is a factor whose app another system has set up.
func (w *world) imported(a *account, f authn.Factor) authn.Factor {
	x := app{fmt.Sprintf("the secret of app %03d", w.apps), 6, 30}
	if w.apps++; w.drawApp != nil {
		x = w.drawApp(x)
	}
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(x.secret))
	made, err := w.services[0].Import(a.user, authn.Factor{ID: f.ID, Type: authn.TOTP}, authn.Secret(fmt.Sprintf("otpauth://totp/x?secret=%s&digits=%d&period=%d", secret, x.digits, x.period)))
	if err != nil || made.Status != authn.Active || made.Revision != 1 || made.Type != authn.TOTP || made.ID != f.ID {
		w.failf("Import: %+v, %v", made, err)
	}
	a.hide(secret, string(made.Data))
	a.o.facts = append(a.o.facts, fact{what: imported, tx: -1, factor: f.ID, data: &data{revision: 1, app: &x}})
	made.Required = f.Required
	return made
}

// enroll sets up a factor of a type that the user has, as its first one.
func (w *world) enroll(a *account, name string) {
	w.begin(a, authn.RequireFactor)
	w.do(a, call{event: "enroll", factor: name})
	w.agree(a, 0)
	w.do(a, w.natural(a, 0))
	w.redeem(a, 0, a.tickets[0].session)
	if !slices.ContainsFunc(a.o.factors(), func(f authn.Factor) bool { return f.Type == name && f.Status == authn.Active }) {
		w.failf("%s was not enrolled: the transaction is in %s", name, a.o.state(0))
	}
}

// rightCode returns what a legitimate client submits for a factor; false if it has
// nothing to submit.
func (w *world) rightCode(a *account, name, id string, c code, enrolls bool, t time.Time) (text string, ok bool) {
	switch kind := kinds[name]; {
	case kind.coded:
		return c.text, c.text != ""
	case kind.awaited:
		return "", c.reply == "approved"
	case kind.verified:
		r := response{claim: claimRight}
		if c.puzzle != nil {
			r.challenge = c.puzzle.options
		}
		return r.String(), true
	case name == authn.TOTP:
		x := a.o.data(id).app
		if enrolls {
			x = c.puzzle.app
		}
		if x == nil {
			return "", false
		}
		return x.code(x.at(t)), true
	}
	d := a.o.data(id)
	codes := d.codes
	if enrolls {
		codes = c.puzzle.codes
	}
	for _, text := range codes {
		if !slices.Contains(d.spent, text) {
			return text, true
		}
	}
	return "", false
}

// agree lets the other device answer as its owner does.
func (w *world) agree(a *account, tx int) {
	if c, ok := a.o.kept(tx); ok && kinds[c.kind].awaited && c.reply == "" && c.puzzle.approval != "" {
		w.do(a, call{event: "respond", approval: c.puzzle.approval, yes: true, number: c.puzzle.number})
	}
}

// varied returns the next event of a legitimate client, who may choose.
func (w *world) varied(t *rapid.T, a *account, tx int) call {
	now, _ := a.o.clock(w.Now())
	k := w.natural(a, tx)
	if k.new != "" {
		return w.variedInput(t, a, tx)
	}
	switch a.o.state(tx) {
	case stateRequired:
		ids := a.o.having(authn.Active)
		if len(ids) == 0 || rapid.IntRange(0, 4).Draw(t, "the same") == 4 {
			return k
		}
		k.factor = rapid.SampledFrom(ids).Draw(t, "factor")
		name := a.o.kindOf(k.factor)
		if text, ok := w.rightCode(a, name, k.factor, code{}, false, now); ok && kinds[name].atOnce && rapid.Bool().Draw(t, "direct") {
			k.event, k.code = "verify", text
		}
	case stateEnroll:
		if kindsToEnroll := w.enrollable(a, tx); len(kindsToEnroll) > 0 {
			k.factor = rapid.SampledFrom(kindsToEnroll).Draw(t, "type")
		}
	case stateChallenge, stateActivate:
		c, ok := a.o.live(tx, now)
		if !ok || !kinds[c.kind].awaited || c.reply != "" || c.puzzle.approval == "" {
			break
		}
		switch rapid.IntRange(0, 4).Draw(t, "device") {
		case 0: // a poll
			k.event, k.code = "verify", ""
			if c.enrolls {
				k.event = "activate"
			}
		case 1:
		default:
			k = call{event: "respond", approval: c.puzzle.approval, yes: true, number: c.puzzle.number}
		}
	}
	return k
}

// enrollable returns the types that a transaction may enroll.
func (w *world) enrollable(a *account, tx int) (names []string) {
	for _, f := range a.o.factors() {
		if slices.Contains(a.o.offered(tx, f.Type), f.ID) && !slices.Contains(names, f.Type) {
			names = append(names, f.Type)
		}
	}
	return names
}

// target returns a factor that a code can be submitted for, and how.
func (w *world) target(t *rapid.T, a *account, tx int) (c call, name, id string, kept code) {
	c = call{tx: tx, event: "verify"}
	if hostedEvents[a.o.state(tx)] != nil || a.o.gateOf(tx) != "" {
		return c, "", "", kept
	}
	switch a.o.state(tx) {
	case stateActivate:
		c.event = "activate"
		fallthrough
	case stateChallenge:
		id, name = a.o.hand(tx)
		kept, _ = a.o.kept(tx)
		c.factor = rapid.SampledFrom([]string{"", "", id}).Draw(t, "named")
	default:
		ids := a.o.having(authn.Active)
		if len(ids) == 0 {
			return c, "", "", kept
		}
		id = rapid.SampledFrom(ids).Draw(t, "factor")
		for range 2 { // usually one that needs no challenge
			if !kinds[a.o.kindOf(id)].atOnce {
				id = rapid.SampledFrom(ids).Draw(t, "factor")
			}
		}
		name, c.factor = a.o.kindOf(id), id
	}
	return c, name, id, kept
}

// actSubmit submits anything for any factor.
func (w *world) actSubmit(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 {
		return
	}
	switch s, first := a.o.state(tx), rapid.IntRange(0, 3).Draw(t, "first"); {
	case s == stateEnroll:
		w.send(t, a, w.varied(t, a, tx))
	case s == stateRequired && first == 0:
		w.send(t, a, w.varied(t, a, tx))
	case s == stateRequired && first == 1: // and back
		c := w.varied(t, a, tx)
		c.event, c.code = "challenge", ""
		w.send(t, a, c)
		w.do(a, call{tx: tx, event: "previous"})
	case s == stateChallenge && first == 0:
		w.do(a, call{tx: tx, event: "previous"})
	}
	if rapid.IntRange(0, 9).Draw(t, "trouble") == 9 {
		w.trouble(a)
	}
	w.submit(t, a, tx)
}

func (w *world) submit(t *rapid.T, a *account, tx int) {
	c, name, id, kept := w.target(t, a, tx)
	if id == "" || a.o.over(tx) {
		return
	}
	c.code = w.draw(t, a, name, id, kept, c.event == "activate")
	if rapid.IntRange(0, 9).Draw(t, "another factor") == 9 {
		c.factor = w.factor(t, a)
	}
	w.send(t, a, c)
}

// draw draws what is submitted for a factor.
func (w *world) draw(t *rapid.T, a *account, name, id string, kept code, enrolls bool) string {
	now, _ := a.o.clock(w.Now())
	sort := rapid.SampledFrom([]string{"right", "right", "wrong", "wrong", "used", "used", "near", "malformed", "other"}).Draw(t, "sort")
	right, ok := w.rightCode(a, name, id, kept, enrolls, now)
	switch kind := kinds[name]; {
	case sort == "malformed":
		return rapid.SampledFrom([]string{"1234567", "123456", "12345678", "ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMN01", "", "x", strings.Repeat("A", 17<<10)}).Draw(t, "malformed")
	case sort == "other":
		return w.aCode(t, a, -1)
	case kind.verified:
		return w.drawResponse(t, a, name, kept, sort)
	case kind.coded && sort == "wrong", kind.coded && !ok:
		return w.aCode(t, a, -1)
	case name == authn.TOTP:
		return w.drawTOTP(t, a, id, kept, enrolls, sort)
	case name == authn.RecoveryCodes && sort == "wrong":
		return rapid.StringMatching("[A-Z2-7]{16}").Draw(t, "code")
	case name == authn.RecoveryCodes && sort == "used":
		if spent := a.o.data(id).spent; len(spent) > 0 {
			return spell(t, rapid.SampledFrom(spent).Draw(t, "spent"))
		}
	case name == authn.RecoveryCodes && sort == "near":
		if codes := a.o.data(id).codes; len(codes) > 0 {
			return spell(t, rapid.SampledFrom(codes).Draw(t, "any of the list"))
		}
	}
	return spell(t, right)
}

// spell returns one of the spellings of a code.
func spell(t *rapid.T, text string) string {
	switch rapid.IntRange(0, 5).Draw(t, "spelling") {
	case 0:
		return strings.ToLower(text)
	case 1:
		if len(text) > 4 {
			return text[:4] + "-" + text[4:] + " "
		}
	}
	return text
}

func (w *world) drawTOTP(t *rapid.T, a *account, id string, kept code, enrolls bool, sort string) string {
	now, _ := a.o.clock(w.Now())
	x := a.o.data(id).app
	if enrolls {
		x = kept.puzzle.app
	}
	if x == nil {
		return "123456"
	}
	step := x.at(now)
	switch sort {
	case "wrong":
		return fmt.Sprintf("%0*d", x.digits, rapid.IntRange(0, 999999).Draw(t, "code"))
	case "used":
		if last := a.o.lastStep(*x, now); last != 0 {
			step = last
		}
	case "near":
		step += int64(rapid.IntRange(-2, 2).Draw(t, "step"))
	}
	return spell(t, x.code(step))
}

func (w *world) drawResponse(t *rapid.T, a *account, name string, kept code, sort string) string {
	r := response{claim: claimRight, counts: rapid.Bool().Draw(t, "counts")}
	if kept.puzzle != nil {
		r.challenge = kept.puzzle.options
	}
	switch sort {
	case "wrong":
		r.claim = claimWrong
	case "used":
		r.challenge = rapid.SampledFrom(append(a.challenges(), "")).Draw(t, "challenge")
	}
	if rapid.IntRange(0, 2).Draw(t, "another signs") == 2 {
		r.of = w.factor(t, a)
	}
	return r.String()
}

// challenges returns all that the Verifier's prompts have had for a user.
func (a *account) challenges() (all []string) {
	for _, f := range a.o.facts {
		if f.puzzle != nil && f.puzzle.options != "" {
			all = append(all, f.puzzle.options)
		}
	}
	return all
}

// actDevice lets another device answer: in time or late, as its owner does or not,
// once or twice.
func (w *world) actDevice(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	w.askDevice(t, a)
	if len(a.devices) == 0 {
		return
	}
	n := len(a.devices) - 1
	if rapid.IntRange(0, 3).Draw(t, "old") == 3 {
		n = rapid.IntRange(0, n).Draw(t, "which")
	}
	d := a.devices[n]
	switch rapid.IntRange(0, 7).Draw(t, "before") {
	case 0, 1, 2:
		w.trouble(a)
	case 3: // at its end
		if k, ok := a.o.kept(d.tx); ok && k.puzzle == d.puzzle && !a.o.over(d.tx) {
			w.wait(k.expires.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "nanoseconds"))))
		}
	}
	c := w.drawReply(t, d)
	w.do(a, c)
	switch rapid.IntRange(0, 4).Draw(t, "then") {
	case 0: // twice
		w.do(a, c)
	case 1: // otherwise
		w.do(a, w.drawReply(t, d))
	case 2, 3: // and the client takes it
		if a.o.over(d.tx) {
			break
		}
		k := call{tx: d.tx, event: "verify"}
		if a.o.state(d.tx) == stateActivate {
			k.event = "activate"
		}
		w.send(t, a, k)
	}
}

// askDevice sends a question to another device of a user, unless one waits for an
// answer.
func (w *world) askDevice(t *rapid.T, a *account) {
	now, wrong := a.o.clock(w.Now())
	if _, locked := a.o.lockedAt(now); wrong || locked {
		return
	}
	for _, tx := range a.o.open(now) {
		if k, ok := a.o.live(tx, now); ok && kinds[k.kind].awaited && k.reply == "" {
			return
		}
	}
	ids := slices.DeleteFunc(a.o.having(authn.Active), func(id string) bool { return !kinds[a.o.kindOf(id)].awaited })
	open := slices.DeleteFunc(a.o.open(now), func(tx int) bool { return a.o.state(tx) != stateRequired })
	if len(ids) == 0 || len(open) == 0 {
		return
	}
	w.do(a, call{tx: open[0], event: "challenge", factor: rapid.SampledFrom(ids).Draw(t, "device")})
}

// trouble submits wrong codes in another transaction, until there is a back-off.
func (w *world) trouble(a *account) {
	for range 12 {
		now, wrong := a.o.clock(w.Now())
		ids := slices.DeleteFunc(a.o.having(authn.Active), func(id string) bool { return !kinds[a.o.kindOf(id)].atOnce })
		if _, locked := a.o.lockedAt(now); wrong || locked || len(ids) == 0 || !a.o.backoff(now).IsZero() {
			return
		}
		open := slices.DeleteFunc(a.o.open(now), func(tx int) bool { return a.o.state(tx) != stateRequired })
		if len(open) == 0 {
			w.begin(a, authn.RequireFactor)
			continue
		}
		code := map[string]string{authn.TOTP: "271828", authn.RecoveryCodes: "WRONGWRONGWRONGW", questionType: response{claim: claimWrong}.String()}
		w.do(a, call{tx: open[0], event: "verify", factor: ids[0], code: code[a.o.kindOf(ids[0])]})
	}
}

func (w *world) drawReply(t *rapid.T, d device) call {
	c := call{event: "respond", approval: d.approval, yes: true, number: d.number}
	switch rapid.IntRange(0, 5).Draw(t, "reply") {
	case 0:
		c.yes = false
	case 1:
		c.number = fmt.Sprint(rapid.IntRange(0, 120).Draw(t, "number"))
	case 2:
		c.number = rapid.SampledFrom([]string{"", " " + d.number, d.number + "0"}).Draw(t, "number")
	}
	if rapid.IntRange(0, 19).Draw(t, "token") == 19 {
		c.approval = rapid.SampledFrom([]string{"", "x", d.approval[:len(d.approval)-1], strings.ToLower(d.approval)}).Draw(t, "made up")
	}
	return c
}

// actStep goes to where a time step of an app begins, or one nanosecond before or
// after it, and submits the code of a step near it.
func (w *world) actStep(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 || a.o.over(tx) {
		return
	}
	now, _ := a.o.clock(w.Now())
	c, name, id, kept := w.target(t, a, tx)
	if name != authn.TOTP {
		w.submit(t, a, tx)
		return
	}
	x := a.o.data(id).app
	if c.event == "activate" {
		x = kept.puzzle.app
	}
	if x == nil {
		return
	}
	step := x.at(now) + int64(rapid.IntRange(1, 2).Draw(t, "steps"))
	if last := a.o.lastStep(*x, now); last >= x.at(now)-1 && last != 0 {
		step = last + int64(rapid.IntRange(0, 2).Draw(t, "after the last one"))
	}
	w.wait(x.begins(step).Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "nanoseconds"))))
	now, _ = a.o.clock(w.Now())
	c.code = x.code(x.at(now) + int64(rapid.SampledFrom([]int{-1, 0, 1, -2, 2}).Draw(t, "off")))
	w.send(t, a, c)
}

// actTwin submits a code that two time steps in a row have, twice or more.
func (w *world) actTwin(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 {
		return
	}
	now, _ := a.o.clock(w.Now())
	for _, a := range w.accounts {
		for _, id := range a.o.having(authn.Active) {
			x := a.o.data(id).app
			if x == nil {
				continue
			}
			i := slices.IndexFunc(twins, func(y twin) bool { return y.secret == x.secret && x.begins(y.step+1).After(now) })
			if _, locked := a.o.lockedAt(now); i < 0 || locked {
				continue
			}
			w.wait(x.begins(twins[i].step).Add(time.Duration(rapid.IntRange(0, 29).Draw(t, "second")) * time.Second))
			w.cover["twin codes"]++
			w.replay(t, a, id, x.code(twins[i].step))
			return
		}
	}
	w.submit(t, a, tx)
}

// replay submits one code in several transactions.
func (w *world) replay(t *rapid.T, a *account, id, text string) {
	for range rapid.IntRange(2, 3).Draw(t, "times") {
		now, _ := a.o.clock(w.Now())
		open := slices.DeleteFunc(a.o.open(now), func(tx int) bool {
			hand, _ := a.o.hand(tx)
			s := a.o.state(tx)
			return s != stateRequired && !(s == stateChallenge && hand == id)
		})
		if len(open) == 0 {
			w.begin(a, authn.RequireFactor)
			open = []int{len(a.tickets) - 1}
		}
		tx := open[0]
		if tx < 0 || a.o.over(tx) {
			return
		}
		if a.o.state(tx) == stateRequired && rapid.IntRange(0, 2).Draw(t, "challenge") == 2 {
			w.do(a, call{tx: tx, event: "challenge", factor: id})
		}
		w.do(a, call{tx: tx, event: "verify", factor: id, code: text})
		if rapid.Bool().Draw(t, "wait") {
			w.Advance(rapid.SampledFrom([]time.Duration{time.Second, 15 * time.Second, 30 * time.Second, time.Minute}).Draw(t, "for"))
		}
	}
}

// actReplay submits a code in several transactions, usually one that was used.
func (w *world) actReplay(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	now, wrong := a.o.clock(w.Now())
	if _, locked := a.o.lockedAt(now); wrong || locked {
		return
	}
	for _, id := range a.o.having(authn.Active) {
		name := a.o.kindOf(id)
		if !kinds[name].computed {
			continue
		}
		text, ok := w.rightCode(a, name, id, code{}, false, now)
		if d := a.o.data(id); rapid.IntRange(0, 3).Draw(t, "used") > 0 {
			if d.app != nil && a.o.lastStep(*d.app, now) != 0 {
				text, ok = d.app.code(a.o.lastStep(*d.app, now)), true
			} else if len(d.spent) > 0 {
				text, ok = rapid.SampledFrom(d.spent).Draw(t, "spent"), true
			}
		}
		if ok {
			w.replay(t, a, id, text)
		}
		return
	}
}

// actReset lets the host take a factor away and offer it again: the same one, whose
// revision it keeps, or another one in its place.
func (w *world) actReset(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	fs := w.FactorsOf(a.user)
	i := slices.IndexFunc(fs, func(f authn.Factor) bool {
		return f.Status == authn.Active && kinds[f.Type].channel == "" && f.Type != "sms" && !a.o.owed(f.ID)
	})
	if _, wrong := a.o.clock(w.Now()); i < 0 || wrong {
		return
	}
	fs[i].Status, fs[i].Data = authn.NotSetUp, nil
	if rapid.Bool().Draw(t, "another") {
		gone := fs[i]
		gone.ID, gone.Revision = "", 0
		w.SetFactors(a.user, slices.Delete(fs, i, i+1)...)
		w.offer(a, gone)
	} else {
		w.SetFactors(a.user, fs...)
	}
	w.tell("%s: the host takes a factor away: %d", a.user, i)
	w.revoke(a)
	w.cover["factor taken away"]++
}
