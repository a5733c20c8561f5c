package okta_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// keeper keeps a gate: "yes" passes, and what else is handed in is what it says.
type keeper struct {
	got    []string
	passed bool
	yes    string
}

func (k *keeper) Needed(context.Context, string) (bool, error) { return !k.passed, nil }

func (k *keeper) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	k.got = append(k.got, string(in.Input))
	switch string(in.Input) {
	case k.yes:
		return authn.Verdict{Right: true}, nil
	case "rejected":
		return authn.Verdict{Rejected: true, Reasons: []string{"It is too short.", "It has no country."}}, nil
	case "denied":
		return authn.Verdict{Denied: true}, nil
	}
	return authn.Verdict{}, nil
}

func (k *keeper) Passed(context.Context, authn.Change) error { k.passed = true; return nil }

// newGates is a world with one gate, and what clients see of it.
func newGates(t testing.TB, state authn.State, shown map[authn.State]okta.Gate) (*world, *keeper) {
	k := &keeper{yes: "yes"}
	w := newWorld(t, authn.Policy{})
	w.authn = func(c *authn.Config) { c.Gates = []authn.Gate{{State: state, Keeper: k}} }
	w.okta = func(c *okta.Config) { c.Gates = shown }
	w.svc, w.h = w.node(authn.Policy{LockEvery: 5}, "acme")
	return w, k
}

const termsPath = "/api/v1/authn/gates/TERMS"

