package webauthnfactor_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webauthnfactor"
	vw "github.com/descope/virtualwebauthn"
)

// A user enrolls a key, and signs in with it.
func TestSignIn(t *testing.T) {
	d, k := open(t), newDevice()
	a := d.enrolling("ada")
	if a.State != authn.MFAEnrollActivate || a.Factor.ID != "k1" {
		t.Fatalf("%s with %s", a.State, a.Factor.ID)
	}
	again, err := d.Status(t.Context(), a.Token)
	if err != nil || !bytes.Equal(again.Prompt.Options, a.Prompt.Options) {
		t.Errorf("a reload shows another prompt: %s, %v", again.Prompt.Options, err)
	}
	a = d.do(a, authn.Activate{Code: k.create(t, a)})
	if a.State != authn.Success {
		t.Fatal(a.State, a.Outcome)
	}
	f := d.FactorsOf("ada")[0]
	if f.Status != authn.Active || f.Revision != 1 || len(f.Data) > 256 || bytes.Contains(f.Data, k.ID) {
		t.Errorf("the Directory keeps %d bytes of revision %d, %v", len(f.Data), f.Revision, f.Status)
	}
	a = d.challenged("ada")
	if a.State != authn.MFAChallenge || len(d.Messages("ada")) != 0 {
		t.Errorf("%s, %d messages", a.State, len(d.Messages("ada")))
	}
	a = d.do(a, authn.Verify{Code: k.get(t, a)})
	if a.State != authn.Success {
		t.Fatal(a.State, a.Outcome)
	}
	as, err := d.Redeem(t.Context(), a.Session)
	if err != nil || !slices.Equal(as.Methods, []string{"pwd", "pop", "user", "uv"}) || !slices.Equal(as.Factors, []string{"k1"}) {
		t.Errorf("%+v, %v", as, err)
	}
	if f := d.FactorsOf("ada")[0]; f.Revision != 1 {
		t.Errorf("nothing has changed, and the Directory has revision %d", f.Revision)
	}
}

// options are the members of options that tests look at.
type options struct {
	Challenge          string
	User               struct{ ID, Name, DisplayName string }
	ExcludeCredentials []struct{ ID string }
	AllowCredentials   []struct{ ID string }
}

func read(t testing.TB, prompt []byte) (o options) {
	t.Helper()
	if err := json.Unmarshal(prompt, &o); err != nil {
		t.Fatalf("%v in %q", err, prompt)
	}
	return o
}

// Either of two keys responds to a challenge of one, and the assertion names the one
// that did. A second key has the user handle of the first, and excludes it.
func TestTwoKeys(t *testing.T) {
	d, one, two := open(t), newDevice(), newDevice()
	first := read(t, d.enrolling("ada").Prompt.Options)
	a := d.enrolling("ada")
	if o := read(t, a.Prompt.Options); o.User.ID == first.User.ID || len(o.ExcludeCredentials) != 0 {
		t.Errorf("a user without keys has the handle %s again", o.User.ID)
	}
	enrolled := read(t, a.Prompt.Options).User.ID
	d.do(a, authn.Activate{Code: one.create(t, a)})
	a = d.do(d.begin(authn.Login{User: "ada", Adding: true}), authn.Challenge{Factor: "k1"})
	a = d.do(a, authn.Verify{Code: one.get(t, a)})
	a = d.do(a, authn.Enroll{Type: "webauthn"})
	o := read(t, a.Prompt.Options)
	if o.User.ID != enrolled || len(o.ExcludeCredentials) != 1 || o.ExcludeCredentials[0].ID != base64url.EncodeToString(one.ID) {
		t.Errorf("the second key is enrolled with %s", a.Prompt.Options)
	}
	if handle, err := base64url.DecodeString(enrolled); err != nil || len(handle) != 32 || bytes.Contains(handle, []byte("ada")) {
		t.Errorf("the handle is %q", handle)
	}
	if next := d.do(a, authn.Activate{Code: one.create(t, a)}); next.State != authn.MFAEnrollActivate || next.Outcome != authn.WrongCode {
		t.Errorf("the same key twice: %s", next.State)
	} else {
		a = d.do(next, authn.Activate{Code: two.create(t, next)})
	}
	if a.State != authn.Success {
		t.Fatal(a.State, a.Outcome)
	}
	for _, k := range []*device{two, one} {
		a = d.challenged("ada")
		o := read(t, a.Prompt.Options)
		if len(o.AllowCredentials) != 2 || o.AllowCredentials[0].ID != base64url.EncodeToString(one.ID) {
			t.Errorf("a challenge of k1 asks for %v", o.AllowCredentials)
		}
		k.Counter = 7
		a = d.do(a, authn.Verify{Code: k.get(t, a)})
		as, err := d.Redeem(t.Context(), a.Session)
		if want := map[*device]string{one: "k1", two: "k2"}[k]; err != nil || !slices.Equal(as.Factors, []string{want}) {
			t.Errorf("%v, %v; want %s", as, err, want)
		}
	}
	for i, f := range d.FactorsOf("ada") {
		if f.Revision != 2 {
			t.Errorf("the count of key %d has risen, and the Directory has revision %d", i, f.Revision)
		}
	}
}

