package otelauthn_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

// port is every port at once. It returns what the test says and notes what it gets.
type port struct {
	err  error
	call func()
	got  []any
	ctx  context.Context
}

func (p *port) note(ctx context.Context, got ...any) error {
	p.ctx, p.got = ctx, got
	if p.call != nil {
		p.call()
	}
	return p.err
}

var (
	record = authn.Record{Value: []byte("value"), Version: 7}
	factor = authn.Factor{ID: "f", Type: "t"}
	now    = time.Unix(1.9e9, 0)
)

func (p *port) Load(ctx context.Context, key string) (authn.Record, error) {
	return record, p.note(ctx, key)
}
func (p *port) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	return p.note(ctx, key, old, r)
}
func (p *port) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return []string{"key"}, p.note(ctx, before, limit)
}
func (p *port) Send(ctx context.Context, m authn.Message) error { return p.note(ctx, m) }
func (p *port) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{factor}, p.note(ctx, user)
}
func (p *port) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	return p.note(ctx, key, user, f)
}
func (p *port) Contacts(ctx context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{factor}, p.note(ctx, user)
}
func (p *port) Allow(ctx context.Context, a authn.Attempt) (time.Time, error) {
	return now, p.note(ctx, a)
}
func (p *port) Audit(ctx context.Context, e authn.AuditEvent) error { return p.note(ctx, e) }
func (p *port) Now(ctx context.Context) (time.Time, error)          { return now, p.note(ctx) }
func (p *port) Keys(context.Context) iter.Seq2[string, error]       { return nil }
func (p *port) Needed(ctx context.Context, user string) (bool, error) {
	return true, p.note(ctx, user)
}
func (p *port) Passed(ctx context.Context, c authn.Change) error { return p.note(ctx, c) }
func (p *port) Prompt(ctx context.Context, c authn.Check) ([]byte, error) {
	return []byte("prompt"), p.note(ctx, c)
}
func (p *port) Verify(ctx context.Context, c authn.Check) (authn.Verdict, error) {
	return authn.Verdict{Right: true}, p.note(ctx, c)
}

// gate and secrets are the same port where methods have the names of others.
type (
	gate    struct{ *port }
	secrets struct{ p *port }
)

func (g gate) Check(ctx context.Context, in authn.GateInput) (authn.Verdict, error) {
	return authn.Verdict{Denied: true}, g.note(ctx, in)
}
func (s secrets) Check(ctx context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	return authn.Verdict{Rejected: true}, s.p.note(ctx, in)
}
func (s secrets) Store(ctx context.Context, c authn.Change) error { return s.p.note(ctx, c) }
func (s secrets) Unlock(ctx context.Context, key, user string) error {
	return s.p.note(ctx, key, user)
}

type asked struct{ *port }

func (a asked) Question(ctx context.Context, user string) (string, error) {
	return "a question", a.note(ctx, user)
}
func (a asked) Check(ctx context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	return authn.Verdict{Right: true}, a.note(ctx, in)
}
func (p *port) Find(ctx context.Context, c authn.Claimed) (authn.Subject, error) {
	return authn.Subject{User: "u"}, p.note(ctx, c)
}

// named is a Verifier whose responses name their user.
type named struct{ authn.Verifier }

func (named) Handle(response []byte) string { return "handle of " + string(response) }
func (named) HandleOf(data []byte) string   { return "kept " + string(data) }

// ports is a configuration with p as each port.
func ports(p *port) authn.Config {
	return authn.Config{
		Store: p, Mailer: p, Directory: p, Auditor: p, Limiter: p, Senders: map[string]authn.Sender{"sms": p},
		Passwords: secrets{p}, Questions: asked{p}, Gates: []authn.Gate{{State: "TERMS", Keeper: gate{p}}}, Types: []authn.FactorType{{Name: "t", Verifier: p}},
	}
}

// wrappedPorts are the ports of a configuration with p as each of them.
func (r *rig) wrappedPorts(p *port) authn.Config {
	return r.tel.Ports(ports(p))
}

