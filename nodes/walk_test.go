package nodes

import (
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

// A path is a sign-in, step by step.
type path struct {
	user  string // how the names of its users begin
	steps []step
}

type step struct {
	after   time.Duration // the step before
	event   string
	code    func(mailed string) string // nil: none
	state   authn.State
	outcome authn.Outcome
}

func right(mailed string) string { return mailed }

const moment = 10 * time.Second

// The two ways that e-mail leads into a sign-in.
var paths = []path{
	{"old", []step{
		{moment, "primary", nil, authn.MFARequired, authn.Done},
		{moment, "challenge", nil, authn.MFAChallenge, authn.Done},
		{moment, "verify", otherCode, authn.MFAChallenge, authn.WrongCode},
		{time.Minute, "resend", nil, authn.MFAChallenge, authn.Done},
		{moment, "verify", right, authn.Success, authn.Done},
		{moment, "redeem", nil, "", authn.Done},
	}},
	{newcomers, []step{
		{moment, "primary", nil, authn.MFAEnroll, authn.Done},
		{moment, "enroll", nil, authn.MFAEnrollActivate, authn.Done},
		{moment, "activate", right, authn.Success, authn.Done},
		{moment, "redeem", nil, "", authn.Done},
	}},
}

// A visitor walks a path.
type visitor struct {
	user           string
	now            time.Time
	token, session string
	inbox          *post
}

// request is the i-th step as a request. Made again, it is the same.
func (v *visitor) request(s step, i int) request {
	r := request{Event: s.event, User: v.user, Token: v.token, Key: fmt.Sprint("step ", i)}
	if s.code != nil {
		r.Code = s.code(v.inbox.code(v.user))
	}
	if s.event == "redeem" {
		r.Token = v.session
	}
	return r
}

// took holds the answer to what the step promises.
func (v *visitor) took(s step, r reply) error {
	if r.Err != "" || r.State != s.state || r.State != "" && r.Outcome != s.outcome {
		return fmt.Errorf("%s is answered with %s, %s, error %q", s.event, r.State, r.Outcome, r.Err)
	}
	if s.event == "redeem" {
		if r.User != v.user {
			return fmt.Errorf("%s has redeemed the token of %s", r.User, v.user)
		}
		return nil
	}
	if r.Token != "" {
		v.token = r.Token
	}
	v.session = r.Session
	return nil
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
	return v.took(p.steps[i], rs[0])
}