// The keys of another user are not this one's, even if two users have the same.
func TestOtherUser(t *testing.T) {
	d, adas, graces := open(t), newDevice(), newDevice()
	a := d.enrolling("ada")
	d.do(a, authn.Activate{Code: adas.create(t, a)})
	a = d.enrolling("grace")
	d.do(a, authn.Activate{Code: graces.create(t, a)})

	a = d.challenged("grace")
	if next := d.do(a, authn.Verify{Code: adas.get(t, a)}); next.Outcome != authn.WrongCode || next.State != authn.MFAChallenge {
		t.Errorf("ada's key signs grace in: %s", next.State)
	}
	// A response to ada's challenge does nothing for grace, with any key.
	a, his := d.challenged("ada"), d.challenged("grace")
	d.refused(his, authn.Verify{Code: graces.get(t, a)}, authn.ErrMalformed)

	// Grace's new key has the id of ada's: each is looked up among the user's own.
	double := newDevice()
	double.ID = adas.ID
	reset := d.FactorsOf("grace") // a factor that is reset keeps its revision
	reset[0].Status, reset[0].Data = authn.NotSetUp, nil
	d.SetFactors("grace", reset...)
	a = d.enrolling("grace")
	d.do(a, authn.Activate{Code: double.create(t, a)})
	for user, k := range map[string]*device{"ada": adas, "grace": double} {
		if a := d.challenged(user); d.do(a, authn.Verify{Code: k.get(t, a)}).State != authn.Success {
			t.Errorf("%s does not sign in", user)
		}
	}
}

// A response is good once, and for its own challenge only.
func TestReplay(t *testing.T) {
	d, k := open(t), newDevice()
	a := d.enrolling("ada")
	d.refused(a, authn.Activate{Code: k.create(t, d.enrolling("ada"))}, authn.ErrMalformed) // of another transaction
	made := k.create(t, a)
	d.do(a, authn.Activate{Code: made})
	if _, err := d.Do(t.Context(), a.Token, authn.Activate{Code: made}); err == nil {
		t.Error("a response enrolls twice")
	}

	a = d.challenged("ada")
	d.refused(a, authn.Verify{Code: made}, authn.ErrMalformed) // it was to enroll
	old := k.get(t, a)
	a = d.do(d.do(a, authn.Previous{}), authn.Challenge{Factor: "k1"}) // asked anew
	d.refused(a, authn.Verify{Code: old}, authn.ErrMalformed)
	forger := newDevice()
	forger.ID = k.ID
	mine, forged := k.get(t, a), forger.get(t, a)
	next := d.do(a, authn.Verify{Code: forged})
	if next.Outcome != authn.WrongCode || next.TriesLeft != a.TriesLeft-1 || bytes.Equal(next.Prompt.Options, a.Prompt.Options) {
		t.Errorf("a forged response: %s, %d tries of %d", next.Outcome, next.TriesLeft, a.TriesLeft)
	}
	d.refused(next, authn.Verify{Code: mine}, authn.ErrMalformed) // its challenge has had a response
	d.refused(next, authn.Verify{Code: forged}, authn.ErrMalformed)
	good := k.get(t, next)
	if a = d.do(next, authn.Verify{Code: good}); a.State != authn.Success {
		t.Fatal(a.State)
	}
	a = d.challenged("ada")
	d.refused(a, authn.Verify{Code: good}, authn.ErrMalformed)
}