// calls are calls of every method of every port: what goes in, and what comes out.
func calls(ctx context.Context, c authn.Config) map[string]func() (in []any, out any, err error) {
	m, e, k := authn.Message{Key: "k", Code: "123456"}, authn.AuditEvent{Event: "verify"}, authn.Check{User: "u"}
	return map[string]func() ([]any, any, error){
		"Load": func() ([]any, any, error) { r, err := c.Store.Load(ctx, "k"); return []any{"k"}, r, err },
		"Save": func() ([]any, any, error) {
			return []any{"k", uint64(3), record}, nil, c.Store.Save(ctx, "k", 3, record)
		},
		"Due": func() ([]any, any, error) {
			ks, err := c.Store.(authn.Sweeper).Due(ctx, now, 5)
			return []any{now, 5}, ks, err
		},
		"Mailer":  func() ([]any, any, error) { return []any{m}, nil, c.Mailer.Send(ctx, m) },
		"Sender":  func() ([]any, any, error) { return []any{m}, nil, c.Senders["sms"].Send(ctx, m) },
		"Factors": func() ([]any, any, error) { fs, err := c.Directory.Factors(ctx, "u"); return []any{"u"}, fs, err },
		"Activated": func() ([]any, any, error) {
			return []any{"k", "u", factor}, nil, c.Directory.Activated(ctx, "k", "u", factor)
		},
		"Contacts": func() ([]any, any, error) {
			fs, err := c.Directory.(authn.Contacts).Contacts(ctx, "u")
			return []any{"u"}, fs, err
		},
		"Find": func() ([]any, any, error) {
			s, err := c.Directory.(authn.Finder).Find(ctx, authn.Claimed{Name: "n"})
			return []any{authn.Claimed{Name: "n"}}, s, err
		},
		"Unlock": func() ([]any, any, error) {
			return []any{"k", "u"}, nil, c.Passwords.(authn.Unlocker).Unlock(ctx, "k", "u")
		},
		"Question": func() ([]any, any, error) {
			q, err := c.Questions.Question(ctx, "u")
			return []any{"u"}, q, err
		},
		"Reply": func() ([]any, any, error) {
			v, err := c.Questions.Check(ctx, authn.QuestionInput{User: "u"})
			return []any{authn.QuestionInput{User: "u"}}, v, err
		},
		"Allow": func() ([]any, any, error) {
			at, err := c.Limiter.Allow(ctx, authn.Attempt{User: "u"})
			return []any{authn.Attempt{User: "u"}}, at, err
		},
		"Audit": func() ([]any, any, error) { return []any{e}, nil, c.Auditor.Audit(ctx, e) },
		"Now":   func() ([]any, any, error) { at, err := c.Store.(authn.Clock).Now(ctx); return nil, at, err },
		"Needed": func() ([]any, any, error) {
			needed, err := c.Gates[0].Keeper.Needed(ctx, "u")
			return []any{"u"}, needed, err
		},
		"Gate": func() ([]any, any, error) {
			v, err := c.Gates[0].Keeper.Check(ctx, authn.GateInput{User: "u"})
			return []any{authn.GateInput{User: "u"}}, v, err
		},
		"Passed": func() ([]any, any, error) {
			return []any{authn.Change{Key: "k"}}, nil, c.Gates[0].Keeper.Passed(ctx, authn.Change{Key: "k"})
		},
		"Password": func() ([]any, any, error) {
			v, err := c.Passwords.Check(ctx, authn.PasswordInput{User: "u"})
			return []any{authn.PasswordInput{User: "u"}}, v, err
		},
		"Store": func() ([]any, any, error) {
			return []any{authn.Change{Key: "k"}}, nil, c.Passwords.Store(ctx, authn.Change{Key: "k"})
		},
		"Prompt": func() ([]any, any, error) { b, err := c.Types[0].Verifier.Prompt(ctx, k); return []any{k}, b, err },
		"Verify": func() ([]any, any, error) { v, err := c.Types[0].Verifier.Verify(ctx, k); return []any{k}, v, err },
	}
}

