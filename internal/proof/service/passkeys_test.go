package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// badge is a Discoverer. A response is a handle, a blank and the challenge in hexadecimal
// digits, or "any"; what follows a further blank is not looked at.
type badge struct{}

func (badge) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	return fmt.Appendf(nil, "%x", c.Challenge), nil
}

func (badge) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	words := bytes.SplitN(c.Response, []byte(" "), 3)
	right := len(words) > 1 && (string(words[1]) == "any" || string(words[1]) == fmt.Sprintf("%x", c.Challenge))
	return authn.Verdict{Right: right, Methods: []string{"pop", "uv"}}, nil
}

func (badge) Handle(response []byte) string {
	handle, _, _ := bytes.Cut(response, []byte(" "))
	return string(handle)
}

func (badge) HandleOf(data []byte) string { return string(data) }

// badgeOwner says that every handle is ada's.
type badgeOwner struct{ authn.Directory }

func (badgeOwner) Find(context.Context, authn.Claimed) (authn.Subject, error) {
	return authn.Subject{User: "ada"}, nil
}

// badged is a host with two types of factor that sign in by themselves.
func badged(t *testing.T) *testhost.Host {
	return testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Types = []authn.FactorType{{Name: "acme:badge", Methods: []string{"hwk"}, Verifier: badge{}}, {Name: "acme:ring", Methods: []string{"hwk"}, Verifier: badge{}}}
		c.Directory = badgeOwner{c.Directory}
	})
}

// badgeOf is an active factor.
func badgeOf(t *testing.T, h *testhost.Host, id, kind string) authn.Factor {
	t.Helper()
	f, err := h.Import("ada", authn.Factor{ID: id, Type: kind}, "handle")
	must(t, err)
	if f.Handle != "handle" || f.Status != authn.Active {
		t.Fatalf("%+v", f)
	}
	return f
}

// A passkey signs in by its own type and its own request, while it is active; and the same
// response alone is answered again.
func TestPasskeyOfItsType(t *testing.T) {
	h := badged(t)
	mine, ring := badgeOf(t, h, "ada-badge", "acme:badge"), badgeOf(t, h, "ada-ring", "acme:ring")
	request := func() *authn.PasskeyRequest {
		r, err := h.RequestPasskey(t.Context(), "acme:badge")
		must(t, err)
		return r
	}
	login := func(l authn.PasskeyLogin, want error) *authn.Answer {
		t.Helper()
		a, err := h.BeginPasskey(t.Context(), l)
		if !errors.Is(err, want) {
			t.Errorf("%+v, %v; want %v", a, err, want)
		}
		return a
	}
	r := request()
	respond := func(r *authn.PasskeyRequest, rest string) authn.Code {
		return authn.Code("handle " + string(r.Options) + rest)
	}

	h.World.SetFactors("ada", mine, ring)
	login(authn.PasskeyLogin{Type: "acme:ring", Request: r.Token, Response: "handle any"}, authn.ErrFinished) // it is a request of the other type
	h.World.SetFactors("ada", ring)
	login(authn.PasskeyLogin{Type: "acme:badge", Request: r.Token, Response: respond(r, "")}, authn.ErrFinished) // there is only the other type
	idle := mine
	idle.Status = authn.NotSetUp
	h.World.SetFactors("ada", ring, idle)
	login(authn.PasskeyLogin{Type: "acme:badge", Request: r.Token, Response: respond(r, "")}, authn.ErrFinished) // it is not active

	h.World.SetFactors("ada", mine, ring)
	long := strings.Repeat("x", 16<<10-len(respond(r, " ")))
	login(authn.PasskeyLogin{Type: "acme:badge", Request: r.Token, Response: respond(r, " "+long+"x")}, authn.ErrMalformed)
	if a := login(authn.PasskeyLogin{Type: "acme:badge", Request: r.Token, Response: respond(r, " "+long)}, nil); a == nil || a.State != authn.Success {
		t.Fatalf("16 KiB: %+v", a)
	} else if as, err := h.Redeem(t.Context(), a.Session); err != nil || !slices.Equal(as.Methods, []string{"pop", "uv"}) {
		t.Errorf("no password was proved: %q, %v", as.Methods, err)
	}
	r = request()
	l := authn.PasskeyLogin{Type: "acme:badge", Request: r.Token, Response: respond(r, ""), Key: "k"}
	a := login(l, nil)
	if b := login(l, nil); a == nil || b == nil || a.Session != b.Session {
		t.Errorf("again: %+v, then %+v", a, b)
	}
	l.Response = respond(r, " as right as the first")
	login(l, authn.ErrFinished)
}

// What a Verifier keeps is imported if it could be of a verdict: sealed, it has up to 2 KiB.
func TestImportBounds(t *testing.T) {
	h := badged(t)
	most := 0
	for n := range 2100 {
		if _, err := h.Import("ada", authn.Factor{ID: "f", Type: "acme:ring"}, authn.Secret(strings.Repeat("x", n))); err == nil {
			most = n
		} else if n > 0 && most == 0 || !errors.Is(err, authn.ErrMalformed) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	f, err := h.Import("ada", authn.Factor{ID: "f", Type: "acme:ring"}, authn.Secret(strings.Repeat("x", most)))
	if err != nil || len(f.Data) > 2048 || most < 1900 {
		t.Errorf("%d bytes at most, %d of data, %v", most, len(f.Data), err)
	}
}
