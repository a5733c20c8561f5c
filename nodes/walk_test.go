package nodes

import (
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// A path is what a visitor does, step by step, and what is to come of it.
type path struct {
	user  string // how the names of its users begin
	steps []step

	kills  []int // the steps in which nodes are killed; nil: in all. Other paths have the like of the others
	again  int   // the step after which they are killed while they tend, too; 0: none
	tended int   // the last of the points there; 0: all

	told     map[string]int // how often the Directory and the Auditor hear what
	notices  int            // -1: any number
	factor   string         // that the Directory is handed with its data,
	revision int            // and how often they change
}

type step struct {
	after   time.Duration // the step before
	event   string
	factor  string                // or its type, for events that name one
	code    func(*visitor) string // nil: none
	state   authn.State
	outcome authn.Outcome
	left    int // codes of the list; 0: nothing is said of them
}

// usesUp says that the code of the step is never good again, in no transaction.
func (s step) usesUp() bool { return s.code != nil && s.factor != "" }

// begins says that the step begins a transaction.
func (s step) begins() bool { return s.event == "primary" || s.event == "add" }

const moment = 10 * time.Second

// The paths: the two ways that e-mail leads into a sign-in, an authenticator app
// and a list of recovery codes, each added and used, a new password and a gate, and a
// question to a phone.
var paths = []path{
	{user: regulars, again: 1, told: map[string]int{signedIn: 1}, steps: []step{
		{after: moment, event: "primary", state: authn.MFARequired},
		{after: moment, event: "challenge", factor: mailID, state: authn.MFAChallenge},
		{after: moment, event: "verify", code: wrong, state: authn.MFAChallenge, outcome: authn.WrongCode},
		{after: time.Minute, event: "resend", state: authn.MFAChallenge},
		{after: moment, event: "verify", code: mailed, state: authn.Success},
		{after: moment, event: "redeem"},
	}},
	{user: newcomers, again: 1, told: map[string]int{signedIn: 1, activated: 1, factorActivated: 1}, notices: 1, steps: []step{
		{after: moment, event: "primary", state: authn.MFAEnroll},
		{after: moment, event: "enroll", factor: authn.Email, state: authn.MFAEnrollActivate},
		{after: moment, event: "activate", code: mailed, state: authn.Success},
		{after: moment, event: "redeem"},
	}},
	{
		user: appUsers, kills: []int{3, 4, 7}, factor: appID, revision: 1,
		told: map[string]int{signedIn: 2, activated: 1, factorActivated: 1}, notices: 1, steps: []step{
			{after: moment, event: "add", state: authn.MFARequired},
			{after: moment, event: "challenge", factor: mailID, state: authn.MFAChallenge},
			{after: moment, event: "verify", code: mailed, state: authn.MFAEnroll},
			{after: moment, event: "enroll", factor: authn.TOTP, state: authn.MFAEnrollActivate},
			{after: moment, event: "activate", factor: appID, code: shown, state: authn.Success},
			{after: moment, event: "redeem"},
			{after: time.Minute, event: "primary", state: authn.MFARequired},
			{after: moment, event: "verify", factor: appID, code: shown, state: authn.Success},
			{after: moment, event: "redeem"},
		},
	},
	{
		user: listUsers, kills: []int{4, 7}, again: 7, tended: 14, factor: listID, revision: 3,
		told: map[string]int{signedIn: 3, activated: 3, factorActivated: 1}, notices: 3, steps: []step{
			{after: moment, event: "add", state: authn.MFARequired},
			{after: moment, event: "challenge", factor: mailID, state: authn.MFAChallenge},
			{after: moment, event: "verify", code: mailed, state: authn.MFAEnroll},
			{after: moment, event: "enroll", factor: authn.RecoveryCodes, state: authn.MFAEnrollActivate, left: 10},
			{after: moment, event: "activate", code: noted(0), state: authn.Success, left: 10}, // which does not use it up
			{after: moment, event: "redeem"},
			{after: moment, event: "primary", state: authn.MFARequired},
			{after: moment, event: "verify", factor: listID, code: noted(0), state: authn.Success, left: 9},
			{after: moment, event: "redeem"},
			{after: moment, event: "primary", state: authn.MFARequired},
			{after: moment, event: "verify", factor: listID, code: noted(1), state: authn.Success, left: 8},
			{after: moment, event: "redeem"},
		},
	},
	{user: resetUsers, kills: []int{3, 4, 5}, again: 3, told: map[string]int{signedIn: 1, stored: 1, passed: 1}, notices: -1, steps: []step{
		{after: moment, event: "primary", state: authn.MFARequired},
		{after: moment, event: "challenge", factor: mailID, state: authn.MFAChallenge},
		{after: moment, event: "verify", code: mailed, state: authn.PasswordReset},
		{after: moment, event: "reset_password", code: chosen, state: terms},
		{after: moment, event: "pass", code: accepted, state: authn.Success},
		{after: moment, event: "redeem"},
	}},
	{user: pushUsers, kills: []int{1, 2, 3}, told: map[string]int{signedIn: 1}, steps: []step{
		{after: moment, event: "primary", state: authn.MFARequired},
		{after: moment, event: "challenge", factor: phoneID, state: authn.MFAChallenge},
		{after: moment, event: "respond", state: authn.MFAChallenge},
		{after: moment, event: "verify", state: authn.Success},
		{after: moment, event: "redeem"},
	}},
}

// pathOf is the path of the users whose names begin so.
func pathOf(user string) path {
	for _, p := range paths {
		if p.user == user {
			return p
		}
	}
	panic(user)
}

// A visitor walks a path.
type visitor struct {
	user           string
	now            time.Time
	token, session string
	inbox          *post
	phone          people

	secret string   // that the app has
	list   []string // of recovery codes
	number string   // on the screen, for the phone

	typed map[int]string // codes, by step
	spent []spent
	owns  string // the factor that was added
}

// spent is a code that was used up, and when.
type spent struct {
	factor, code string
	at           time.Time
}

// letters are what the user was sent, by mail and to the phone.
func (v *visitor) letters() []letter {
	return append(v.inbox.letters(v.user), v.phone.pushes(v.user)...)
}

// newest is the newest of the letters with a code, or with a question.
func (v *visitor) newest() (newest letter) {
	for _, l := range v.letters() {
		if l.generation >= newest.generation && l.code != "" {
			newest = l
		}
	}
	return newest
}

// The codes that a user types.

func mailed(v *visitor) string { return v.newest().code }

func wrong(v *visitor) string { return otherCode(v.newest().code) }

// shown is what the app shows.
func shown(v *visitor) string { return v.appCode(v.now) }

func (v *visitor) appCode(at time.Time) string {
	return string(testhost.AppCode(authn.Secret(v.secret), at))
}

// noted is the i-th recovery code.
func noted(i int) func(*visitor) string { return func(v *visitor) string { return v.list[i] } }

// request is the i-th step as a request. Made again, it is the same.
func (v *visitor) request(s step, i int) request {
	r := request{Event: s.event, User: v.user, Token: v.token, Key: fmt.Sprint("step ", i), Factor: s.factor}
	if s.code != nil {
		r.Code = v.code(s, i)
	}
	switch s.event {
	case "redeem":
		r.Token = v.session
	case "respond":
		r.Token, r.Code = v.newest().code, v.number
	}
	return r
}

func (v *visitor) code(s step, i int) string {
	if v.typed == nil {
		v.typed = map[int]string{}
	}
	if v.typed[i] == "" {
		v.typed[i] = s.code(v)
	}
	return v.typed[i]
}

// took holds the answer to what the step promises.
func (v *visitor) took(s step, i int, r reply) error {
	if r.Err != "" || r.State != s.state || r.State != "" && r.Outcome != s.outcome {
		return fmt.Errorf("%s is answered with %s, %s, error %q", s.event, r.State, r.Outcome, r.Err)
	}
	switch {
	case s.event == "redeem" && r.User != v.user:
		return fmt.Errorf("%s has redeemed the token of %s", r.User, v.user)
	case s.event == "redeem":
		return nil
	case s.left != 0 && r.Left != s.left:
		return fmt.Errorf("after %s the list has %d codes left, not %d", s.event, r.Left, s.left)
	case r.Secret != "" && v.secret != "" && r.Secret != v.secret:
		return fmt.Errorf("%s shows another secret", s.event)
	}
	if r.Token != "" {
		v.token = r.Token
	}
	v.session = r.Session
	if r.Secret != "" || r.Codes != nil {
		v.secret, v.list = r.Secret, r.Codes
	}
	if r.Number != "" {
		v.number = r.Number
	}
	v.done(s, i)
	return nil
}

// done takes down what a step has changed for good, once it is known to have.
func (v *visitor) done(s step, i int) {
	if code := v.typed[i]; s.usesUp() && !slices.ContainsFunc(v.spent, func(x spent) bool { return x.code == code }) {
		v.spent = append(v.spent, spent{s.factor, code, v.now})
	}
	if s.event == "activate" {
		v.owns = pathOf(kind(v.user)).factor
	}
}

// kind is how the name of a user begins.
func kind(user string) string {
	n := 0
	for n < len(user) && 'a' <= user[n] && user[n] <= 'z' {
		n++
	}
	return user[:n]
}

// A server is a node, in this process or another.
type server func(now time.Time, rs ...request) ([]reply, error)

// walk takes steps from the i-th to the one before the j-th.
func (v *visitor) walk(s server, p path, i, j int) error {
	for ; i < j; i++ {
		v.now = v.now.Add(p.steps[i].after)
		if err := v.step(s, p, i); err != nil {
			return err
		}
	}
	return nil
}

func (v *visitor) step(s server, p path, i int) error {
	rs, err := s(v.now, v.request(p.steps[i], i))
	if err != nil {
		return err
	}
	return v.took(p.steps[i], i, rs[0])
}
