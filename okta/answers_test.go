package okta_test

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/okta"
)

// everything is a world with all that a host may configure.
func everything(t testing.TB, st authn.PasswordStatus, gate authn.State) (*world, *memsender.Sender) {
	w, v := newVault(t, authn.Policy{}, st)
	phone := new(memsender.Sender)
	w.authn = func(c *authn.Config) {
		c.Passwords, c.Questions, c.Directory = v, asking("What color?"), reachable{c.Directory}
		c.Senders = map[string]authn.Sender{"sms": phone}
		c.Go = func(f func()) { f() }
		c.Gates = []authn.Gate{{State: "TERMS", Keeper: &keeper{yes: "yes", passed: gate != "TERMS"}},
			{State: "SCOPES", Keeper: &keeper{yes: `{"scopes":["email"]}`, passed: gate != "SCOPES"}}, {State: "DETAILS", Keeper: &keeper{yes: `{"profile":{"city":"London"}}`, passed: gate != "DETAILS"}},
			{State: "PAIR", Keeper: &keeper{yes: "WDJB-MJHT", passed: gate != "PAIR"}}}
	}
	w.okta = func(c *okta.Config) {
		c.Recovery, c.Questions = true, []okta.Question{{Question: "q", Text: "What color?"}}
		c.Gates = map[authn.State]okta.Gate{"TERMS": {}, "SCOPES": {Status: "CONSENT_REQUIRED"}, "DETAILS": {Status: "PROFILE_REQUIRED"}, "PAIR": {Status: "DEVICE_ACTIVATE"}}
	}
	w.svc, w.h = w.node(authn.Policy{}, "acme")
	return w, phone
}

// A spot is a client that stands in a state, and what it could send from there.
type spot struct {
	*client
	texts                        *memsender.Sender
	factor, code, session, phone string
}

// spots lead to each status that clients see, in the order of a sign-in.
var spots = []struct {
	name string
	st   authn.PasswordStatus
	gate authn.State
	to   func(*spot)
}{
	{"no transaction", 0, "", func(*spot) {}},
	{"UNAUTHENTICATED", 0, "", func(s *spot) { s.token = s.stepUp(orders) }},
	{"MFA_ENROLL", 0, "", func(s *spot) { s.as("grace").login() }},
	{"MFA_ENROLL_ACTIVATE", 0, "", func(s *spot) {
		s.as("grace").login()
		s.send("/api/v1/authn/factors", "factorType", "email", "provider", "OKTA")
	}},
	{"MFA_REQUIRED", 0, "", func(s *spot) { s.as("bob").login() }},
	{"MFA_CHALLENGE", 0, "", func(s *spot) { s.as("bob").challenged() }},
	{"PASSWORD_WARN", authn.PasswordExpiresSoon, "", func(s *spot) {
		s.as("bob").post("/api/v1/authn", fmt.Sprintf(`{"username":"bob","password":%q,"options":{"warnBeforePasswordExpired":true}}`, goodPassword))
		s.proved()
	}},
	{"PASSWORD_EXPIRED", authn.PasswordHasExpired, "", func(s *spot) { s.as("bob").login(); s.proved() }},
	{"PASSWORD_RESET", authn.PasswordNeedsReset, "", func(s *spot) { s.as("bob").login(); s.proved() }},
	{"CONSENT_REQUIRED", 0, "SCOPES", func(s *spot) { s.as("bob").login(); s.proved() }},
	{"PROFILE_REQUIRED", 0, "DETAILS", func(s *spot) { s.as("bob").login(); s.proved() }},
	{"DEVICE_ACTIVATE", 0, "PAIR", func(s *spot) { s.as("bob").login(); s.proved() }},
	{"TERMS", 0, "TERMS", func(s *spot) { s.as("bob").login(); s.proved() }},
	{"RECOVERY_CHALLENGE", 0, "", func(s *spot) { s.as("bob").claim() }},
	{"RECOVERY", 0, "", func(s *spot) {
		s.as("bob").claim()
		began := s.token
		s.token = ""
		r := s.post("/api/v1/authn/recovery/factors/SMS/verify", fmt.Sprintf(`{"stateToken":%q,"passCode":%q}`, began, string(last(s.texts).Code)))
		s.token = r.str("stateToken")
	}},
	{"SUCCESS", 0, "", func(s *spot) { s.as("bob").login(); s.session = s.proved().str("sessionToken") }},
	{"ended", 0, "", func(s *spot) { s.as("bob").login(); s.send("/api/v1/authn/cancel") }},
}

