package okta

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
)

// listed is the list of endpoints as the package documentation has it.
func listed() string {
	var b strings.Builder
	for _, e := range endpoints {
		for _, o := range e.does {
			var what []string
			if o.in != "" {
				what = append(what, "in "+string(o.in))
			}
			if o.with != "" {
				what = append(what, o.with)
			}
			text := strings.Join(what, ", ")
			if text != "" && o.does != "" {
				text += ": "
			}
			fmt.Fprintf(&b, "//\t%-4s %-51s %s\n", e.method, e.path, text+o.does)
		}
	}
	return b.String()
}

// TestEndpointsAreDocumented compares the list in the package documentation
// with the table.
func TestEndpointsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "// # Endpoints\n")
	section, _, _ = strings.Cut(section, "// # ")
	var list strings.Builder
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "//\t") {
			list.WriteString(line)
		}
	}
	if list.String() != listed() {
		t.Errorf("doc.go lists\n%swant\n%s", list.String(), listed())
	}
}

// TestEveryEventHasAnEndpoint: what the table of the machine lets a client do
// in a state, it can do over the wire, and links and errors name one way to it.
func TestEveryEventHasAnEndpoint(t *testing.T) {
	calls := []authn.EventName{
		authn.EventPrimary, authn.EventEnroll, authn.EventActivate, authn.EventChallenge, authn.EventVerify, authn.EventResend,
		authn.EventPrevious, authn.EventSkip, authn.EventCancel, authn.EventRedeem,
		authn.EventChangePassword, authn.EventResetPassword, authn.EventPass, authn.EventAnswer,
	}
	h := &Handler{ways: ways(endpoints), builtIn: builtIn()}
	h.cfg.Gates = map[authn.State]Gate{"SCOPES": {Status: string(consentRequired)}}
	key := []byte("one 5Zb8w1kqXn3sPz7RtYv2cEh4Lm6D")
	pseudo := []byte("pseudonyms u7Yt5Re3Wq1As9Df2Gh4Jk6L")
	m, err := authn.NewMachine(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: key}}, PseudonymKey: pseudo, Gates: []authn.Gate{{State: "TERMS"}, {State: "SCOPES"}, {State: profileRequired}, {State: deviceActivate}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table := m.Transitions()
	for _, tr := range table {
		if tr.Refuse != nil || !slices.Contains(calls, tr.Event) || tr.From == authn.FactorChallenge && tr.Event != authn.EventCancel { // Okta's API has no sign-in without a password
			continue
		}
		n := 0
		for _, w := range h.ways {
			if w.event == tr.Event && h.has(w.operation, tr.From) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s in %s: %d endpoints, want one", tr.Event, tr.From, n)
		}
	}
	for _, e := range endpoints {
		for _, o := range e.does {
			moves := func(tr authn.Transition) bool { return tr.Event == o.event && h.has(&o, tr.From) && tr.Refuse == nil }
			if o.in != "" && !slices.ContainsFunc(table, moves) {
				t.Errorf("%s: nothing takes %s in %s", e.path, o.event, o.in)
			}
		}
	}
}

// TestFind: a path leads to the endpoint whose pattern it has, and to none if
// the host has not configured it.
func TestFind(t *testing.T) {
	for path, want := range map[string]string{
		authnPath:                                 authnPath,
		authnPath + "/factors":                    authnPath + "/factors",
		authnPath + "/":                           authnPath,
		authnPath + "//":                          "",
		authnPath + "/factors/":                   authnPath + "/factors",
		authnPath + "/factors//":                  "",
		authnPath + "/factors/verify":             "",
		authnPath + "/factors/verify/":            "",
		authnPath + "/factors/f1/verify":          factorPath + "/verify",
		authnPath + "/factors/f1/verify/resend":   factorPath + "/verify/resend",
		authnPath + "/factors/verify/verify":      factorPath + "/verify",
		authnPath + "/factors/f1/verify/verify":   "",
		authnPath + "/factors/f1/verify/":         factorPath + "/verify",
		authnPath + "/factors/f1/verify//":        "",
		authnPath + "/factors/f%2F1/verify":       factorPath + "/verify",
		authnPath + "/factors/{id}/verify":        factorPath + "/verify",
		authnPath + "/factors/f1//verify":         "",
		authnPath + "/factors/f1/lifecycle/sleep": "",
		sessionsPath:                              "",
		"/login/sessionCookieRedirect":            "",
	} {
		x := &exchange{h: &Handler{}}
		switch e, err := x.find(path); {
		case err != nil && want != "":
			t.Errorf("%s: %v, want %s", path, err, want)
		case err == nil && e.path != want:
			t.Errorf("%s leads to %s, want %q", path, e.path, want)
		}
	}
}

