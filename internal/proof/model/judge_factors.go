package model

import (
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// Compare what an answer has of factors with the oracle, and learn what only the
// answer reveals.

// compareFactors compares the factors to choose from: A1 for each of them.
func (w *world) compareFactors(v view, ans *authn.Answer) {
	w.t.Helper()
	var got []choice
	for _, f := range ans.Factors {
		got = append(got, choice{f.ID, f.Status, f.At})
	}
	if !slices.EqualFunc(got, v.factors, func(a, b choice) bool { return a.id == b.id && a.status == b.status && a.at.Equal(b.at) }) {
		w.failf("factors to choose from in %s: %+v; the oracle says %+v", v.state, got, v.factors)
	}
}

// comparePrompt compares what the client is shown of the factor at hand, and keeps
// it. What was shown once is shown again as long as the challenge lasts.
func (w *world) comparePrompt(a *account, tx int, v view, ans *authn.Answer) {
	w.t.Helper()
	p, got := v.prompt, ans.Prompt
	has := prompt{
		puzzle: p.puzzle, secret: got.Secret != "" && got.URI != "", codes: len(got.Codes) == 10, number: got.Number != "", pairing: got.Pairing != "",
		responded: len(got.Options) > 0, left: got.Left, replied: got.Replied,
	}
	if w.mute {
		p.responded = false
	}
	if has != p || (got.Secret == "") != (got.URI == "") || (len(got.Codes) > 0) != has.codes {
		w.failf("prompt in %s has %+v; the oracle says %+v", v.state, has, p)
	}
	if p.puzzle == nil {
		return
	}
	if p.secret {
		w.learnApp(a, p.puzzle, got)
	}
	if p.codes {
		var codes []string
		for _, c := range got.Codes {
			text, _ := bare(string(c))
			codes = append(codes, text)
		}
		if p.puzzle.codes != nil && !slices.Equal(p.puzzle.codes, codes) {
			w.failf("another list of recovery codes is shown")
		}
		if p.puzzle.codes == nil {
			w.isNew(codes...)
			p.puzzle.codes = codes
			a.hide(codes...)
		}
	}
	if p.responded && p.puzzle.options == "" {
		w.isNew(string(got.Options))
	}
	w.keep(&p.puzzle.options, string(got.Options), p.responded)
	w.keep(&p.puzzle.number, got.Number, p.number)
	if p.pairing && p.puzzle.approval == "" {
		p.puzzle.approval = string(got.Pairing)
		w.learnToken(a, tx, p.puzzle)
	}
	w.keep(&p.puzzle.approval, string(got.Pairing), p.pairing)
}

// isNew checks S30: a secret or a challenge was never shown for another challenge.
func (w *world) isNew(texts ...string) {
	w.t.Helper()
	for _, s := range texts {
		if w.keys[s] {
			w.failf("S30: two challenges have one secret, code, or prompt")
		}
		w.keys[s] = true
	}
}

// keep keeps what is shown; if it was shown before, it is the same.
func (w *world) keep(what *string, shown string, is bool) {
	w.t.Helper()
	switch {
	case !is:
	case *what == "":
		*what = shown
	case *what != shown:
		w.failf("another prompt is shown for one challenge: %q, then %q", *what, shown)
	}
}

// learnApp keeps the secret of an app that is enrolled.
func (w *world) learnApp(a *account, p *puzzle, got authn.Prompt) {
	w.t.Helper()
	u, err := url.Parse(string(got.URI))
	secret, err2 := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(got.Secret))
	if err != nil || err2 != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Query().Get("secret") != string(got.Secret) || u.Query().Get("issuer") != "authntest" || len(secret) < 20 {
		w.failf("the secret of an app: %v, %v, %d bytes, or its URI does not fit", err, err2, len(secret))
	}
	shown := app{string(secret), 6, 30}
	if p.app != nil && *p.app != shown {
		w.failf("another secret is shown for one challenge")
	}
	if p.app == nil {
		w.isNew(shown.secret)
		p.app = &shown
		a.hide(string(got.Secret))
	}
}

