package authntest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// open returns a world with ada in it.
func open(t *testing.T) (*World, *authn.Service) {
	w := new(World)
	w.SetFactors("ada", Mail("ada@example.com", authn.Active))
	return w, w.Service(t)
}

func TestFaults(t *testing.T) {
	ctx := t.Context()
	r := authn.Record{Value: []byte("x"), Version: 7}
	for _, c := range []struct {
		name  string
		f     Fault
		err   error
		saved bool
	}{
		{"nothing", Fault{}, nil, true},
		{"before", Fault{Err: ErrDown}, ErrDown, false},
		{"after", Fault{Err: ErrDown, After: true}, ErrDown, true},
		{"conflict", Fault{Err: authn.ErrConflict}, authn.ErrConflict, false},
		{"forgets", Fault{Forget: true}, nil, false},
		{"slow", Fault{Delay: time.Minute}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w World
			w.FailOnce(Save, c.f)
			if err := w.Save(ctx, "k", 0, r); !errors.Is(err, c.err) {
				t.Errorf("got %v, want %v", err, c.err)
			}
			if _, err := w.Load(ctx, "k"); (err == nil) != c.saved {
				t.Errorf("load: %v", err)
			}
			if got := w.Calls(Save); len(got) != 1 || got[0].Done != c.saved || !errors.Is(got[0].Err, c.err) {
				t.Errorf("the journal says %+v", got)
			}
			if w.Now().Sub(Epoch()) != c.f.Delay {
				t.Errorf("it is %v", w.Now())
			}
			_ = w.Save(ctx, "k2", 0, r)
			if _, err := w.Load(ctx, "k2"); err != nil {
				t.Errorf("the second save: %v", err)
			}
		})
	}
}

func TestPanicAndExit(t *testing.T) {
	var w World
	r := authn.Record{Value: []byte("x"), Version: 7}
	w.FailOnce(Save, Fault{Panic: "boom", After: true})
	w.FailOnce(Save, Fault{Exit: true, After: true})
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("panic %v", p)
			}
		}()
		_ = w.Save(t.Context(), "a", 0, r)
	}()
	var returned bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Save(context.Background(), "b", 0, r)
		returned = true
	}()
	<-done
	all, err := w.Records(t.Context())
	if returned || err != nil || len(all) != 2 {
		t.Errorf("returned %t, %d records, %v", returned, len(all), err)
	}
}