// as is a client of a user, whose first factor is at hand.
func (s *spot) as(user string) *spot {
	s.client.user = user
	s.factor = s.people.factors["user-"+user][0].ID
	return s
}

func (s *spot) challenged() {
	s.login()
	s.send("/api/v1/authn/factors/" + s.factor + "/verify")
}

func (s *spot) proved() *reply {
	s.send("/api/v1/authn/factors/" + s.factor + "/verify")
	return s.send("/api/v1/authn/factors/"+s.factor+"/verify", "passCode", s.world.code("bob"))
}

func (s *spot) claim() {
	s.send("/api/v1/authn/recovery/password", "username", "bob", "factorType", "SMS")
}

// requests are what is sent to each endpoint: the right thing, if it were the time for it.
func (s *spot) requests() map[string]string {
	member := func(name, value string) string { return fmt.Sprintf(`,%q:%q`, name, value) }
	const factors, recovery = "POST /api/v1/authn/factors", "POST /api/v1/authn/recovery/"
	one := factors + "/{id}"
	return map[string]string{
		"POST /api/v1/authn":                             "",
		"POST /api/v1/authn/introspect":                  "",
		factors:                                          member("factorType", "email") + member("provider", "OKTA"),
		"GET /api/v1/authn/factors/questions":            "",
		one + "/lifecycle/activate":                      member("passCode", s.code),
		one + "/lifecycle/activate/poll":                 "",
		one + "/lifecycle/resend":                        "",
		one + "/verify":                                  "",
		one + "/verify, with the passCode":               member("passCode", s.code),
		one + "/verify/resend":                           "",
		"POST /api/v1/authn/credentials/change_password": member("oldPassword", goodPassword) + member("newPassword", freshPassword),
		"POST /api/v1/authn/credentials/reset_password":  member("newPassword", freshPassword),
		recovery + "password":                            member("username", "bob") + member("factorType", "SMS"),
		recovery + "unlock":                              member("username", "bob") + member("factorType", "SMS"),
		recovery + "token":                               member("recoveryToken", strings.Repeat("A", 64)),
		recovery + "factors/{id}/verify":                 member("passCode", s.phone),
		recovery + "factors/{id}/resend":                 "",
		recovery + "answer":                              member("answer", "blue"),
		"POST /api/v1/authn/consent":                     `,"consent":{"scopes":["email"]}`,
		"POST /api/v1/authn/enroll":                      `,"registration":{"profile":{"city":"London"}}`,
		"POST /api/v1/authn/device/activate":             member("userCode", "WDJB-MJHT"),
		"POST /api/v1/authn/gates/{id}":                  member("input", "yes"),
		"POST /api/v1/authn/previous":                    "",
		"POST /api/v1/authn/skip":                        "",
		"POST /api/v1/authn/cancel":                      "",
		"POST /api/v1/sessions":                          s.session,
		"GET /login/sessionCookieRedirect":               "",
		"GET /login/step-up/redirect":                    "",
	}
}