func (a *account) hide(secrets ...string) { a.hidden = append(a.hidden, secrets...) }

// hides checks H3: no answer and no error has the secret of an app, a recovery code or
// data, but that of the transaction in which a factor is being enrolled.
func (w *world) hides(a *account, tx int, ans *authn.Answer, err error) {
	w.t.Helper()
	var all strings.Builder
	collect(&all, reflect.ValueOf(ans))
	if err != nil {
		all.WriteString(err.Error())
	}
	text := strings.ReplaceAll(all.String(), "-", "")
	var p *puzzle
	if tx >= 0 && tx < len(a.tickets) && a.o.state(tx) == stateActivate {
		k, _ := a.o.kept(tx)
		p = k.puzzle
	}
	for _, s := range a.hidden {
		shown := p != nil && (slices.Contains(p.codes, s) || p.app != nil && s == base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(p.app.secret)))
		if !shown && strings.Contains(text, strings.ReplaceAll(s, "-", "")) {
			w.failf("H3: an answer in %s has a secret of the user", a.o.state(max(tx, 0)))
		}
	}
	if ans == nil {
		return
	}
	for _, f := range append(slices.Clone(ans.Factors), ans.Factor) {
		if len(f.Data) > 0 || f.Revision != 0 {
			w.failf("H3: an answer has the data of %s", f.ID)
		}
	}
}

// collect writes all texts in a value.
func collect(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		b.WriteString(v.String())
		b.WriteByte('\n')
	case reflect.Pointer:
		if !v.IsNil() {
			collect(b, v.Elem())
		}
	case reflect.Struct:
		if v.Type().PkgPath() == "time" {
			return
		}
		for i := range v.NumField() {
			collect(b, v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b.Write(v.Bytes())
			b.WriteByte('\n')
			return
		}
		for i := range v.Len() {
			collect(b, v.Index(i))
		}
	}
}

// compareDevice checks what another device is told: the user, the factor and the
// state; no token and no prompt.
func (w *world) compareDevice(a *account, tx int, ans *authn.Answer, want want) {
	w.t.Helper()
	bare := authn.Answer{State: ans.State, Outcome: ans.Outcome, User: a.user, Factor: ans.Factor, Expires: ans.Expires, Now: ans.Now}
	hand, _ := a.o.hand(tx)
	if !reflect.DeepEqual(*ans, bare) || ans.State == want.state && want.state != stateLocked && ans.Factor.ID != hand {
		w.failf("S29: a device is told %+v", *ans)
	}
}

// way names the way by which a code, a response or the answer of a device comes, and
// for which type; "" for other events.
func (a *account) way(c call) string {
	switch state := a.o.state(c.tx); {
	case c.event == "respond":
		_, name := a.o.hand(c.tx)
		return name + " respond"
	case c.event == "verify" && state == stateRequired:
		return a.o.kindOf(c.factor) + " direct"
	case c.event == "verify" && state == stateChallenge, c.event == "activate" && state == stateActivate:
		_, name := a.o.hand(c.tx)
		return name + " " + c.event
	}
	return ""
}

// unavailable reports whether an error is no verdict.
func unavailable(err error) bool { return errors.Is(err, authn.ErrUnavailable) }

// judgeOnce checks S26 and S27 once more, whatever the oracle says: no time step of an
// app and no recovery code signs in twice, unless a clock was wrong meanwhile.
func (w *world) judgeOnce(a *account, want want) {
	w.t.Helper()
	for _, f := range want.facts {
		if f.what != accepted || f.by.event != "verify" && f.app == nil {
			continue
		}
		var what string
		switch {
		case f.app != nil:
			what = fmt.Sprintf("%s %d %d", f.app.secret, f.app.period, f.step)
		case f.kind == authn.RecoveryCodes:
			what, _ = bare(f.by.code)
		default:
			continue
		}
		if a.once[what] {
			w.failf("S26, S27: a code of %s signs in twice", f.factor)
		}
		a.once[what] = true
	}
}
