package hardtoken

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

var secret = []byte("12345678901234567890")

// The test values of RFC 4226, appendix D.
func TestCodes(t *testing.T) {
	want := []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"}
	for i, w := range want {
		if got := code(secret, uint64(i)); got != w {
			t.Errorf("counter %d: %s, want %s", i, got, w)
		}
	}
}

// known are the tokens that the host has bought.
func known(_ context.Context, serial string) ([]byte, error) {
	if serial != "20451337" {
		return nil, errors.New("no such token")
	}
	return secret, nil
}

// judge says what a submission is worth, and what is kept then.
func judge(t *testing.T, c authn.Check, response string) (worth string, data []byte) {
	t.Helper()
	c.Response = []byte(response)
	v, err := Type(known).Verifier.Verify(t.Context(), c)
	switch {
	case err != nil:
		return "unavailable", nil
	case v.Malformed:
		return "malformed", nil
	case v.Right:
		return "right", v.Data
	}
	return "wrong", nil
}

// pair is two codes in a row.
func pair(counter uint64) string { return code(secret, counter) + " " + code(secret, counter+1) }

func TestWindows(t *testing.T) {
	signIn := authn.Check{Purpose: authn.PurposeSignIn, Factor: authn.Factor{Data: store(secret, 1000)}}
	enroll := authn.Check{Purpose: authn.PurposeEnroll, Factor: authn.Factor{Address: "20451337"}}
	for name, c := range map[string]struct {
		authn.Check
		response, worth string
		next            uint64
	}{
		"the next one":       {signIn, code(secret, 1000), "right", 1001},
		"with blanks":        {signIn, "\t" + code(secret, 1000) + "\n", "right", 1001},
		"the last of ten":    {signIn, code(secret, 1009), "right", 1010},
		"the eleventh":       {signIn, code(secret, 1010), "wrong", 0},
		"a used one":         {signIn, code(secret, 999), "wrong", 0},
		"two in a row":       {signIn, pair(1000), "right", 1002},
		"two, far ahead":     {signIn, pair(1099), "right", 1101},
		"two, too far":       {signIn, pair(1100), "wrong", 0},
		"two, one used":      {signIn, pair(999), "wrong", 0},
		"two, not in a row":  {signIn, code(secret, 1000) + " " + code(secret, 1002), "wrong", 0},
		"the same twice":     {signIn, code(secret, 1000) + " " + code(secret, 1000), "wrong", 0},
		"in another order":   {signIn, code(secret, 1001) + " " + code(secret, 1000), "wrong", 0},
		"three":              {signIn, pair(1000) + " " + code(secret, 1002), "malformed", 0},
		"nothing":            {signIn, " ", "malformed", 0},
		"five digits":        {signIn, "75522", "malformed", 0},
		"letters":            {signIn, "75522a", "malformed", 0},
		"other digits":       {signIn, "٧٥٥", "malformed", 0},
		"no data":            {authn.Check{Purpose: authn.PurposeSignIn}, "755224", "unavailable", 0},
		"a short secret":     {authn.Check{Purpose: authn.PurposeSignIn, Factor: authn.Factor{Data: store(secret[:15], 0)}}, "755224", "unavailable", 0},
		"another version":    {authn.Check{Purpose: authn.PurposeSignIn, Factor: authn.Factor{Data: append([]byte{2}, store(secret, 0)[1:]...)}}, "755224", "unavailable", 0},
		"a new token":        {enroll, pair(0), "right", 2},
		"a token in use":     {enroll, pair(99), "right", 101},
		"one code to enroll": {enroll, code(secret, 0), "malformed", 0},
		"an unknown token":   {authn.Check{Purpose: authn.PurposeEnroll, Factor: authn.Factor{Address: "1"}}, pair(0), "unavailable", 0},
	} {
		worth, data := judge(t, c.Check, c.response)
		if worth != c.worth || worth == "right" && !slices.Equal(data, store(secret, c.next)) {
			t.Errorf("%s: %s, %x", name, worth, data)
		}
	}
}

