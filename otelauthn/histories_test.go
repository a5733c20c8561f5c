package otelauthn_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/otelauthn"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A history is a random sign-in of a random user, with faults of ports.
type history struct {
	*rig
	rnd     *rand.Rand
	secrets []string // whatever must not be exported
}

func (h *history) run(i int) {
	name := fmt.Sprintf("user-%d-%d@users.example", i, h.rnd.Uint64())
	mail := authntest.Mail(strings.Replace(name, "users", "mail", 1), authn.Status(1+h.rnd.IntN(3)))
	mail.ID = fmt.Sprintf("factor-%d", h.rnd.Uint64())
	odd := authn.Factor{ID: "odd-" + mail.ID, Type: fmt.Sprintf("t%d", h.rnd.Uint64()), Status: authn.NotSetUp}
	app := authn.Factor{ID: "app-" + mail.ID, Type: authn.TOTP, Address: "app of " + name, Status: authn.NotSetUp}
	h.world.SetFactors(name, mail, odd, app)
	h.secrets = append(h.secrets, name, mail.Address, mail.ID, odd.Type, "app of")
	a, err := h.svc.Begin(h.Context(), authn.Login{User: name, Require: authn.Requirement(h.rnd.IntN(3)), Purpose: "purpose of " + name})
	for range 1 + h.rnd.IntN(12) {
		if a == nil {
			break
		}
		h.keep(string(a.Token), string(a.Session), string(a.Prompt.Secret))
		b, e := h.svc.Do(h.Context(), a.Token, h.event(name, mail.ID, app.ID))
		if b != nil {
			a = b
		}
		err = e
		h.world.Advance(time.Duration(h.rnd.IntN(120)) * time.Second)
		if h.fault(name); h.rnd.IntN(9) == 0 {
			h.svc.Tend(h.Context())
		}
	}
	if a != nil && a.Session != "" {
		h.keep(string(a.Session))
		_, err = h.svc.Redeem(h.Context(), a.Session)
	}
	switch h.rnd.IntN(9) {
	case 0:
		err = h.svc.Reinstate(h.Context(), name, "the reason of "+name)
	case 1:
		err = h.svc.Erase(h.Context(), name)
	}
	_ = err // whatever it was: all that counts is what is exported
	for _, m := range h.world.Messages(name) {
		h.keep(string(m.Code))
	}
}

func (h *history) keep(secrets ...string) {
	for _, s := range secrets {
		if s != "" {
			h.secrets = append(h.secrets, s)
		}
	}
}

func (h *history) event(name, mail, app string) authn.Event {
	code := authn.Code("123456789012")
	if sent := h.world.Messages(name); len(sent) > 0 && h.rnd.IntN(2) == 0 {
		code = sent[len(sent)-1].Code
	}
	events := []authn.Event{
		authn.Challenge{Factor: mail}, authn.Challenge{Factor: mail}, authn.Verify{Code: code}, authn.Verify{Code: code}, authn.Verify{Factor: app, Code: code},
		authn.Enroll{Type: authn.Email}, authn.Enroll{Type: authn.TOTP}, authn.Activate{Code: code}, authn.Resend{}, authn.Previous{}, authn.Skip{}, authn.Cancel{},
		authn.Challenge{Factor: "unknown-" + mail}, authn.Verify{Code: "code of " + authn.Code(name)}, nil,
	}
	ev := events[h.rnd.IntN(len(events))]
	if ev != nil && h.rnd.IntN(3) == 0 {
		ev = authn.WithKey("key of "+name[:8], ev)
	}
	return ev
}

// fault lets a port fail once, in words that nobody may read.
func (h *history) fault(name string) {
	ports := []authntest.Port{authntest.Load, authntest.Save, authntest.Send, authntest.Factors, authntest.Activated, authntest.Audit, authntest.Allow, authntest.Due}
	f := authntest.Fault{Err: fmt.Errorf("550 no mailbox for %s", name)}
	switch h.rnd.IntN(20) {
	case 0:
	case 1:
		f = authntest.Fault{Panic: "panic about " + name}
	case 2:
		f = authntest.Fault{Err: fmt.Errorf("%w: %s", authn.ErrUndeliverable, name)}
	case 3:
		f = authntest.Fault{Err: fmt.Errorf("%w: %s", authn.ErrConflict, name)}
	default:
		return
	}
	h.world.FailOnce(ports[h.rnd.IntN(len(ports))], f)
}