// TestRules: the last rule is for every refusal, and no rule is hidden by one
// before it.
func TestRules(t *testing.T) {
	if last := rules[len(rules)-1]; last.why != nil || last.events != nil {
		t.Error("a refusal may have no rule")
	}
	for i := range rules {
		r := &rules[i]
		if r.why == nil {
			continue
		}
		events := r.events
		if events == nil {
			events = []authn.EventName{authn.EventVerify}
		}
		for _, e := range events {
			if got := ruleOf(e, fmt.Errorf("wrapped: %w", r.why)); got != r {
				t.Errorf("%s of %s has the rule of %v, %v", r.why, e, got.why, got.events)
			}
		}
	}
}

// TestFactorTypes: a type has Okta's name, its provider, and its address in the
// member that Okta has for it; one that is not known shows no address.
func TestFactorTypes(t *testing.T) {
	known, err := typesOf(map[string]FactorType{"acme:key": {Type: "token:hardware", Provider: "YUBICO"}})
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{h: &Handler{types: known}}
	for name, want := range map[string]factor{
		authn.Email:         {Type: "email", Provider: "OKTA", Vendor: "OKTA", Profile: FactorProfile{Email: "masked"}},
		authn.SMS:           {Type: "sms", Provider: "OKTA", Vendor: "OKTA", Profile: FactorProfile{Phone: "masked"}},
		authn.Call:          {Type: "call", Provider: "OKTA", Vendor: "OKTA", Profile: FactorProfile{Phone: "masked"}},
		authn.TOTP:          {Type: "token:software:totp", Provider: "GOOGLE", Vendor: "GOOGLE", Profile: FactorProfile{CredentialID: "ada"}},
		authn.RecoveryCodes: {Type: "token:hotp", Provider: "CUSTOM", Vendor: "Recovery codes"},
		"webauthn":          {Type: "webauthn", Provider: "FIDO", Vendor: "FIDO"},
		"question":          {Type: "question", Provider: "OKTA", Vendor: "OKTA"},
		"acme:key":          {Type: "token:hardware", Provider: "YUBICO", Vendor: "YUBICO"},
		"pigeon":            {Type: "pigeon", Provider: "OKTA", Vendor: "OKTA"},
	} {
		want.ID = "f1"
		f := authn.Factor{ID: "f1", Type: name, Address: "masked"}
		if got := x.showFactor(f, user{ID: "u1", Profile: &Profile{Login: "ada"}}); got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestTypes: an enrollment finds a type by Okta's names for it, and New names what
// cannot be told apart.
func TestTypes(t *testing.T) {
	known, err := typesOf(map[string]FactorType{"acme:key": {Type: "token:hardware", Provider: "YUBICO"}, "acme:ask": {Type: "question"}, "acme:app": {Type: "push"}})
	if err != nil || !known.polls {
		t.Fatal(err)
	}
	for ask, want := range map[[2]string]string{
		{"email", "OKTA"}:                 authn.Email,
		{"token:software:totp", "GOOGLE"}: authn.TOTP,
		{"token:software:totp", "OKTA"}:   authn.TOTP,
		{"token:hotp", "CUSTOM"}:          authn.RecoveryCodes,
		{"token:hardware", "YUBICO"}:      "acme:key",
		{"question", "OKTA"}:              "acme:ask",
		{"push", "OKTA"}:                  "acme:app",
		{"pigeon", "OKTA"}:                "pigeon",
		{"totp", "OKTA"}:                  "", // is shown by another name
		{"acme:key", "OKTA"}:              "",
		{"recovery_codes", "OKTA"}:        "",
	} {
		if got, err := known.called(ask[0], ask[1]); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", ask, got, err, want)
		}
	}
	for ask, want := range map[[2]string]string{
		{"email", "GOOGLE"}:               "OKTA",
		{"token:software:totp", "YUBICO"}: "GOOGLE",
		{"token:hardware", "OKTA"}:        "YUBICO",
		{"webauthn", ""}:                  "FIDO",
		{"pigeon", "CUSTOM"}:              "OKTA",
	} {
		_, err := known.called(ask[0], ask[1])
		if f := (*failure)(nil); !errors.As(err, &f) || f.code != invalid || f.causes[0].Summary != "provider: "+want+" is expected" {
			t.Errorf("%s: %v", ask, err)
		}
	}
	for want, own := range map[string]map[string]FactorType{
		`"b" has the Type and the Provider of "a"`: {"a": {Type: "push"}, "b": {Type: "push", Provider: "OKTA"}},
		`"a": a name, a Type`:                      {"a": {}},
		`"a b": a name`:                            {"a b": {Type: "push"}},
		`"a": a name, a Type or a Provider is`:     {"a": {Type: "push", Provider: "Ö"}},
	} {
		if _, err := typesOf(own); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
