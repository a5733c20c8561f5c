package model

import (
	"slices"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// The users of the random histories.

// person is a kind of user, by factors. Those to set up first are enrolled before the
// history begins.
type person struct {
	setUp string // a type
	fs    []authn.Factor
}

// has is a factor of a type.
func has(name string, s authn.Status) authn.Factor { return authn.Factor{Type: name, Status: s} }

// must is a factor of a type that has to be enrolled.
func must(name string) authn.Factor {
	return authn.Factor{Type: name, Status: authn.NotSetUp, Required: true}
}

func with(fs ...authn.Factor) person { return person{fs: fs} }

var (
	mail     = has("email", authn.Active)
	newMail  = has("email", authn.NotSetUp)
	theApp   = has("totp", authn.Active)
	newApp   = has("totp", authn.NotSetUp)
	newCodes = has("recovery_codes", authn.NotSetUp)
	key      = has(keyType, authn.Active)
	newKey   = has(keyType, authn.NotSetUp)
	question = has(questionType, authn.Active)
	push     = has(pushType, authn.Active)
	newPush  = has(pushType, authn.NotSetUp)
	tap      = has(tapType, authn.Active)
)

// group is users of whom some factors are of a sort.
type group struct {
	name   string
	rounds int
	own    bool // they have the host's own types
	hosted bool // the host changes passwords and has gates
	people []person
}

var groups = []group{
	{"sent", 3, false, false, []person{
		with(authn.Factor{Status: authn.NotSetUp, Verified: true}),
		with(newMail),
		with(must("email"), must("email"), newMail, must("email")),
		with(newMail, must("email")),
		with(mail, mail),
		with(has("sms", authn.Active), mail, must("email")),
	}},
	{"apps", 3, false, false, []person{
		with(theApp), with(newApp), with(mail, theApp), with(theApp, mail, mail), with(mail, newApp), with(mail, must("totp")),
		with(theApp, theApp), with(must("totp"), newMail), with(theApp, mail), with(theApp, newApp),
	}},
	{"lists", 3, false, false, []person{
		{"recovery_codes", nil}, {"recovery_codes", []authn.Factor{mail}}, {"recovery_codes", []authn.Factor{theApp}}, with(newCodes), with(mail, must("recovery_codes")),
		with(theApp, newCodes), with(newApp, must("recovery_codes")), {"recovery_codes", []authn.Factor{newApp}},
	}},
	{"verified", 3, true, false, []person{
		with(key), with(key, key), with(question), with(question, key, mail), with(newKey), with(mail, must(keyType)), with(has(questionType, authn.NotSetUp)),
		with(key, newKey), with(question, question), with(mail, key), {keyType, []authn.Factor{mail}}, {questionType, nil},
	}},
	{"devices", 3, true, false, []person{
		with(push), with(push, mail), with(push, push), with(tap), with(newPush), with(mail, newPush), with(push, theApp), with(tap, question), with(push, theApp, mail), with(tap, theApp), with(push, question), with(mail, push, theApp),
		with(has(tapType, authn.NotSetUp), newMail), {pushType, nil}, with(mail, must(pushType)), with(push, tap),
	}},
	{"hosted", 3, true, true, []person{
		with(mail), with(newMail), with(theApp), with(mail, theApp), with(mail, must("totp")), with(question), with(push), {"recovery_codes", []authn.Factor{mail}}, with(theApp, newMail),
	}},
}

// odd are users who cannot sign in.
var odd = []person{with(has("sms", authn.Active)), with(mail, has("email", authn.Disabled)), with(theApp, has("email", authn.Disabled))}

// drawPerson draws a user of a group, rarely one who cannot sign in or has anything.
func (g group) drawPerson(t *rapid.T) (p person) {
	switch rapid.IntRange(0, 11).Draw(t, "user") {
	case 11:
		return rapid.SampledFrom(odd).Draw(t, "odd")
	case 9, 10:
		if g.name == "sent" {
			break
		}
		for range rapid.IntRange(1, 4).Draw(t, "factors") {
			p.fs = append(p.fs, rapid.SampledFrom([]authn.Factor{mail, newMail, theApp, newApp, newCodes, key, newKey, question, push, newPush, tap}).Draw(t, "factor"))
		}
		return p
	}
	p = rapid.SampledFrom(g.people).Draw(t, "of the group")
	p.fs = slices.Clone(p.fs)
	return p
}

// join adds a user to a world.
func (w *world) join(t *rapid.T, p person) {
	if p.setUp != "" {
		a := w.add(has(p.setUp, authn.NotSetUp))
		w.enroll(a, p.setUp)
		w.offer(a, p.fs...)
		return
	}
	w.add(p.fs...)
}

// twin is an app that shows one code in two time steps in a row: this one and the
// next.
type twin struct {
	secret string
	step   int64
}

var twins = []twin{
	{"a twin secret 061163", 59078895}, {"a twin secret 031260", 59078901}, {"a twin secret 045751", 59078916},
	{"a twin secret 026892", 59078951}, {"a twin secret 036976", 59079001},
}

// special makes an app special: in digits or period, with a secret that another one
// has, or with equal codes in a row.
func special(t *rapid.T) func(app) app {
	var last app
	return func(x app) app {
		switch rapid.IntRange(0, 6).Draw(t, "app") {
		case 0:
			x.digits = 8
		case 1:
			x.period = 60
		case 2:
			if last.period != 0 {
				x = last
			}
		case 3, 4:
			x.secret = rapid.SampledFrom(twins).Draw(t, "twin").secret
		}
		last = x
		return x
	}
}