// names are parts of everything that names a user, whoever it is.
var names = []string{"users.example", "mail.example", "reason of", "purpose of", "key of", "no mailbox", "panic about", "app of", "123456789012"}

// silent searches for secrets in what was exported.
func (h *history) silent(exported string, secrets []string) {
	h.Helper()
	for _, secret := range append(secrets, names...) {
		if i := strings.Index(exported, secret); i >= 0 {
			h.Fatalf("%q is exported: …%s…", secret, exported[max(0, i-300):min(len(exported), i+100)])
		}
	}
}

// A thousand histories of as many users leave few series, and nothing that is
// exported, by a span, a metric or a record, has a secret or names anybody.
func TestHistories(t *testing.T) {
	const n = 1000
	var log bytes.Buffer
	r := newRig(t, func(c *authn.Config) {
		c.Auditor = otelauthn.OCSF(slog.NewJSONHandler(&log, nil), c.Auditor)
		c.Policy = authn.Policy{LockEvery: 3, Digits: 12} // a shorter code is found in any time
	})
	h := history{rig: r, rnd: rand.New(rand.NewPCG(1, 2))}
	seen, records := map[string]bool{}, 0
	for i := range n {
		old := len(h.secrets)
		h.run(i)
		var exported strings.Builder
		for _, s := range r.told() {
			seen[s.Name] = true
			fmt.Fprintf(&exported, "%s %v %v %v %v %v\n", s.Name, s.Attributes, s.Events, s.Status, s.Links, s.Resource)
		}
		records += bytes.Count(log.Bytes(), []byte("\n"))
		exported.Write(log.Bytes())
		log.Reset()
		h.silent(exported.String(), h.secrets[old:])
	}
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	h.silent(string(text), h.secrets)

	got := r.measured()
	if len(got) > 400 {
		t.Errorf("%d series", len(got))
	}
	kinds := map[string]int{}
	for name := range got {
		name, _, _ = strings.Cut(name, "{")
		kinds[name]++
	}
	t.Logf("%d series, %d records, %d secrets: %v", len(got), records, len(h.secrets), kinds)
	if kinds["authn.steps"] < 15 || kinds["authn.refusals"] < 10 || kinds["authn.port.duration"] < 15 || kinds["authn.signin.duration"] < 1 || !seen["authn.directory.activated"] || records < 2*n {
		t.Errorf("the histories do too little: %v, spans %v, %d records", kinds, seen, records)
	}
}

// Words that nobody knows make no series of their own.
func TestForeignWords(t *testing.T) {
	r := newRig(t)
	cfg := r.wrappedPorts(new(port))
	before := len(r.measured())
	for i := range 1000 {
		word := fmt.Sprintf("word-%d@mail.example", i)
		for _, e := range []authn.AuditEvent{
			{Event: authn.EventName(word), From: authn.State(word), To: authn.State(word), Outcome: authn.Outcome(word), Type: word, Guard: word},
			{Event: authn.EventName(word), Err: word}, {Event: authn.EventName(word), To: authn.LockedOut, Guard: word},
		} {
			if err := cfg.Auditor.Audit(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := cfg.Mailer.Send(t.Context(), authn.Message{Kind: authn.MessageKind(word), Channel: word}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.measured()) - before; n > 8 {
		t.Errorf("%d series more", n)
	}
}

// The states of the hosts are known by their configurations.
func TestGates(t *testing.T) {
	r := newRig(t)
	cfg := r.wrappedPorts(new(port))
	ctx, span := r.traces.Tracer("test").Start(t.Context(), "request")
	for _, to := range []authn.State{"TERMS", "OTHER_TERMS", authn.OtherGate} {
		if err := cfg.Auditor.Audit(ctx, authn.AuditEvent{Event: authn.EventPass, From: to, To: to}); err != nil {
			t.Fatal(err)
		}
	}
	span.End()
	r.counts("authn.steps", map[string]int64{
		"authn.steps{event=pass, outcome=done, to=TERMS}": 1, "authn.steps{event=pass, outcome=done, to=_OTHER}": 1, "authn.steps{event=pass, outcome=done, to=GATE}": 1,
	})
	request, _ := r.last("request")
	for i, want := range []string{"TERMS", "_OTHER", "GATE"} {
		if attrs := texts(request.Events[i].Attributes); attrs["authn.from"] != want || attrs["authn.to"] != want {
			t.Errorf("%v, want %s", attrs, want)
		}
	}
}