// However a button is pressed, a code is good at most once, and one that was shown
// before a used one never is.
func TestInterleavings(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 226))
	c := authn.Check{Purpose: authn.PurposeSignIn, Factor: authn.Factor{Data: store(secret, 0)}}
	var shown, used uint64 // how many codes the token has shown; up to which they are used up
	for range 10_000 {
		switch r.IntN(4) {
		case 0, 1: // for nothing
			shown++
		case 2: // what is shown, or the next one
			shown++
			worth, data := judge(t, c, code(secret, shown-1))
			if good := shown-used <= lookAhead; good != (worth == "right") {
				t.Fatalf("code %d after %d: %s", shown, used, worth)
			}
			if worth != "right" {
				shown++
				if worth, data = judge(t, c, pair(shown-2)); worth != "right" && shown-used <= resync {
					t.Fatalf("codes %d and %d after %d: %s", shown-1, shown, used, worth)
				}
			}
			if worth == "right" {
				used, c.Factor.Data = shown, data
			} else {
				shown = used // the service desk resets it
			}
		case 3:
			if used == 0 {
				continue
			}
			old := r.Uint64N(used)
			if worth, _ := judge(t, c, code(secret, old)); worth != "wrong" && !slices.ContainsFunc(ahead(used), func(s string) bool { return s == code(secret, old) }) {
				t.Fatalf("code %d after %d: %s", old, used, worth)
			}
		}
	}
}

// ahead are the codes that would be good: one in a million is an old one again.
func ahead(counter uint64) (codes []string) {
	for i := range uint64(lookAhead) {
		codes = append(codes, code(secret, counter+i))
	}
	return codes
}

func open(t *testing.T) (*authntest.World, *authn.Service) {
	w := new(authntest.World)
	w.SetFactors("ada", authn.Factor{ID: "token", Type: "example:token", Address: "20451337", Status: authn.NotSetUp})
	svc := w.Service(t, func(c *authn.Config) { c.Types = []authn.FactorType{Type(known)} })
	a := begin(t, svc)
	a, err := svc.Do(t.Context(), a.Token, authn.Enroll{Type: "example:token"})
	if err != nil {
		t.Fatal(err)
	}
	if a, err = svc.Do(t.Context(), a.Token, authn.Activate{Code: authn.Code(pair(0))}); err != nil || a.State != authn.Success {
		t.Fatal(a, err)
	}
	return w, svc
}

func begin(t *testing.T, svc *authn.Service) *authn.Answer {
	t.Helper()
	a, err := svc.Begin(t.Context(), authn.Login{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func verify(t *testing.T, svc *authn.Service, a *authn.Answer, code string) *authn.Answer {
	t.Helper()
	a, err := svc.Do(t.Context(), a.Token, authn.Verify{Factor: "token", Code: authn.Code(code)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A code is good in one sign-in, even while the Directory does not take the counter, and
// of requests at once one succeeds.
func TestOnce(t *testing.T) {
	w, svc := open(t)
	if a := verify(t, svc, begin(t, svc), code(secret, 1)); a.Outcome != authn.WrongCode {
		t.Errorf("a code that has enrolled: %s", a.State)
	}
	w.Fail(authntest.Activated, authntest.Fault{Err: authntest.ErrDown})
	if a := verify(t, svc, begin(t, svc), code(secret, 2)); a.State != authn.Success {
		t.Errorf("the next code: %s", a.State)
	}
	if a := verify(t, svc, begin(t, svc), code(secret, 2)); a.Outcome != authn.WrongCode {
		t.Errorf("the same code: %s", a.State)
	}
	w.Heal()
	one, two := begin(t, svc), begin(t, svc)
	var n atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			token := one.Token
			if i%2 == 1 {
				token = two.Token
			}
			a, err := svc.Do(t.Context(), token, authn.Verify{Factor: "token", Code: authn.Code(code(secret, 3))})
			if err == nil && a.State == authn.Success {
				n.Add(1)
			}
		})
	}
	if all.Wait(); n.Load() != 1 {
		t.Errorf("%d sign-ins with one code", n.Load())
	}
}
