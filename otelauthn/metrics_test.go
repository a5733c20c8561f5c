package otelauthn_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/otelauthn"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// A sign-in, counted and timed.
func TestMetrics(t *testing.T) {
	r := newRig(t)
	a := r.do(r.begin(), authn.Challenge{Factor: "mail"})
	a = r.do(a, authn.Verify{Code: wrong(r.world.Code(user))})
	if _, err := r.svc.Do(t.Context(), a.Token, authn.Resend{}); !errors.Is(err, authn.ErrTooSoon) {
		t.Fatal(err)
	}
	r.world.Advance(20 * time.Second)
	a = r.do(a, authn.Verify{Code: r.world.Code(user)})
	if _, err := r.svc.Redeem(t.Context(), a.Session); err != nil {
		t.Fatal(err)
	}
	r.counts("authn.steps authn.refusals authn.reports authn.lockouts authn.messages authn.store.conflicts", map[string]int64{
		"authn.steps{event=primary, outcome=done, to=MFA_REQUIRED}":       1,
		"authn.steps{event=challenge, outcome=done, to=MFA_CHALLENGE}":    1,
		"authn.steps{event=verify, outcome=wrong code, to=MFA_CHALLENGE}": 1,
		"authn.steps{event=verify, outcome=done, to=SUCCESS}":             1,
		"authn.steps{event=redeem, outcome=done, to=SUCCESS}":             1,
		"authn.refusals{event=resend, refusal=too soon}":                  1,
		"authn.reports{event=signed_in}":                                  1,
		"authn.messages{channel=email, message.kind=code, result=ok}":     1,
	})
	r.counts("authn.step.duration", map[string]int64{
		"authn.step.duration{event=primary, outcome=done}":      1,
		"authn.step.duration{event=challenge, outcome=done}":    1,
		"authn.step.duration{event=verify, outcome=wrong code}": 1,
		"authn.step.duration{event=resend, outcome=refused}":    1,
		"authn.step.duration{event=verify, outcome=done}":       1,
		"authn.step.duration{event=redeem, outcome=done}":       1,
	})
	for _, op := range []struct{ port, operation, calls string }{
		{"store", "load", "load"}, {"store", "save", "save"}, {"directory", "factors", "factors"}, {"limiter", "allow", "allow"}, {"sender", "send", "send"},
	} {
		name := "authn.port.duration{operation=" + op.operation + ", port=" + op.port + ", result=ok}"
		found := r.measured()[strings.ReplaceAll(name, "result=ok", "result=not_found")]
		if got, want := found+r.measured()[name], int64(len(r.world.Calls(authntest.Port(op.calls)))); got != want || want == 0 {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

// What should stay at zero is exported at zero.
func TestZeros(t *testing.T) {
	r := newRig(t)
	got := slices.Sorted(maps.Keys(r.measured()))
	want := []string{
		"authn.lockouts{lockout.cause=account exhausted}", "authn.lockouts{lockout.cause=factor exhausted}", "authn.lockouts{lockout.cause=transaction exhausted}",
		"authn.reports{event=factor_disabled}", "authn.reports{event=factor_unusable}", "authn.store.conflicts{}", "authn.tended{tended.kind=unreadable}",
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s is not exported", name)
		}
	}
	for name, n := range r.measured() {
		if n != 0 {
			t.Errorf("%s is %d before anything happened", name, n)
		}
	}
}

// Saves that lose to another are counted, whoever it was.
func TestConflicts(t *testing.T) {
	r := newRig(t)
	a := r.begin()
	r.world.FailOnce(authntest.Save, authntest.Fault{Err: authn.ErrConflict})
	r.world.FailOnce(authntest.Save, authntest.Fault{Err: authn.ErrConflict})
	r.told()
	r.do(a, authn.Challenge{Factor: "mail"})
	r.counts("authn.store.conflicts", map[string]int64{"authn.store.conflicts{}": 2})
	var results []string
	for _, s := range r.told() {
		if s.Name == "authn.store.save" {
			results = append(results, texts(s.Attributes)["authn.result"])
			if s.Status.Code == codes.Error || (len(results) < 3) != (results[len(results)-1] == "conflict") {
				t.Errorf("save %d: %v %v", len(results), s.Attributes, s.Status)
			}
		}
	}
	if len(results) != 4 { // two are lost, one is the step, one acknowledges the message
		t.Errorf("saves: %v", results)
	}
}

// Messages are counted by what became of the attempt.
func TestMessages(t *testing.T) {
	for result, fault := range map[string]authntest.Fault{
		"undeliverable": {Err: authn.ErrUndeliverable}, "failed": {Err: authntest.ErrDown}, "panic": {Panic: "boom"}, "timeout": {Err: context.DeadlineExceeded},
	} {
		r := newRig(t)
		a := r.begin()
		r.world.Fail(authntest.Send, fault)
		r.do(a, authn.Challenge{Factor: "mail"})
		r.counts("authn.messages", map[string]int64{"authn.messages{channel=email, message.kind=code, result=" + result + "}": 1})
	}
	r := newRig(t)
	cfg := r.wrappedPorts(new(port))
	for _, kind := range []authn.MessageKind{authn.LockedMessage, "ada@mail.example"} {
		if err := cfg.Senders["sms"].Send(t.Context(), authn.Message{Kind: kind, Channel: "another"}); err != nil {
			t.Fatal(err)
		}
	}
	r.counts("authn.messages", map[string]int64{
		"authn.messages{channel=sms, message.kind=account_locked, result=ok}": 1, "authn.messages{channel=sms, message.kind=_OTHER, result=ok}": 1,
	})
}

// What is repeated until it is taken is counted once.
func TestReports(t *testing.T) {
	r := newRig(t)
	p := &port{err: errors.New("down")}
	cfg := r.wrappedPorts(p)
	repeated := authn.AuditEvent{Event: authn.EventFactorDisabled, Key: "key"}
	if err := cfg.Auditor.Audit(t.Context(), repeated); err != p.err {
		t.Fatal(err)
	}
	r.counts("authn.reports", map[string]int64{})
	p.err = nil
	if err := cfg.Auditor.Audit(t.Context(), repeated); err != nil {
		t.Fatal(err)
	}
	r.counts("authn.reports", map[string]int64{"authn.reports{event=factor_disabled}": 1})
	p.err = errors.New("down")
	if err := cfg.Auditor.Audit(t.Context(), authn.AuditEvent{Event: authn.EventRevoke}); err != p.err {
		t.Fatal(err)
	}
	r.counts("authn.reports", map[string]int64{"authn.reports{event=factor_disabled}": 1, "authn.reports{event=revoke}": 1})
}

// badMeter makes no instrument.
type badMeter struct{ noop.MeterProvider }

type badInstruments struct{ noop.Meter }

var errMeter = errors.New("no such instrument")

func (badMeter) Meter(string, ...metric.MeterOption) metric.Meter { return badInstruments{} }

func (badInstruments) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return noop.Int64Counter{}, errMeter
}

func TestNew(t *testing.T) {
	if tel, err := otelauthn.New(otelauthn.Config{MeterProvider: badMeter{}}); !errors.Is(err, errMeter) || tel != nil {
		t.Errorf("%v %v", tel, err)
	}
	reader := sdkmetric.NewManualReader()
	was := otel.GetMeterProvider()
	defer otel.SetMeterProvider(was)
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if _, err := otelauthn.New(otelauthn.Config{}); err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, reader: reader}
	if len(r.measured()) == 0 {
		t.Error("the providers of package otel are not the default")
	}
}

// One Telemetry serves many services and goroutines.
func TestConcurrent(t *testing.T) {
	r := newRig(t)
	const n = 8
	var wg sync.WaitGroup
	for i := range n {
		name := strings.Repeat("u", i+1)
		r.world.SetFactors(name, authntest.Mail(name+"@mail.example", authn.Active))
		wg.Go(func() {
			a, err := r.svc.Begin(t.Context(), authn.Login{User: name})
			if err == nil {
				a, err = r.svc.Do(t.Context(), a.Token, authn.Challenge{Factor: "mail"})
			}
			if err == nil {
				_, err = r.svc.Do(t.Context(), a.Token, authn.Verify{Code: r.world.Code(name)})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := r.measured()["authn.steps{event=verify, outcome=done, to=SUCCESS}"]; got != n {
		t.Errorf("%d sign-ins, want %d", got, n)
	}
	steps := 0
	for _, s := range r.told() {
		if a := texts(s.Attributes); s.Name == "authn.step" && a["authn.event"] == "verify" && a["authn.from"] == "MFA_CHALLENGE" {
			steps++
		}
	}
	if steps != n {
		t.Errorf("%d spans, want %d", steps, n)
	}
}