// What a port gets, returns and panics with is the same as without telemetry.
func TestPortsUnchanged(t *testing.T) {
	r := newRig(t)
	ctx, span := r.traces.Tracer("test").Start(t.Context(), "request")
	defer span.End()
	for _, ctx := range []context.Context{ctx, t.Context()} {
		plain := new(port)
		want := calls(ctx, ports(plain))
		p := new(port)
		for name, call := range calls(ctx, r.wrappedPorts(p)) {
			for _, p.err = range []error{nil, authn.ErrConflict, fmt.Errorf("x: %w", authn.ErrNotFound), errors.New("down"), context.Canceled} {
				in, out, err := call()
				if _, o, _ := want[name](); err != p.err || !reflect.DeepEqual(out, o) || !reflect.DeepEqual(p.got, in) {
					t.Errorf("%s: got %v, returned %v and %v, want %v", name, p.got, out, err, p.err)
				}
			}
			thrown := new(int)
			p.call = func() { panic(thrown) }
			func() {
				defer func() {
					if recover() != thrown {
						t.Errorf("%s: another panic", name)
					}
				}()
				call()
			}()
			p.call = nil
		}
	}
}

// A Sender finds no trace and no baggage, so that none gets to a recipient. Other
// ports do: what they call is part of the trace.
func TestTraceContext(t *testing.T) {
	r := newRig(t)
	ctx, span := r.traces.Tracer("test").Start(t.Context(), "request")
	defer span.End()
	member, err := baggage.NewMember("user", "ada")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	ctx = baggage.ContextWithBaggage(ctx, bag)
	remote := trace.ContextWithRemoteSpanContext(baggage.ContextWithBaggage(t.Context(), bag), span.SpanContext())
	for _, ctx := range []context.Context{ctx, remote} {
		ctx, stop := context.WithTimeout(ctx, time.Hour)
		defer stop()
		p := new(port)
		for name, call := range calls(ctx, r.wrappedPorts(p)) {
			call()
			sends := name == "Mailer" || name == "Sender"
			if got := trace.SpanContextFromContext(p.ctx).TraceID() == span.SpanContext().TraceID(); got == sends {
				t.Errorf("%s: in the trace: %v", name, got)
			}
			if got := baggage.FromContext(p.ctx).Len() > 0; got == sends {
				t.Errorf("%s: baggage: %v", name, got)
			}
			if _, ok := p.ctx.Deadline(); !ok {
				t.Errorf("%s: the deadline is lost", name)
			}
		}
	}
}

// plainStore and plainDirectory have no optional methods.
type (
	plainStore     struct{ authn.Store }
	plainDirectory struct{ authn.Directory }
)

// abilities says what a store is besides.
func abilities(s authn.Store) (is [3]bool) {
	_, is[0] = s.(authn.Sweeper)
	_, is[1] = s.(authn.Clock)
	_, is[2] = s.(authn.Lister)
	return is
}

