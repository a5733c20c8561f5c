package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/examples/places"
)

// TestRestart ends the server in the middle of two sign-ins; another one on
// the same store goes on with them, and knows what was set up and who is in.
func TestRestart(t *testing.T) {
	for name, place := range places.Durable {
		t.Run(name, func(t *testing.T) {
			args := []string{"-store", place(t), "-keys", filepath.Join(t.TempDir(), "keys")}
			s, stop := serve(t, args...)
			ada, grace, alan := s.browser(t), s.browser(t), s.browser(t)
			r := alan.login("alan"+domain).is(200, "SUCCESS")
			alan.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
			ada.get("/") // so that it is a visitor
			r = ada.login("ada"+domain).is(200, "MFA_REQUIRED")
			verify := ada.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE").str(next)
			r = grace.login("grace"+domain).is(200, "MFA_ENROLL")
			activate := grace.post(r.str(firstEnroll), "factorType", "email", "provider", "OKTA").is(200, "MFA_ENROLL_ACTIVATE").str(next)
			stop()

			s, stop = serve(t, args...)
			for _, b := range []*browser{ada, grace, alan} {
				b.base = s.url
			}
			ada.post("/api/v1/authn").is(200, "MFA_CHALLENGE")
			if state, arrows := lit(ada.get("/machine").body); state != "MFA_CHALLENGE" || arrows != 2 {
				t.Errorf("the machine shows %s and %d arrows", state, arrows)
			}
			ada.post(verify, "passCode", ada.code("ada"+domain)).is(200, "SUCCESS")
			grace.post(activate, "passCode", grace.code("grace"+domain)).is(200, "SUCCESS")
			alan.get("/account").shows("Alan Turing")
			stop()

			s, _ = serve(t, args...)
			s.browser(t).login("grace"+domain).is(200, "MFA_REQUIRED")
		})
	}
}

func TestKept(t *testing.T) {
	for name, place := range places.Durable {
		t.Run(name, func(t *testing.T) { testKept(t, place(t)) })
	}
	t.Run("memory", func(t *testing.T) { testKept(t, host.Memory) })
}

func testKept(t *testing.T, spec string) {
	ctx := t.Context()
	st, k := openKept(t, spec)
	defer func() { st.Close() }()
	if b, err := k.get(ctx, "a", "x"); b != nil || err != nil {
		t.Errorf("nothing yet: %s, %v", b, err)
	}
	for _, put := range [][3]string{{"a", "x", "1"}, {"a", "y", "2"}, {"b", "x", "3"}, {"a", "x", `{"4":"ä"}`}} {
		if err := k.put(ctx, put[0], put[1], []byte(put[2]), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"y", "z"} {
		if err := k.remove(ctx, "a", name); err != nil {
			t.Error(err)
		}
	}
	if spec != host.Memory {
		st.Close()
		st, k = openKept(t, spec)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, until := range []time.Time{now.Add(-time.Second), now, now.Add(time.Second), now, now.Add(time.Hour), now.Add(1)} { // "0" and "1" are put again
		if err := k.put(ctx, "end", []string{"0", "1", "2", "0", "1", "3"}[i], []byte("v"), until); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"[1 2 3]", "[1]", "[1]"} {
		if err := k.sweep(ctx, now); err != nil {
			t.Fatal(err)
		}
		all, err := k.all(ctx, "end")
		if got := fmt.Sprint(slices.Sorted(maps.Keys(all))); err != nil || got != want {
			t.Errorf("at %v %s are left, want %s: %v", now, got, want, err)
		}
		now = now.Add(time.Second)
	}
	all, err := k.all(ctx, "a")
	if names := slices.Sorted(maps.Keys(all)); err != nil || len(names) != 1 || string(all["x"]) != `{"4":"ä"}` {
		t.Errorf("%q, %v", all, err)
	}
	if b, err := k.get(ctx, "b", "x"); string(b) != "3" || err != nil {
		t.Errorf("%s, %v", b, err)
	}
}

func openKept(t *testing.T, spec string) (*host.Storage, kept) {
	t.Helper()
	st, err := host.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKept(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return st, k
}