// Of responses that arrive at once, to one challenge, one is taken.
func TestAtOnce(t *testing.T) {
	d, k := open(t), newDevice()
	a := d.enrolling("ada")
	d.do(a, authn.Activate{Code: k.create(t, a)})
	a = d.challenged("ada")
	k.Counter = 1
	response := k.get(t, a)
	var wins sync.Map
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if next, err := d.Do(t.Context(), a.Token, authn.Verify{Code: response}); err == nil && next.State == authn.Success {
				wins.Store(next.Session, true)
			}
		})
	}
	all.Wait()
	n := 0
	wins.Range(func(any, any) bool { n++; return true })
	if f := d.FactorsOf("ada")[0]; n != 1 || f.Revision != 2 {
		t.Errorf("%d sign-ins, revision %d", n, f.Revision)
	}
}

// A copy of a key is found out by its sign count: in whichever order the two are used,
// the one whose count is behind does not sign in.
func TestClone(t *testing.T) {
	d, k := open(t), newDevice()
	a := d.enrolling("ada")
	k.Counter = 3
	d.do(a, authn.Activate{Code: k.create(t, a)})
	for _, c := range []struct {
		count uint32
		state authn.State
	}{{5, authn.Success}, {5, authn.MFAChallenge}, {4, authn.MFAChallenge}, {0, authn.MFAChallenge}, {6, authn.Success}, {1<<32 - 1, authn.Success}} {
		a, k.Counter = d.challenged("ada"), c.count
		if a = d.do(a, authn.Verify{Code: k.get(t, a)}); a.State != c.state || a.State == authn.MFAChallenge && a.Outcome != authn.WrongCode {
			t.Errorf("count %d: %s %s", c.count, a.State, a.Outcome)
		}
	}
}

// Two transactions, one count: the second one meets what the first one has used, even
// while the Directory has not taken it.
func TestCountInParallel(t *testing.T) {
	d, k := open(t), newDevice()
	a := d.enrolling("ada")
	d.do(a, authn.Activate{Code: k.create(t, a)})
	one, two := d.challenged("ada"), d.challenged("ada")
	d.World.Fail("activated", failing)
	k.Counter = 1
	if a = d.do(one, authn.Verify{Code: k.get(t, one)}); a.State != authn.Success {
		t.Fatal(a.State)
	}
	if a = d.do(two, authn.Verify{Code: k.get(t, two)}); a.Outcome != authn.WrongCode {
		t.Errorf("the same count again: %s", a.State)
	}
	k.Counter = 2
	if a = d.do(two, authn.Verify{Code: k.get(t, a)}); a.State != authn.Success {
		t.Errorf("the next count: %s", a.State)
	}
}

// The longest responses that are looked at, and those that are not.
func TestTooLong(t *testing.T) {
	d, k := open(t), newDevice()
	a := d.enrolling("ada")
	made := k.create(t, a)
	pad := func(n int) authn.Code { return made + authn.Code(strings.Repeat(" ", n-len(made))) }
	d.refused(a, authn.Activate{Code: pad(1 << 20)}, authn.ErrMalformed)
	d.refused(a, authn.Activate{Code: pad(16<<10 + 1)}, authn.ErrMalformed)
	if a = d.do(a, authn.Activate{Code: pad(16 << 10)}); a.State != authn.Success {
		t.Errorf("16 KiB: %s", a.State)
	}
	v := verifier(t)
	c := owner(t, v, k, saying{flags: up})
	response := saying{flags: up}.get(t, k, prompt(t, v, c))
	for n, want := range map[int]string{16 << 10: "right", 16<<10 + 1: "malformed", 1 << 20: "malformed"} {
		if got := worth(ask(t, v, c, response+authn.Code(strings.Repeat(" ", n-len(response))))); got != want {
			t.Errorf("%d bytes: %s", n, got)
		}
	}
}

