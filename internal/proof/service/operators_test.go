package service

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

// used is how much of a budget is used, of how much, and when one more fits.
func used(t *testing.T, info authn.AccountInfo, policy string) authn.Budget {
	t.Helper()
	i := slices.IndexFunc(info.Budgets, func(b authn.Budget) bool { return b.Policy == policy })
	if i < 0 {
		t.Fatalf("no budget %s in %+v", policy, info.Budgets)
	}
	return info.Budgets[i]
}

// What an operator sees of a budget is what the next sign-in meets, to the nanosecond.
func TestAccountBudgets(t *testing.T) {
	h := testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Policy = authn.Policy{FailuresPerDay: 2, StartsPerHour: 2, LockEvery: 100}
	})
	look := func() authn.AccountInfo {
		t.Helper()
		info, err := h.Account(t.Context(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	if info := look(); info.SealedBy != 0 || info.Keys != nil || !info.Due.IsZero() || used(t, info, "FailuresPerDay").Of != 2 {
		t.Errorf("nobody: %+v", info)
	}
	a, code := h.Challenged(t)
	h.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	if info := look(); !info.LockEnds.IsZero() || used(t, info, "FailuresPerDay") != (authn.Budget{Policy: "FailuresPerDay", Used: 1, Of: 2}) ||
		used(t, info, "DisableAfter").Used != 1 || used(t, info, "SendsPerHour").Used != 1 || used(t, info, "StartsPerHour").Used != 1 {
		t.Errorf("one wrong code: %+v", info)
	}
	h.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	info := look()
	end := testhost.Start.Add(24 * time.Hour)
	if b := used(t, info, "FailuresPerDay"); b.Used != 2 || !b.FreeAt.Equal(end) || !info.LockEnds.Equal(end) || !info.LockedUntil.IsZero() {
		t.Errorf("two wrong codes: %+v", info)
	}
	for _, c := range []struct {
		at     time.Duration
		locked bool
	}{{-1, true}, {0, false}, {1, false}} {
		h.Wait(end.Add(c.at).Sub(h.Now()))
		info := look()
		b := used(t, info, "FailuresPerDay")
		if info.LockEnds.IsZero() == c.locked || b.FreeAt.IsZero() == c.locked || (b.Used == 2) != c.locked {
			t.Errorf("%v after the end: %+v", c.at, info)
		}
	}
	_, err := h.Begin(t.Context(), authn.Login{User: "ada"})
	if err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// A state of the host's own has its name, and nobody else's account is shown.
func TestAccountByKey(t *testing.T) {
	h := testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Gates = []authn.Gate{{State: "TERMS", Keeper: new(testhost.Guard)}}
	})
	a, code := h.Challenged(t)
	h.MustDo(t, a.Token, authn.Verify{Code: code})
	info, err := h.Account(t.Context(), "ada")
	if err != nil || len(info.Transactions) != 1 || info.Transactions[0].State != "TERMS" {
		t.Fatalf("%+v, %v", info, err)
	}
	if same, err := h.AccountByKey(t.Context(), info.Account); err != nil || same.User != "ada" || same.Account != info.Account {
		t.Errorf("%+v, %v", same, err)
	}
	h.Config.Tenant = "another"
	other := h.Open(t)
	for _, key := range []string{"", "x", info.Account, info.Account[1:], info.Account + "0"} {
		if _, err := other.AccountByKey(t.Context(), key); !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("another tenant, %q: %v", key, err)
		}
		if did, err := other.ResealRecord(t.Context(), key); did || !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("another tenant seals %q anew: %v", key, err)
		}
	}
	for _, key := range []string{info.Account[1:], info.Account + "0", strings.ToUpper(info.Account), info.Account[:39] + "g", info.Account[:39] + "\x1b"} {
		if _, err := h.AccountByKey(t.Context(), key); !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := h.Account(t.Context(), "a\nb"); !errors.Is(err, authn.ErrMalformed) {
		t.Error(err)
	}
	for info, err := range other.Accounts(t.Context()) {
		t.Errorf("another tenant: %+v, %v", info, err)
	}
}

// rotated is a host whose second key is in use.
func rotated(t *testing.T, h *testhost.Host) *authn.Service {
	h.Config.Keys = append([]authn.Key{{ID: 300, Secret: []byte("second key for tests: 0123456789abcde")}}, h.Config.Keys...)
	return h.Open(t)
}