func TestHang(t *testing.T) {
	var w World
	w.Fail(Factors, Fault{Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Factors(ctx, "ada"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDirectory(t *testing.T) {
	ctx := t.Context()
	w, _ := open(t)
	if _, err := w.Factors(ctx, "nobody"); !errors.Is(err, authn.ErrNoUser) {
		t.Error(err)
	}
	w.SetFactors("ada", Mail("new@example.com", authn.NotSetUp))
	w.FailOnce(Factors, Fault{Stale: true})
	old, _ := w.Factors(ctx, "ada")
	now, _ := w.Factors(ctx, "ada")
	if old[0].Address != "ada@example.com" || now[0].Address != "new@example.com" {
		t.Errorf("stale %v, then %v", old, now)
	}
	now[0].Address = "changed by its owner"
	w.FailOnce(Activated, Fault{Forget: true})
	for i, want := range []authn.Status{authn.NotSetUp, authn.NotSetUp, authn.Active} {
		if got := w.FactorsOf("ada")[0].Status; i > 0 && got != want {
			t.Errorf("after %d calls: %v", i, got)
		}
		if err := w.Activated(ctx, "k", "ada", Mail([]string{"new@example.com", "new@example.com", "old@example.com"}[i], authn.NotSetUp)); err != nil {
			t.Error(err)
		}
	}
	w.Remove("ada")
	if _, err := w.Factors(ctx, "ada"); !errors.Is(err, authn.ErrNoUser) || len(w.FactorsOf("ada")) != 1 {
		t.Error(err)
	}
}

func TestDirectoryData(t *testing.T) {
	ctx := t.Context()
	var w World
	app := authn.Factor{ID: "app", Type: authn.TOTP, Status: authn.NotSetUp}
	w.SetFactors("ada", app, Mail("ada@example.com", authn.Active))
	for i, c := range []struct {
		revision, want uint32
		data, kept     string
	}{{1, 1, "one", "one"}, {3, 3, "three", "three"}, {3, 3, "other", "three"}, {2, 3, "two", "three"}, {0, 3, "", "three"}, {4, 4, "four", "four"}} {
		app.Revision, app.Data = c.revision, []byte(c.data)
		if err := w.Activated(ctx, "k", "ada", app); err != nil {
			t.Fatal(err)
		}
		if f := w.FactorsOf("ada")[0]; f.Status != authn.Active || f.Revision != c.want || string(f.Data) != c.kept {
			t.Errorf("after %d calls: revision %d, %q", i+1, f.Revision, f.Data)
		}
	}
	w.FailOnce(Factors, Fault{Stale: true})
	if old, err := w.Factors(ctx, "ada"); err != nil || old[0].Revision != 3 || string(old[0].Data) != "three" {
		t.Errorf("stale: %v, %v", old, err)
	}
}

func TestInbox(t *testing.T) {
	var w World
	ctx := t.Context()
	w.FailOnce(Send, Fault{Err: ErrDown})
	for i, key := range []string{"lost", "a", "a", "b"} {
		_ = w.Send(ctx, authn.Message{Key: key, User: "ada", Kind: authn.CodeMessage, Code: authn.Code(fmt.Sprint(i))})
	}
	_ = w.Send(ctx, authn.Message{Key: "c", User: "bob", Kind: authn.LockedMessage})
	if n, code := len(w.Messages("ada")), w.Code("ada"); n != 2 || string(code) != "3" {
		t.Errorf("%d messages, code %s", n, string(code))
	}
	if len(w.Messages("")) != 3 || w.Code("bob") != "" {
		t.Errorf("%d messages", len(w.Messages("")))
	}
	journal := w.Calls()
	w.Forget()
	if len(w.Messages("")) != 0 {
		t.Error("nothing was forgotten")
	}
	_ = w.Audit(ctx, authn.AuditEvent{})
	if journal[0].Port != Send || len(w.Calls()) != 1 || w.Calls()[0].N != 6 {
		t.Errorf("the journal %+v, after Forget %+v", journal[0], w.Calls())
	}
}

// A wrapped store is the truth, and is not swept if it cannot be.
func TestBase(t *testing.T) {
	type storeOnly struct{ authn.Store }
	w := &World{Base: storeOnly{new(memstore.Store)}}
	if _, err := w.Due(t.Context(), Epoch(), 1); err == nil {
		t.Error("a store that is no Sweeper was swept")
	}
	w.SetFactors("ada", Mail("ada@example.com", authn.Active))
	svc := w.Service(t)
	if _, err := svc.Begin(t.Context(), authn.Login{User: "ada"}); err != nil {
		t.Fatal(err)
	}
	m, err := w.Machine(authn.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := w.View(t.Context(), m, "ada"); err != nil || v.User != "ada" || len(v.Transactions) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := w.View(t.Context(), m, "bob"); err != nil || v.User != "" {
		t.Errorf("%+v, %v", v, err)
	}
}

// Plan and Watch see each call, in between they may do anything.
func TestPlan(t *testing.T) {
	w, svc := open(t)
	var planned, watched []Port
	w.Plan = func(_ context.Context, c Call) Fault {
		planned = append(planned, c.Port)
		w.Advance(time.Second)
		if c.Port == Save {
			runtime.Gosched()
			return Fault{Err: ErrDown}
		}
		return Fault{}
	}
	w.Watch = func(_ context.Context, c Call) { watched = append(watched, c.Port) }
	if _, err := svc.Begin(t.Context(), authn.Login{User: "ada"}); !errors.Is(err, authn.ErrUnavailable) {
		t.Error(err)
	}
	want := []Port{Load, Factors, Allow, Save, Load}
	if !slices.Equal(planned, want) || !slices.Equal(watched, want) || w.Now() != Epoch().Add(5*time.Second) {
		t.Errorf("planned %v, watched %v, at %v", planned, watched, w.Now())
	}
}

func TestLimiterAndAuditor(t *testing.T) {
	w, svc := open(t)
	a, err := svc.Begin(t.Context(), authn.Login{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	w.Fail(Allow, Fault{RetryAt: Epoch().Add(time.Minute)})
	if _, err := svc.Do(t.Context(), a.Token, authn.Challenge{Factor: "mail"}); !errors.Is(err, authn.ErrTooSoon) {
		t.Error(err)
	}
	var events []string
	for _, c := range w.Calls(Audit) {
		events = append(events, string(c.Event.Event)+" "+c.Event.Err)
	}
	if !slices.Equal(events, []string{"primary ", "challenge too soon"}) {
		t.Errorf("audited %q", events)
	}
}

// The World is safe for concurrent use.
func TestConcurrent(t *testing.T) {
	w, svc := open(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a, err := svc.Begin(context.Background(), authn.Login{User: "ada"})
			if err == nil {
				_, _ = svc.Do(context.Background(), a.Token, authn.Challenge{Factor: "mail"})
			}
			w.Advance(time.Second)
			w.Code("ada")
			w.Calls()
		})
	}
	wg.Wait()
}

// The texts of classes are those of what they stand for.
func TestClasses(t *testing.T) {
	all := []Class{WrongCode, LateCode, NotAllowed, Finished, Malformed, NotOffered, NoFactor, NoUser, NoCode, Required, Exhausted, TooSoon, Locked, KeyReused}
	for _, c := range all {
		if !known(c) {
			t.Errorf("%q is the text of nothing", c)
		}
	}
	if len(all) != len(sentinels())+2 || Classify(nil, ErrDown) != Unavailable || string(Unavailable) != authn.ErrUnavailable.Error() ||
		Class(authn.WrongCode) != WrongCode || Class(authn.LateCode) != LateCode {
		t.Error("a class stands for nothing, or something has no class")
	}
}