// A Directory that has lost what it was given, or has what another version of this
// package wrote, says nothing of the user: there is no verdict, and no try is spent.
func TestLostData(t *testing.T) {
	v, k := verifier(t), newDevice()
	c := owner(t, v, k, saying{flags: up})
	c.Response = []byte(saying{flags: up}.get(t, k, prompt(t, v, c)))
	for name, data := range map[string][]byte{"none": nil, "another version": append([]byte{2}, c.Factor.Data[1:]...), "half": c.Factor.Data[:20]} {
		c.Factor.Data = data
		if verdict, err := v.Verify(t.Context(), c); err == nil {
			t.Errorf("%s: %s", name, worth(verdict))
		}
		if options, err := v.Prompt(t.Context(), c); err == nil {
			t.Errorf("%s: %s", name, options)
		}
	}

	d := open(t)
	a := d.enrolling("ada")
	d.do(a, authn.Activate{Code: k.create(t, a)})
	f := d.FactorsOf("ada")[0]
	f.Data, f.Revision = nil, 9
	d.SetFactors("ada", f)
	a = d.challenged("ada")
	if a.Prompt.Options != nil {
		t.Errorf("asks for %s", a.Prompt.Options)
	}
	c.Challenge = [32]byte{}
	d.refused(a, authn.Verify{Code: authn.Code(c.Response)}, authn.ErrUnavailable)
}

// RSA keys sign in as well.
func TestRSA(t *testing.T) {
	d, k := open(t), newDevice()
	k.Credential = vw.NewCredential(vw.KeyTypeRSA)
	a := d.enrolling("ada")
	d.do(a, authn.Activate{Code: k.create(t, a)})
	a = d.challenged("ada")
	if a = d.do(a, authn.Verify{Code: k.get(t, a)}); a.State != authn.Success {
		t.Error(a.State, a.Outcome)
	}
}

// With RequireUserVerification a key without does not enroll, a response without does
// not sign in, and a key that was enrolled without is not asked for: whoever uses it is
// not known to have set the PIN.
func TestUserVerification(t *testing.T) {
	require := func(c *webauthnfactor.Config) { c.RequireUserVerification = true }
	strict, easy := verifier(t, require), verifier(t)
	with, without := newDevice(), newDevice()
	c := owner(t, strict, with, saying{flags: up | uv})
	if got := worth(ask(t, strict, c, saying{flags: up}.get(t, with, prompt(t, strict, c)))); got != "wrong" {
		t.Errorf("a response without: %s", got)
	}
	if got := worth(ask(t, easy, c, saying{flags: up}.get(t, with, prompt(t, easy, c)))); got != "right" {
		t.Errorf("a response without, where it is preferred: %s", got)
	}
	if got := ask(t, easy, c, saying{flags: up}.get(t, with, prompt(t, easy, c))); got.Methods != nil {
		t.Errorf("a response without is called %v", got.Methods)
	}
	if got := ask(t, easy, c, saying{flags: up | uv}.get(t, with, prompt(t, easy, c))); !slices.Equal(got.Methods, []string{"pop", "user", "uv"}) {
		t.Errorf("a response with it is called %v", got.Methods)
	}
	old := owner(t, easy, without, saying{flags: up})
	later := ask(t, easy, old, saying{flags: up | uv}.get(t, without, prompt(t, easy, old)))
	if worth(later) != "right" || later.Data != nil || later.Methods != nil {
		t.Errorf("user verification later on: %s, and is kept", worth(later))
	}
	if _, err := strict.Prompt(t.Context(), old); err == nil {
		t.Error("a key that was enrolled without is asked for")
	}
	c.Others = []authn.Factor{{ID: "k2", Type: "webauthn", Data: old.Factor.Data}}
	if o := read(t, prompt(t, strict, c)); len(o.AllowCredentials) != 1 {
		t.Errorf("asks for %v", o.AllowCredentials)
	}
	if got := worth(ask(t, strict, c, saying{flags: up | uv}.get(t, without, prompt(t, strict, c)))); got != "wrong" {
		t.Errorf("its response: %s", got)
	}
	for v, want := range map[authn.Verifier]string{strict: `"required"`, easy: `"preferred"`} {
		for _, purpose := range []authn.Purpose{authn.PurposeEnroll, authn.PurposeSignIn} {
			c.Purpose = purpose
			if b := prompt(t, v, c); !bytes.Contains(b, []byte(`"userVerification":`+want)) {
				t.Errorf("want %s in %s", want, b)
			}
		}
	}
	c.Purpose, c.Others, c.Factor = authn.PurposeEnroll, nil, authn.Factor{ID: "k1"}
	if got := worth(ask(t, strict, c, saying{flags: up}.create(t, without, prompt(t, strict, c)))); got != "wrong" {
		t.Errorf("enrolls without: %s", got)
	}
}