// The keys of an account are those that a code, a session token, what the Directory has
// not taken, or the seal depends on; sealing anew frees the account of the last.
func TestResealRecord(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(h *testhost.Host)
		want []uint32 // after it was sealed anew
	}{
		"a finished sign-in": {func(h *testhost.Host) { h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Cancel{}) }, []uint32{300}},
		"a live code":        {func(h *testhost.Host) { h.Challenged(t) }, []uint32{1, 300}},
		"a session token": {func(h *testhost.Host) {
			a, code := h.Challenged(t)
			h.MustDo(t, a.Token, authn.Verify{Code: code})
		}, []uint32{1, 300}},
		"a secret that the Directory has not taken": {func(h *testhost.Host) {
			h.World.SetFactors("ada", authn.Factor{ID: "app", Type: authn.TOTP, Status: authn.NotSetUp})
			h.Config.Directory = refusing{h.Config.Directory}
			svc := h.Open(t)
			do := testhost.OK(t)
			a := do(svc.Begin(t.Context(), authn.Login{User: "ada"}))
			a = do(svc.Do(t.Context(), a.Token, authn.Enroll{Type: authn.TOTP}))
			a = do(svc.Do(t.Context(), a.Token, authn.Activate{Code: testhost.AppCode(a.Prompt.Secret, h.Now())}))
			if _, err := svc.Redeem(t.Context(), a.Session); err != nil {
				t.Fatal(err)
			}
		}, []uint32{1, 300}},
	} {
		t.Run(name, func(t *testing.T) {
			h := testhost.New(t, nil)
			h.Config.Keys[0].ID = 1
			h.Service = h.Open(t)
			c.do(h)
			svc := rotated(t, h)
			before, err := svc.Account(t.Context(), "ada")
			if err != nil || before.SealedBy != 1 || !slices.Equal(before.Keys, []uint32{1}) {
				t.Fatalf("%+v, %v", before, err)
			}
			if did, err := h.ResealRecord(t.Context(), before.Account); did || err != nil {
				t.Errorf("it is sealed with the key in use: %v, %v", did, err)
			}
			if did, err := svc.ResealRecord(t.Context(), before.Account); !did || err != nil {
				t.Error(did, err)
			}
			after, err := svc.Account(t.Context(), "ada")
			if err != nil || after.SealedBy != 300 || !slices.Equal(after.Keys, c.want) || !after.Due.Equal(before.Due) || !after.Saved.Equal(before.Saved) {
				t.Errorf("%+v, %v", after, err)
			}
			if did, err := svc.ResealRecord(t.Context(), before.Account); did || err != nil {
				t.Errorf("a second time: %v, %v", did, err)
			}
		})
	}
	h := testhost.New(t, nil)
	info, err := h.Account(t.Context(), "nobody")
	if err != nil {
		t.Fatal(err)
	}
	if did, err := h.ResealRecord(t.Context(), info.Account); did || err != nil {
		t.Errorf("nobody: %v, %v", did, err)
	}
}

// refusing is a Directory that takes nothing.
type refusing struct{ authn.Directory }

func (refusing) Activated(context.Context, string, string, authn.Factor) error {
	return errors.New("down")
}

// A save that loses to another is made again, on what the other has saved; one that
// cannot be made is an error.
func TestResealRecordConflicts(t *testing.T) {
	h := testhost.New(t, nil)
	h.Challenged(t)
	svc := rotated(t, h)
	info, err := svc.Account(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	h.Config.Store = storetest.Faulty(&h.Store, storetest.Always(storetest.Save, storetest.Fault{Err: authn.ErrConflict}))
	if did, err := h.Open(t).ResealRecord(t.Context(), info.Account); did || !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("conflicts only: %v, %v", did, err)
	}
	h.Config.Store = storetest.Faulty(&h.Store, storetest.Nth(storetest.Save, 1, storetest.Fault{Err: authn.ErrConflict}))
	if did, err := h.Open(t).ResealRecord(t.Context(), info.Account); !did || err != nil {
		t.Errorf("one conflict: %v, %v", did, err)
	}
}

// keyed is a store with the Keys of its own.
type keyed struct {
	authn.Store
	keys func(yield func(string, error) bool)
}

func (l keyed) Keys(context.Context) iter.Seq2[string, error] { return l.keys }

// A record that cannot be opened keeps nothing from the others; after any other error
// there are no more accounts.
func TestAccounts(t *testing.T) {
	h := testhost.New(t, nil)
	users := []string{"ada", "grace", "joan", "lynn"}
	var keys []string
	for _, u := range users {
		h.World.SetFactors(u, authn.Factor{ID: u + "-mail", Type: authn.Email, Address: u + "@example.com", Status: authn.Active})
		h.MustBegin(t, u)
		info, err := h.Account(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Account)
	}
	rec, err := h.Store.Load(t.Context(), keys[1])
	if err != nil {
		t.Fatal(err)
	}
	old := rec.Version
	rec.Value[len(rec.Value)-1]++
	rec.Version++
	if err := h.Store.Save(t.Context(), keys[1], old, rec); err != nil {
		t.Fatal(err)
	}
	all := func(s authn.Store) (seen []string) {
		h.Config.Store = s
		for info, err := range h.Open(t).Accounts(t.Context()) {
			switch {
			case errors.Is(err, authn.ErrCorrupt):
				seen = append(seen, "corrupt "+info.Account)
			case err != nil:
				seen = append(seen, err.Error())
			default:
				seen = append(seen, info.User)
			}
		}
		slices.Sort(seen)
		return seen
	}
	want := []string{"ada", "corrupt " + keys[1], "joan", "lynn"}
	in := keyed{&h.Store, func(yield func(string, error) bool) {
		for _, k := range []string{keys[1], keys[0], keys[2], keys[3]} {
			if !yield(k, nil) {
				return
			}
		}
	}}
	for _, s := range []authn.Store{&h.Store, in} {
		if got := all(s); !slices.Equal(got, want) {
			t.Errorf("%T: %q", s, got)
		}
	}
	gone := strings.Repeat("0", 40)
	h.Service = h.Open(t)
	nobody, err := h.Account(t.Context(), "nobody")
	if err != nil {
		t.Fatal(err)
	}
	in.keys = func(yield func(string, error) bool) {
		for _, k := range []string{"probe-1", gone, nobody.Account, keys[0]} {
			if !yield(k, nil) {
				return
			}
		}
		yield("", errors.New("down"))
	}
	if got := all(in); !slices.Equal(got, []string{"ada", "unavailable: keys: down"}) {
		t.Errorf("%q", got)
	}
	in.Store = storetest.Faulty(&h.Store, storetest.Always(storetest.Load, storetest.Fault{Err: errors.New("down")}))
	if got := all(in); !slices.Equal(got, []string{"unavailable: load: down"}) {
		t.Errorf("%q", got)
	}
	if got := all(struct{ authn.Store }{&h.Store}); !slices.Equal(got, []string{"authn: the Store is no Lister"}) {
		t.Errorf("%q", got)
	}
	for range h.Accounts(t.Context()) {
		break
	}
}