func TestWalkGate(t *testing.T) {
	w, k := newGates(t, "TERMS", map[authn.State]okta.Gate{"TERMS": {Embedded: func(_ context.Context, user string) (map[string]any, error) {
		return map[string]any{"version": 7, "user": "is not replaced by that of " + user}, nil
	}}})
	c := w.client("bob")
	c.comment("A state of the host's own, which comes after the last proof.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	r = c.is(c.send(r.str(next), "passCode", c.code("bob")), 200, "TERMS")
	c.comment("What is wrong is counted like a wrong code; what is rejected is not.")
	c.is(c.send(r.str(next), "input", "no"), 403, "E0000068")
	c.is(c.send(r.str(next), "input", "rejected"), 400, "E0000001")
	c.is(c.send(r.str(next), "input", "yes"), 200, "SUCCESS")
	if fmt.Sprint(k.got) != "[no rejected yes]" || !k.passed {
		t.Errorf("%q", k.got)
	}
	c.golden()
}

func TestWalkConsent(t *testing.T) {
	w, k := newGates(t, "SCOPES", map[authn.State]okta.Gate{"SCOPES": {Status: "CONSENT_REQUIRED", Embedded: func(context.Context, string) (map[string]any, error) {
		return map[string]any{
			"scopes": []map[string]string{{"name": "email", "displayName": "Your address"}},
			"target": map[string]string{"label": "Shop"},
		}, nil
	}}})
	c := w.client("alan")
	c.comment("A state of the host's own that Okta's clients know as CONSENT_REQUIRED.")
	r := c.is(c.login(), 200, "CONSENT_REQUIRED")
	k.yes = `{"expiresAt":"x","scopes":["email"]}`
	c.is(c.post(r.str(next), `{"stateToken":"`+c.token+`","consent":`+k.yes+`}`), 200, "SUCCESS")
	c.golden()
}

func TestWalkDeviceActivate(t *testing.T) {
	w, k := newGates(t, "PAIR", map[authn.State]okta.Gate{"PAIR": {Status: "DEVICE_ACTIVATE", Embedded: func(context.Context, string) (map[string]any, error) {
		return map[string]any{"userCode": "WDJB-MJHT"}, nil
	}}})
	c := w.client("bob")
	c.comment("A state of the host's own that Okta's clients know as DEVICE_ACTIVATE: another device shows a code.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	r = c.is(c.send(r.str(next), "passCode", c.code("bob")), 200, "DEVICE_ACTIVATE")
	if r.str("_links.next.name") != "deviceActivate" || r.str("_embedded.userCode") != "WDJB-MJHT" || r.at("_embedded.deviceActivationStatus") != nil {
		t.Errorf("%s", r.Body)
	}
	for _, bad := range []string{"no", "rejected"} {
		if r = c.is(c.send(r.str(next), "userCode", bad), 200, "DEVICE_ACTIVATE"); r.str("_embedded.deviceActivationStatus") != "INVALID_USER_CODE" || r.str("_embedded.user.id") != "user-bob" {
			t.Errorf("%s", r.Body)
		}
	}
	if acct, err := w.svc.Inspect(t.Context(), "user-bob"); err != nil || len(acct.View().WrongCodes) != 1 {
		t.Errorf("%s, %v", acct, err)
	}
	c.unchanged(func() {
		c.is(c.send(r.str(next)), 400, "E0000001")
		c.is(c.send(r.str(next)+"?userCode=yes", "userCode", "yes"), 400, "E0000001")
		c.is(c.send(termsPath, "input", "yes"), 403, "E0000079")
		c.is(c.post("/api/v1/authn/consent", `{"stateToken":"`+c.token+`","consent":{}}`), 403, "E0000079")
	})
	r = c.is(c.send(r.str(next), "userCode", "yes"), 200, "SUCCESS")
	if r.str("_embedded.deviceActivationStatus") != "DEVICE_ACTIVATED" || r.str("sessionToken") == "" {
		t.Errorf("%s", r.Body)
	}
	if fmt.Sprint(k.got) != "[no rejected yes]" || !k.passed {
		t.Errorf("%q", k.got)
	}
	c.golden()
}

// Without Embedded it is the same, and what is denied ends the sign-in.
func TestDeviceActivate(t *testing.T) {
	w, _ := newGates(t, "DEVICE_ACTIVATE", nil)
	c := w.client("alan")
	r := c.is(c.login(), 200, "DEVICE_ACTIVATE")
	if r = c.is(c.send(r.str(next), "userCode", "no"), 200, "DEVICE_ACTIVATE"); r.str("_embedded.deviceActivationStatus") != "INVALID_USER_CODE" {
		t.Errorf("%s", r.Body)
	}
	c.is(c.send(r.str(next), "userCode", "denied"), 403, "E0000006")
	c.is(c.send(r.str(next), "userCode", "yes"), 401, "E0000011")
}

// TestProfileRequired: another of Okta's names, with an endpoint and a member of its own; the
// state itself may have it.
func TestProfileRequired(t *testing.T) {
	for state, shown := range map[authn.State]map[authn.State]okta.Gate{"PROFILE_REQUIRED": nil, "WHO": {"WHO": {Status: "PROFILE_REQUIRED"}}} {
		w, k := newGates(t, state, shown)
		c := w.client("alan")
		r := c.is(c.login(), 200, "PROFILE_REQUIRED")
		if r.str("_links.next.name") != "enroll" || r.str(next) != base+"/api/v1/authn/enroll" {
			t.Error(r.Body)
		}
		k.yes = `{"profile": {"country":"IT"}}`
		c.is(c.send("/api/v1/authn/consent"), 400, "E0000001")
		c.is(c.post("/api/v1/authn/consent", `{"stateToken":"`+c.token+`","consent":{}}`), 403, "E0000079")
		c.is(c.send(cancelPath+"x"), 404, "E0000008")
		if e := c.is(c.send("/api/v1/authn/skip"), 403, "E0000079"); e.str(firstCause) != "The transaction is in PROFILE_REQUIRED." || e.str("errorCauses.1.href") != r.str(next) {
			t.Error(e.Body)
		}
		c.is(c.post(r.str(next), `{"stateToken":"`+c.token+`","registration":`+k.yes+`}`), 200, "SUCCESS")
	}
}

// TestGateInputs: a text is handed in as it is, anything else as its JSON; what is
// missing, or for another gate, is not handed in at all.
func TestGateInputs(t *testing.T) {
	w, k := newGates(t, "TERMS", nil)
	c := w.client("alan")
	r := c.is(c.login(), 200, "TERMS")
	if r.str(next) != base+termsPath || r.str("_links.next.name") != "pass" || r.at("_embedded.user.id") != "user-alan" {
		t.Error(r.Body)
	}
	body := func(member string) string { return `{"stateToken":"` + c.token + `"` + member + `}` }
	c.unchanged(func() {
		for path, members := range map[string][]string{
			termsPath:                                        {``, `,"input":null`, `,"passCode":"yes"`, `,"input":"yes","input":"yes"`, `,"input":{"a":1,"a":2}`, `,"Input":"yes"`},
			termsPath + "?input=yes":                         {`,"input":"no"`},
			"/api/v1/authn/gates/":                           {`,"input":"yes"`},
			"/api/v1/authn/gates/TER%20MS":                   {`,"input":"yes"`},
			"/api/v1/authn/gates/" + strings.Repeat("T", 33): {`,"input":"yes"`},
		} {
			for _, m := range members {
				if e := c.post(path, body(m)); e.Code != 400 && e.Code != 404 {
					t.Errorf("%s %s: %d %s", path, m, e.Code, e.Body)
				}
			}
		}
		for _, gate := range []string{"PROFILE", "MFA_REQUIRED", "SUCCESS", "terms"} {
			c.is(c.post("/api/v1/authn/gates/"+gate, body(`,"input":"yes"`)), 403, "E0000079")
		}
		c.is(c.post(termsPath, body(`,"input":"`+strings.Repeat("x", 16<<10)+`"`)), 413, "E0000003")
		e := c.is(c.send("/api/v1/authn/skip"), 403, "E0000079")
		if e.str("errorCauses.1.event") != "pass" || e.str("errorCauses.1.href") != base+termsPath {
			t.Error(e.Body)
		}
	})
	if len(k.got) != 0 {
		t.Errorf("handed in: %q", k.got)
	}
	for _, v := range []string{`[1, "a"]`, `{"a":"\u0041"}`, `7`, `true`} {
		e := c.post(termsPath, body(`,"input": `+v+` `))
		if got := k.got[len(k.got)-1]; got != v {
			t.Errorf("%s came as %s", v, got)
		}
		if e.str(firstCause) == "" || strings.Contains(e.str(firstCause), "code") {
			t.Error(e.Body)
		}
	}
	c.wait(time.Minute)
	if e := c.is(c.post(termsPath, body(`,"input":""`)), 403, "E0000069"); k.got[len(k.got)-1] != "" {
		t.Error(e.Body, k.got)
	}
}

// TestGateDenied: the host ends the sign-in, and cancel does.
func TestGateDenied(t *testing.T) {
	w, _ := newGates(t, "TERMS", nil)
	c := w.client("alan")
	r := c.is(c.login(), 200, "TERMS")
	c.is(c.send(r.str(next), "input", "denied"), 403, "E0000006")
	c.is(c.send(r.str(next), "input", "yes"), 401, "E0000011")
	r = c.is(c.login(), 200, "TERMS")
	c.is(c.send(r.str(cancel)), 200, "")
}

// TestGateShowsNothing: a host that cannot say what to show shows nothing.
func TestGateShowsNothing(t *testing.T) {
	for _, broken := range []error{nil, errors.New("away")} {
		w, _ := newGates(t, "TERMS", map[authn.State]okta.Gate{"TERMS": {Embedded: func(context.Context, string) (map[string]any, error) { return nil, broken }}})
		if r := w.client("alan").login(); r.str("status") != "TERMS" || r.str("_embedded.user.id") != "user-alan" || r.str(next) == "" {
			t.Error(r.Body)
		}
	}
}

// TestGateConfig: New names what clients could not tell apart.
func TestGateConfig(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	for want, gates := range map[string]map[authn.State]okta.Gate{
		`"SUCCESS": it is, or is shown as, a state that is no gate`:        {"SUCCESS": {}},
		`"TERMS": it is, or is shown as, a state that is no gate`:          {"TERMS": {Status: "SUCCESS"}},
		`"GATE": it is, or is shown as, a state that is no gate`:           {"GATE": {}},
		`"A" and "B": both are shown as CONSENT_REQUIRED`:                  {"A": {Status: "CONSENT_REQUIRED"}, "B": {Status: "CONSENT_REQUIRED"}},
		`"A" and "CONSENT_REQUIRED": both are shown as CONSENT_REQUIRED`:   {"A": {Status: "CONSENT_REQUIRED"}, "CONSENT_REQUIRED": {}},
		`"A": a name is not 1 to 64 printable ASCII bytes without a space`: {"A": {Status: "B C"}},
		`"": a name is not 1 to 64 printable ASCII bytes without a space`:  {"": {Status: "B"}},
	} {
		_, err := okta.New(okta.Config{Service: w.svc, Passwords: w.people, Gates: gates})
		if err == nil || err.Error() != "okta: Gates: "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := okta.New(okta.Config{Service: w.svc, Passwords: w.people, Remember: -1}); err == nil || !strings.HasPrefix(err.Error(), "okta: Remember: ") {
		t.Error(err)
	}
}
