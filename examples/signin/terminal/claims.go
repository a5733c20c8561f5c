package terminal

import (
	"context"
	"errors"
	"strings"

	"github.com/authnfsm/authn"
)

// instead is what may be typed in place of a password. No password is as short.
const instead = "code signs in without it, forgot sets another, unlock unlocks the account, signup ADDRESS is for a new one"

// claimOf understands such a line.
func claimOf(user, line string) (c authn.Claim, ok bool) {
	switch word, address, _ := strings.Cut(line, " "); {
	case line == "code":
		return authn.Claim{Name: user, Require: authn.RequireIfActive}, true
	case line == "forgot":
		return authn.Claim{Name: user, For: authn.PurposeRecover}, true
	case line == "unlock":
		return authn.Claim{Name: user, For: authn.PurposeUnlock}, true
	case word == "signup" && address != "":
		return authn.Claim{Name: address, For: authn.PurposeSignUp}, true
	}
	return authn.Claim{}, false
}

// claim begins, and waits for the code, which a server does only when it shuts down.
func (t *Terminal) claim(ctx context.Context, svc *authn.Service, c authn.Claim) (*authn.Answer, error) {
	a, err := svc.Claim(ctx, c)
	if err != nil {
		return nil, err
	}
	return a, svc.Wait(ctx)
}

// goesOn follows an event of a claim: it waits for the code that was asked for again, and
// shows the token of what the claim has led to.
func (t *Terminal) goesOn(ctx context.Context, svc *authn.Service, a, next *authn.Answer) {
	if err := svc.Wait(ctx); err != nil {
		t.say("%v", err)
	}
	if next.Token != a.Token {
		t.keep(next.Token)
	}
}

// isClaim says that a state asks for the code of a claim.
func isClaim(st authn.State) bool {
	return st == authn.FactorChallenge || st == authn.RecoveryChallenge
}

// of is " of ada", and nothing for nobody that is known yet.
func of(user string) string {
	if user == "" {
		return ""
	}
	return " of " + user
}

// Find implements [authn.Finder]: a user is found by the name and by the address, for a
// code by mail. It looks at all accounts, whoever is asked for.
func (d *People) Find(_ context.Context, c authn.Claimed) (sub authn.Subject, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	err = authn.ErrNoUser
	for name, a := range d.byName {
		if mailbox := a.mailbox(name); c.By == authn.Email && (string(c.Name) == name || string(c.Name) == mailbox) {
			sub, err = authn.Subject{User: name, Address: mailbox}, nil
		}
	}
	return sub, err
}

// Question implements [authn.Questions].
func (d *People) Question(_ context.Context, user string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byName[user].pet == "" {
		return "", nil
	}
	return aboutPet, nil
}

// questions are the host's in recovery.
type questions struct{ *People }

// Questions are asked before a forgotten password is set anew.
func (d *People) Questions() authn.Questions { return questions{d} }

// Check implements [authn.Questions].
func (q questions) Check(_ context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	pet := q.byName[in.User].pet
	return authn.Verdict{Right: pet != "" && plain(string(in.Answer)) == pet}, nil
}

// Unlock implements [authn.Unlocker]. It may come twice.
func (d *People) Unlock(_ context.Context, _, user string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.byName[user]
	if !ok {
		return errors.New("there is no " + user)
	}
	a.locked = false
	d.byName[user] = a
	return nil
}
