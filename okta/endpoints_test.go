package okta

import (
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
			fmt.Fprintf(&b, "//\t%-4s %-46s %s\n", e.method, e.path, text+o.does)
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
	}
	h := &Handler{ways: ways(endpoints)}
	for _, tr := range authn.Transitions() {
		if tr.Refuse != nil || !slices.Contains(calls, tr.Event) {
			continue
		}
		n := 0
		for _, w := range h.ways {
			if w.event == tr.Event && (w.in == "" || w.in == tr.From) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s in %s: %d endpoints, want one", tr.Event, tr.From, n)
		}
	}
	for _, e := range endpoints {
		for _, o := range e.does {
			moves := func(tr authn.Transition) bool { return tr.Event == o.event && tr.From == o.in && tr.Refuse == nil }
			if o.in != "" && !slices.ContainsFunc(authn.Transitions(), moves) {
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
		authnPath + "/factors/":                   "",
		authnPath + "/factors/verify":             "",
		authnPath + "/factors/f1/verify":          factorPath + "/verify",
		authnPath + "/factors/f1/verify/resend":   factorPath + "/verify/resend",
		authnPath + "/factors/verify/verify":      factorPath + "/verify",
		authnPath + "/factors/f1/verify/verify":   "",
		authnPath + "/factors/f1/verify/":         "",
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

// TestFactorTypes: a type has Okta's provider and its address in the member
// that Okta has for it; one that is not known shows no address.
func TestFactorTypes(t *testing.T) {
	for name, want := range map[string]factorProfile{
		authn.Email: {Email: "masked"}, "sms": {Phone: "masked"}, "pigeon": {},
	} {
		f := showFactor(authn.Factor{ID: "f1", Type: name, Address: "masked"})
		if f.ID != "f1" || f.Type != name || f.Provider != "OKTA" || f.Vendor != "OKTA" || f.Profile != want {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
