// Package script plays scripts. A line of a script is an action of a browser,
// the host, the mailer or the clock, followed by the answer of the service. The
// recorded paths and the scenarios of internal/proof are scripts.
package script

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// A Stage is the environment of one script: a service in a world, and browser
// tabs.
type Stage struct {
	world   *authntest.World // its journal has the calls of the current line
	policy  authn.Policy
	keys    []authn.Key
	service *authn.Service
	wait    time.Duration // for which the limiter asks
	inputs  inputs
	device  authn.Secret    // the last one that was remembered
	seen    map[string]bool // keys of all messages
	tabs    []*tab
	at      int // the newest tab, from 1
}

// tab is one browser tab with what it knows.
type tab struct {
	token   authn.StateToken
	session authn.SessionToken
	codes   []authn.Code // mailed for it
	shown   []string     // lines of its last answer
}

// last returns the code that was mailed last.
func (b *tab) last() authn.Code {
	if len(b.codes) == 0 {
		return "000000"
	}
	return b.codes[len(b.codes)-1]
}

// New returns a stage on an empty store, with the default policy and an empty
// directory.
func New(s authn.Store) *Stage {
	st := &Stage{world: &authntest.World{Base: s}, keys: []authn.Key{ring[0]}, seen: map[string]bool{}}
	st.world.Plan = st.limit
	return st
}

// ring has the available keys, by ID from 1.
var ring = []authn.Key{
	{ID: 1, Secret: []byte("first key of scripts 0123456789abcdef")},
	{ID: 2, Secret: []byte("second key of scripts 0123456789abcde")},
}

// open opens a service on the store if there is none.
func (s *Stage) open() error {
	if s.service != nil {
		return nil
	}
	cfg := s.world.Config()
	cfg.Keys, cfg.Policy, cfg.Auditor = s.keys, s.policy, nil
	s.inputs.config(&cfg)
	var err error
	s.service, err = authn.New(cfg)
	return err
}

// Run plays one line and returns its result. An error means that the line
// cannot be played.
func (s *Stage) Run(ctx context.Context, line string) (Reply, error) {
	s.world.Forget()
	n := s.at
	if rest, ok := strings.CutPrefix(line, "tab "); ok {
		no, cmd, _ := strings.Cut(rest, ": ")
		var err error
		if n, err = strconv.Atoi(no); err != nil {
			return Reply{}, fmt.Errorf("%q: %w", line, err)
		}
		line = cmd
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return Reply{}, fmt.Errorf("%q: unknown command", line)
	}
	if known, err := s.set(line, words); known || err != nil {
		return Reply{}, err
	}
	if err := s.open(); err != nil {
		return Reply{}, err
	}
	b := &tab{token: "unknown"}
	begins := words[0] == "begin" || words[0] == "claim"
	if !begins && n >= 1 && n <= len(s.tabs) {
		b = s.tabs[n-1]
	}
	r, err := s.call(ctx, b, words)
	if begins && r.answer != nil {
		s.tabs = append(s.tabs, b)
		s.at = len(s.tabs)
	}
	return r, err
}

// call calls the service for a browser or the host.
func (s *Stage) call(ctx context.Context, b *tab, words []string) (r Reply, err error) {
	r.Brief = "nothing"
	done := make(chan struct{})
	go func() { // the mailer may end this goroutine
		defer close(done)
		if slices.Contains(hostCommands, words[0]) {
			r = s.host(ctx, words)
		} else {
			r, err = s.client(ctx, b, words)
		}
	}()
	<-done
	if r.Brief == "nothing" { // the process ended: open another service
		s.service = nil
	}
	b.learn(r.answer, s.world.Calls(authntest.Send))
	if r.answer != nil && r.answer.Device != "" {
		s.device = r.answer.Device
	}
	b.show(&r)
	return s.noticed(r), err
}

// learn stores the answer and the codes that a browser gets.
func (b *tab) learn(a *authn.Answer, mails []authntest.Call) {
	for _, c := range mails {
		if m := c.Message; m.Kind == authn.CodeMessage && b.last() != m.Code {
			b.codes = append(b.codes, m.Code)
		}
	}
	if a != nil && a.Token != "" {
		b.token = a.Token
	}
	if a != nil && a.Session != "" {
		b.session = a.Session
	}
}

// show removes lines from a reply that the last answer had too.
func (b *tab) show(r *Reply) {
	all := r.Lines
	r.Lines = slices.DeleteFunc(slices.Clone(all), func(l string) bool { return slices.Contains(b.shown, l) })
	if r.answer != nil {
		b.shown = all
	}
}

// set changes the environment of the service. known is false if the line does
// something else.
func (s *Stage) set(line string, words []string) (known bool, err error) {
	what := words[len(words)-1]
	switch words[0] {
	case "wait", "clock":
		d, err := time.ParseDuration(what)
		if words[0] == "clock" {
			d = -d
		}
		s.world.Advance(d)
		return true, err
	case "policy":
		s.service = nil
		s.policy, err = readPolicy(words[1:])
	case "keys":
		s.service, s.keys = nil, nil
		for _, w := range words[1:] {
			s.keys = append(s.keys, ring[w[0]-'1'])
		}
	case "restart":
		s.service = nil
	case "user":
		name, list, _ := strings.Cut(strings.TrimPrefix(line, "user "), ":")
		err = s.user(name, list)
	case "gates":
		s.service, s.inputs.gates = nil, statesOf(words[1:])
	case "names":
		s.inputs.names = words[1:]
	case "question":
		s.inputs.question = what != "nothing"
	case "needs":
		s.inputs.needs = statesOf(words[1:])
	case "limiter":
		s.wait, err = time.ParseDuration(what)
	case "mailer", "directory", "store":
		err = s.mode(words[0], what)
	default:
		return false, nil
	}
	return true, err
}