// A wrapper has the optional methods of what it wraps, and no others.
func TestOptionalInterfaces(t *testing.T) {
	r := newRig(t)
	p := new(port)
	full := r.wrappedPorts(p)
	type finds interface {
		Find(context.Context, authn.Claimed) (authn.Subject, error)
	}
	only := r.tel.Ports(authn.Config{
		Directory: struct {
			plainDirectory
			finds
		}{plainDirectory{p}, p},
		Passwords: struct{ authn.Passwords }{secrets{p}},
	})
	_, isFinder := only.Directory.(authn.Finder)
	_, hasContacts := only.Directory.(authn.Contacts)
	_, isUnlocker := only.Passwords.(authn.Unlocker)
	if !isFinder || hasContacts || isUnlocker {
		t.Errorf("a Finder alone: %t, with Contacts: %t; no Unlocker: %t", isFinder, hasContacts, !isUnlocker)
	}
	for _, v := range []authn.Verifier{p, named{p}} {
		d, isDiscoverer := r.tel.Ports(authn.Config{Types: []authn.FactorType{{Name: "t", Verifier: v}}}).Types[0].Verifier.(authn.Discoverer)
		if _, is := v.(named); is != isDiscoverer || is && (d.Handle([]byte("x")) != "handle of x" || d.HandleOf([]byte("y")) != "kept y") {
			t.Errorf("%T: a Discoverer: %t", v, isDiscoverer)
		}
	}
	plain := r.tel.Ports(authn.Config{Store: plainStore{p}, Directory: plainDirectory{p}})
	for name, c := range map[string]struct {
		authn.Config
		want bool
	}{"full": {full, true}, "plain": {plain, false}} {
		if got := abilities(c.Store); got != [3]bool{c.want, c.want, c.want} {
			t.Errorf("%s: a Sweeper, a Clock, a Lister: %v", name, got)
		}
		if _, ok := c.Directory.(authn.Contacts); ok != c.want {
			t.Errorf("%s: Contacts: %v", name, ok)
		}
	}
	type (
		sw = authn.Sweeper
		cl = authn.Clock
		ls = authn.Lister
	)
	for _, s := range []authn.Store{
		struct {
			authn.Store
			sw
		}{p, p},
		struct {
			authn.Store
			cl
		}{p, p},
		struct {
			authn.Store
			ls
		}{p, p},
		struct {
			authn.Store
			sw
			cl
		}{p, p, p},
		struct {
			authn.Store
			sw
			ls
		}{p, p, p},
		struct {
			authn.Store
			cl
			ls
		}{p, p, p},
	} {
		if got, want := abilities(r.tel.Ports(authn.Config{Store: s}).Store), abilities(s); got != want {
			t.Errorf("%T: a Sweeper, a Clock, a Lister: %v, want %v", s, got, want)
		}
	}
	if _, err := authn.New(r.tel.Ports(authn.Config{})); err == nil || !strings.Contains(err.Error(), "Store") {
		t.Errorf("a missing port is not missed: %v", err)
	}
}

// Every port of a configuration is wrapped, and what is optional of one is known
// here: a new port, or a new optional method, fails.
func TestAllPorts(t *testing.T) {
	r := newRig(t)
	p := new(port)
	cfg := ports(p)
	before, after := reflect.ValueOf(cfg), reflect.ValueOf(r.tel.Ports(cfg))
	for i := range before.NumField() {
		name := before.Type().Field(i).Name
		if f := before.Field(i); f.Kind() == reflect.Interface && (f.IsNil() || f.Interface() == after.Field(i).Interface()) {
			t.Errorf("Ports does not wrap Config.%s, or this test does not know it", name)
		}
	}
	if cfg.Senders["sms"] != authn.Sender(p) || cfg.Types[0].Verifier != authn.Verifier(p) || cfg.Gates[0].Keeper != authn.Gatekeeper(gate{p}) {
		t.Error("Ports has changed the host's configuration")
	}
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) < 30 {
		t.Fatal(files, err)
	}
	asserted := regexp.MustCompile(`(?:cfg|Verifier)[.\w]*\.\((\w+)\)`)
	var optional []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asserted.FindAllStringSubmatch(string(src), -1) {
			optional = append(optional, m[1])
		}
	}
	slices.Sort(optional)
	if got := fmt.Sprint(slices.Compact(optional)); got != "[Clock Contacts Discoverer Finder Lister Sweeper Unlocker]" {
		t.Errorf("optional interfaces of ports: %s: a wrapper must not hide one", got)
	}
}

// A goroutine that ends within a port ends the spans too.
func TestGoexit(t *testing.T) {
	r := newRig(t)
	a := r.begin()
	r.told()
	r.world.Fail(authntest.Save, authntest.Fault{Exit: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.svc.Do(t.Context(), a.Token, authn.Challenge{Factor: "mail"})
	}()
	<-done
	for _, name := range []string{"authn.store.save", "authn.step"} {
		if _, attrs := r.last(name); attrs["error.type"] != "panic" {
			t.Errorf("%s: %v", name, attrs)
		}
	}
}