// ask sends a request, and says how it is answered.
func (s *spot) ask(request, members string) string {
	s.t.Helper()
	name, _, _ := strings.Cut(request, ",")
	method, path, _ := strings.Cut(name, " ")
	id := s.factor
	switch {
	case strings.Contains(path, "/recovery/"):
		id = "SMS"
	case strings.Contains(path, "/gates/"):
		id = "TERMS"
	}
	path = strings.ReplaceAll(path, "{id}", id)
	body := `{"stateToken":"` + s.token + `"` + members + `}`
	switch {
	case strings.HasSuffix(path, "/sessions"):
		body = fmt.Sprintf(`{"sessionToken":%q}`, members)
	case s.token == "":
		body = "{" + strings.TrimPrefix(members, ",") + "}"
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if method == "GET" {
		q := map[string]string{redirectPath: query("token", s.session, "redirectUrl", app), originalPath: query("stateToken", s.session, "redirectUrl", app)}
		r = httptest.NewRequest(method, path+q[path], nil)
	}
	r.Header.Set("Content-Type", "application/json")
	rep := s.do(r)
	switch text := rep.str("status") + rep.str("errorCode"); {
	case rep.Code == 302 || rep.Code == 303:
		return "a redirect"
	case rep.Code == 200 && text == "" && rep.at("list") != nil:
		return "a list"
	case rep.Code == 200 && text == "":
		return "nothing more"
	case rep.Code == 200:
		return text
	default:
		return fmt.Sprintf("%d %s", rep.Code, text)
	}
}

// stand is a client in a state, in a world of its own.
func stand(t *testing.T, i int) *spot {
	at := &spots[i]
	w, texts := everything(t, at.st, at.gate)
	s := &spot{client: w.client("bob"), texts: texts, factor: w.people.factors["user-bob"][0].ID, code: "123456", phone: "12345678", session: "none"}
	at.to(s)
	if c := w.code(s.user); c != "" {
		s.code = c
	}
	if len(texts.All()) > 0 {
		s.phone = string(last(texts).Code)
	}
	return s
}

// TestWalkEveryAnswer sends every request in every state, and writes down the answers:
// the states that answer alike stand together.
func TestWalkEveryAnswer(t *testing.T) {
	requests := stand(t, 0).requests()
	for _, e := range okta.Endpoints() {
		if _, ok := requests[e[0]+" "+e[1]]; !ok {
			t.Errorf("nothing is sent to %s %s", e[0], e[1])
		}
	}
	answers := map[string]map[string][]string{} // states, by request and answer
	for i := range spots {
		if got := stand(t, i).ask("POST /api/v1/authn/introspect", ""); got != spots[i].name && !slices.Contains([]string{"no transaction", "SUCCESS", "ended"}, spots[i].name) {
			t.Errorf("%s: it stands in %s", spots[i].name, got)
		}
		for request := range requests {
			s := stand(t, i)
			if answers[request] == nil {
				answers[request] = map[string][]string{}
			}
			answer := s.ask(request, s.requests()[request])
			answers[request][answer] = append(answers[request][answer], spots[i].name)
		}
	}
	var b strings.Builder
	b.WriteString(answersHead)
	for _, request := range slices.Sorted(maps.Keys(requests)) {
		fmt.Fprintf(&b, "\n## %s\n\n| answer | in |\n|---|---|\n", request)
		for _, answer := range slices.Sorted(maps.Keys(answers[request])) {
			fmt.Fprintf(&b, "| %s | %s |\n", answer, strings.Join(answers[request][answer], ", "))
		}
	}
	const file = "../docs/okta-answers.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || b.String() != string(want) {
		t.Errorf("%s differs (%v): go run ./internal/regen, and read the difference\n%s", file, err, firstDifference(string(want), b.String()))
	}
}

const answersHead = `# Every answer of Okta's API

Generated by ` + "`go run ./internal/regen`" + `. Do not edit.

Package [okta](../okta) was asked every request in every status that its clients see. Each request has the state token and what the endpoint
takes, with the right code, password or answer if there is one at the time; {id} is the factor at hand, SMS, or the gate TERMS. The host has all that a
host may configure. "ended" is a transaction that was canceled. [From Okta](from-okta.md) says what the errors are called here.
`