var hostCommands = []string{"tend", "revoke", "reinstate", "erase"}

// host performs an action of the host for a user, by default ada.
func (s *Stage) host(ctx context.Context, words []string) Reply {
	user := append(words, "ada")[1]
	switch words[0] {
	case "revoke":
		return told("ok", s.service.Revoke(ctx, user))
	case "reinstate":
		return told("ok", s.service.Reinstate(ctx, user, "asked for"))
	case "erase":
		return told("ok", s.service.Erase(ctx, user))
	}
	did, err := s.service.Tend(ctx)
	r := told("ok", err)
	for _, x := range []struct {
		n    int
		what string
	}{{did.Records, "records due"}, {did.Ended, "transactions ended"}, {did.Delivered, "effects delivered"}, {did.Deleted, "records deleted"}} {
		if x.n > 0 {
			r.Lines = append(r.Lines, fmt.Sprintf("%s: %d", x.what, x.n))
		}
	}
	return r
}

// client performs an action of a browser.
func (s *Stage) client(ctx context.Context, b *tab, words []string) (Reply, error) {
	switch words[0] {
	case "begin":
		l := authn.Login{User: "ada"}
		for i, w := range words {
			switch w {
			case "if-active":
				l.Require = authn.RequireIfActive
			case "password-only":
				l.Require = authn.RequireNothing
			case "as":
				l.User = append(words, "")[i+1]
			case "device":
				l.Device = s.device
			case "afresh":
				l.Fresh = true
			default:
				if l.Password = max(l.Password, statuses[w]); l.Password == authn.PasswordExpiresSoon {
					l.PasswordExpires = s.world.Now().Add(expiring)
				}
			}
		}
		return answered(s.service.Begin(ctx, l)), nil
	case "claim":
		c := authn.Claim{Name: append(words, "")[1], Require: authn.RequireIfActive}
		if what := words[len(words)-1]; len(words) > 2 && what != "strictly" {
			c.For, c.Require = authn.Purpose(what), authn.RequireFactor
		} else if what == "strictly" {
			c.Require = authn.RequireFactor
		}
		return s.settled(ctx)(s.service.Claim(ctx, c)), nil
	case "status":
		return answered(s.service.Status(ctx, b.token)), nil
	case "redeem":
		return redeemed(s.service.Redeem(ctx, b.session)), nil
	}
	ev, err := s.event(b, words)
	if err != nil {
		return Reply{}, err
	}
	return s.settled(ctx)(s.service.Do(ctx, b.token, ev)), nil
}

// settled is answered, after what follows an answer was done.
func (s *Stage) settled(ctx context.Context) func(*authn.Answer, error) Reply {
	return func(a *authn.Answer, err error) Reply {
		if err := s.service.Wait(ctx); err != nil {
			return told("", err)
		}
		return answered(a, err)
	}
}

// event reads "verify wrong for mail once k1".
func (s *Stage) event(b *tab, words []string) (authn.Event, error) {
	var factor string
	var code authn.Code
	arg := append(words, "")[1]
	switch words[0] {
	case "change_password", "reset_password", "pass", "answer":
		return s.input(words)
	case "enroll", "challenge":
		factor = arg
	case "verify", "activate":
		var err error
		if code, err = s.code(b, arg, append(words, "", "")[2]); err != nil {
			return nil, err
		}
	}
	if i := slices.Index(words, "for"); i > 0 {
		factor = append(words, "")[i+1]
	}
	ev, err := authn.ParseEvent(words[0], authn.Fields{Factor: factor, Code: code, Remember: slices.Contains(words, "remember")})
	if i := slices.Index(words, "once"); i > 0 && err == nil {
		key := "key"
		if i+1 < len(words) {
			key = words[i+1]
		}
		ev = authn.WithKey(key, ev)
	}
	return ev, err
}

// code returns the code that the user types.
func (s *Stage) code(b *tab, kind, n string) (authn.Code, error) {
	right := b.last()
	switch kind {
	case "right":
		return right, nil
	case "code": // by its generation
		if i, err := strconv.Atoi(n); err == nil && i >= 1 && i <= len(b.codes) {
			return b.codes[i-1], nil
		}
	case "old":
		if i := len(b.codes) - 2; i >= 0 {
			return b.codes[i], nil
		}
	case "wrong":
		return turned(right, 1), nil
	case "another":
		for _, o := range s.tabs {
			if o != b && len(o.codes) > 0 && o.last() != right {
				return o.last(), nil
			}
		}
		return turned(right, 2), nil
	case "long":
		return right + "0", nil
	case "short":
		return right[1:], nil
	case "spaced":
		return " " + right[:3] + "-" + right[3:] + "\r\n", nil
	case "letters":
		return "l" + right[1:], nil
	}
	return "", fmt.Errorf("there is no code %q %s", kind, n)
}

// turned returns the code with another first digit.
func turned(code authn.Code, by byte) authn.Code {
	return authn.Code('0'+(code[0]-'0'+by)%10) + code[1:]
}
