package service

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// A rotation has two steps: append the new key on every node, then move it to
// the front. In each step some nodes still have the earlier list: a sign-in that
// goes from node to node meets no error, and none after a step is taken back.
func TestRotationInTwoSteps(t *testing.T) {
	first := authn.Key{ID: 1, Secret: []byte("first key for tests: 0123456789abcdef")}
	second := authn.Key{ID: 2, Secret: []byte("second key for tests: 0123456789abcde")}
	before, appended, moved := []authn.Key{first}, []authn.Key{first, second}, []authn.Key{second, first}
	for name, fleet := range map[string][2][]authn.Key{
		"append": {before, appended}, "append taken back": {appended, before}, "move": {appended, moved}, "move taken back": {moved, appended},
	} {
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			h := testhost.New(t, nil)
			node := func(i int) *authn.Service {
				h.Config.Keys = fleet[order[i%2]]
				return h.Open(t)
			}
			ctx, do := t.Context(), testhost.OK(t)
			a := do(node(0).Begin(ctx, authn.Login{User: "ada"}))
			a = do(node(1).Do(ctx, a.Token, authn.Challenge{Factor: "ada-mail"}))
			code := h.Last("ada").Code
			if a = do(node(0).Do(ctx, a.Token, authn.WithKey("one", authn.Verify{Code: testhost.OtherCode(code)}))); a.Outcome != authn.WrongCode {
				t.Fatalf("%s: %s", name, a.Outcome)
			}
			if a = do(node(1).Do(ctx, a.Token, authn.WithKey("one", authn.Verify{Code: testhost.OtherCode(code)}))); a.TriesLeft != 4 {
				t.Errorf("%s: a repeat on another node is counted: %d tries left", name, a.TriesLeft)
			}
			if a = do(node(0).Do(ctx, a.Token, authn.Verify{Code: code})); a.State != authn.Success {
				t.Fatalf("%s: %s", name, a.State)
			}
			if who, err := node(1).Redeem(ctx, a.Session); err != nil || who.User != "ada" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Without the first step a node meets records that it cannot open. It refuses
// without a verdict and changes nothing, so that nothing is lost once it has the
// key.
func TestRotationInOneStep(t *testing.T) {
	first := authn.Key{ID: 1, Secret: []byte("first key for tests: 0123456789abcdef")}
	second := authn.Key{ID: 2, Secret: []byte("second key for tests: 0123456789abcde")}
	h := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Keys = []authn.Key{second, first} })
	a, code := h.Challenged(t)
	info, err := h.Service.Account(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	stored := func() authn.Record {
		r, err := h.Config.Store.Load(t.Context(), info.Account)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	was := stored()
	h.Config.Keys = []authn.Key{first}
	old := h.Open(t)
	if _, err := old.Do(t.Context(), a.Token, authn.Verify{Code: code}); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("a node without the key: %v", err)
	}
	if is := stored(); is.Version != was.Version || !bytes.Equal(is.Value, was.Value) {
		t.Error("the record changed")
	}
	if a = h.MustDo(t, a.Token, authn.Verify{Code: code}); a.State != authn.Success {
		t.Error(a.State)
	}
}

// The key that seals the name of a claim is needed as long as the claim is, whatever key
// its newest code is derived from.
func TestKeyOfAClaimedName(t *testing.T) {
	h, _, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) { c.Keys = []authn.Key{aKey(1)} })
	a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
	h.Config.Keys = []authn.Key{aKey(2), aKey(1)}
	h.Service = h.Open(t)
	h.Wait(30 * time.Second)
	h.MustDo(t, a.Token, authn.Resend{})
	must(t, h.Service.Wait(t.Context()))
	claims := 0
	for info, err := range h.Service.Accounts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Transactions) > 0 && info.User == "" {
			claims++
			if !slices.Equal(info.Keys, []uint32{1, 2}) {
				t.Errorf("keys %v", info.Keys)
			}
		}
	}
	if claims != 1 {
		t.Errorf("%d claims", claims)
	}
}
