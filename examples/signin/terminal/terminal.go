// Package terminal is a host that is not HTTP: lines in, lines out. It signs
// demo users in.
package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/authnfsm/authn"
)

const (
	digits      = 6 // the default policy
	claimDigits = 8 // of a code that is the first proof
)

// Terminal asks and shows. It is an [authn.Sender] that shows what it would
// send.
type Terminal struct {
	Lasting bool // the sign-in outlives the program: say how to go on with it

	in    *bufio.Scanner
	out   io.Writer
	now   func() time.Time // of the built-in app
	echo  bool             // nobody sees what is typed: show it
	color bool             // somebody sees what is shown

	secret   authn.Secret // in the built-in app
	approval authn.Secret // of the last question to the phone
	changed  bool         // something was set up or passed, so that another sign-in would be another one
}

// New returns a terminal that reads lines from in and writes to out.
func New(in io.Reader, out io.Writer) *Terminal {
	return &Terminal{in: bufio.NewScanner(in), out: out, now: time.Now, echo: isFile(in) && !isDevice(in), color: isDevice(out)}
}

func isFile(x any) bool { _, ok := x.(*os.File); return ok }

// isDevice says that x is a terminal, with a person before it.
func isDevice(x any) bool {
	f, ok := x.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

func (t *Terminal) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// ask reads a line; io.EOF when there is no more.
func (t *Terminal) ask(prompt string) (string, error) {
	fmt.Fprint(t.out, prompt)
	if !t.in.Scan() {
		fmt.Fprintln(t.out)
		return "", errors.Join(t.in.Err(), io.EOF)
	}
	line := strings.TrimSpace(t.in.Text())
	if t.echo {
		t.say("%s", line)
	}
	return line, nil
}

// SignIn signs a user in, and once more on demand if something was set up.
func (t *Terminal) SignIn(ctx context.Context, svc *authn.Service, d *People, user string) error {
	for {
		t.changed = false
		if err := t.signIn(ctx, svc, d, user); err != nil || !t.changed {
			return err
		}
		line, err := t.ask("\nEnter signs in again, now with what was set up; anything else ends: ")
		if errors.Is(err, io.EOF) || line != "" {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// signIn asks for the password, begins, and goes on until the end.
func (t *Terminal) signIn(ctx context.Context, svc *authn.Service, d *People, user string) error {
	var a *authn.Answer
	t.say("In place of the password: %s.", instead)
	for a == nil {
		pw, err := t.ask(fmt.Sprintf("Password of %s%s: ", user, d.hint(user)))
		if err != nil {
			return err
		}
		if c, ok := claimOf(user, pw); ok {
			if a, err = t.claim(ctx, svc, c); err != nil {
				t.say("%v", err)
			}
			continue
		}
		login, ok := d.check(user, pw)
		if !ok {
			t.say("Name and password do not match.")
			continue
		}
		a, err = svc.Begin(ctx, login)
		if r := (*authn.Refusal)(nil); errors.Is(err, authn.ErrLocked) && errors.As(err, &r) {
			return fmt.Errorf("the account is locked%s", until(r.RetryAt))
		}
		if err != nil {
			return err
		}
	}
	t.keep(a.Token)
	return t.goOn(ctx, svc, a)
}

// keep shows the token that a sign-in goes on with.
func (t *Terminal) keep(token authn.StateToken) {
	if t.Lasting && token != "" {
		t.say("\n   If this program ends, start it again with the same flags and")
		t.say("   -resume %s", string(token))
	}
}

// Resume goes on with a sign-in that began in another process.
func (t *Terminal) Resume(ctx context.Context, svc *authn.Service, token authn.StateToken) error {
	a, err := svc.Status(ctx, token)
	if errors.Is(err, authn.ErrFinished) || err == nil && a.Token == "" && a.Session == "" {
		return errors.New("-resume: the sign-in has ended, or the token is not one of this -store and its -keys: begin again without -resume")
	}
	if err != nil {
		return err
	}
	if a.State == authn.Success {
		return errors.New("-resume: the code was right, but the session token was shown to the program that has ended, and to nobody else: begin again without -resume")
	}
	t.say("The sign-in%s goes on.", of(a.User))
	return t.goOn(ctx, svc, a)
}

// goOn takes events until the transaction has ended.
func (t *Terminal) goOn(ctx context.Context, svc *authn.Service, a *authn.Answer) error {
	for {
		t.show(a)
		if a.State == authn.Success && a.Session == "" {
			t.say("   Done. This signs nobody in: the password does.")
			return nil
		}
		if a.State == authn.Success {
			return t.redeem(ctx, svc, a)
		}
		if a.Token == "" {
			return fmt.Errorf("the sign-in ended in %s", a.State)
		}
		prompt := "> "
		if isAsked(a) {
			prompt = "phone> "
		}
		line, err := t.ask(prompt)
		if err != nil {
			return err
		}
		if _, err := svc.Tend(ctx); err != nil { // a server does it every ten seconds or so
			t.say("%v", err)
		}
		next := t.step(ctx, svc, a, line)
		t.changed = t.changed || next.State == authn.Success && (next.Session == "" || a.State == authn.MFAEnrollActivate || isPassword(a.State) || asks[a.State] != "")
		a = next
	}
}

// step takes one line: an event, a code on its own, or what the phone says.
func (t *Terminal) step(ctx context.Context, svc *authn.Service, a *authn.Answer, line string) *authn.Answer {
	if line == "app" {
		t.say("%s", t.app())
		return a
	}
	if r, ok := reply(a, line); ok && isAsked(a) {
		return t.respond(ctx, svc, a, r)
	}
	ev, err := t.event(a, line)
	if err != nil {
		t.say("%v", err)
		return a
	}
	return t.do(ctx, svc, a, ev)
}

// event asks for more than a line where a password is changed, and takes any line where
// a state of the demo's own asks for one.
func (t *Terminal) event(a *authn.Answer, line string) (authn.Event, error) {
	name, arg, _ := strings.Cut(line, " ")
	_, known := a.Allows(authn.EventName(name))
	switch pass := name == string(authn.EventPass); {
	case a.State == authn.Recovery && (!known || name == string(authn.EventAnswer)):
		return authn.AnswerQuestion{Answer: authn.Secret(strings.TrimPrefix(line, "answer "))}, nil
	case isPassword(a.State) && (line == "" || known && strings.HasSuffix(name, "_password")):
		return t.newPassword(a.State)
	case asks[a.State] == "" || known && !pass:
		return parse(a, line)
	case pass:
		line = arg
	}
	return authn.Pass{Gate: a.State, Input: authn.Secret(line)}, nil
}

// do takes an event.
func (t *Terminal) do(ctx context.Context, svc *authn.Service, a *authn.Answer, ev authn.Event) *authn.Answer {
	next, err := svc.Do(ctx, a.Token, ev)
	var r *authn.Refusal
	switch {
	case err == nil:
		if isClaim(a.State) {
			t.goesOn(ctx, svc, a, next)
		}
		return next
	case errors.Is(err, authn.ErrMalformed):
		t.say("%s", form(a, ev))
		return a
	case errors.As(err, &r) && r.Answer != nil: // go on from the refusal itself
		t.say("Refused: %v%s", r, in(r.RetryAt, r.Answer.Now))
		return r.Answer
	case errors.Is(err, authn.ErrFinished):
		return &authn.Answer{State: authn.Expired}
	}
	t.say("%v", err)
	return a
}

// form says what a code of the factor looks like that the event is for.
func form(a *authn.Answer, ev authn.Event) string {
	if isPassword(a.State) {
		return "Type a password."
	}
	if isClaim(a.State) {
		return fmt.Sprintf("A code has %d digits.", claimDigits)
	}
	if a.State == authn.Recovery {
		return "Type an answer."
	}
	kind := a.Factor.Type
	for _, f := range a.Factors {
		if v, ok := ev.(authn.Verify); ok && v.Factor == f.ID {
			kind = f.Type
		}
	}
	switch kind {
	case authn.RecoveryCodes:
		return "A recovery code has 16 letters and digits."
	case questionType:
		return fmt.Sprintf("An answer has %d to %d letters.", minAnswer, maxAnswer)
	}
	return fmt.Sprintf("A code has %d digits.", digits)
}

// parse understands an event with what belongs to it, such as "challenge 2",
// "resend" and "verify 123456". Where there is a list to choose from, a number
// alone takes that entry, and an empty line the first. Where a code is asked
// for, digits alone are the code, and anything where it may be anything.
func parse(a *authn.Answer, line string) (authn.Event, error) {
	line = strings.Map(digit, line)
	name, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(arg)
	if isCode(a, line, name) {
		name, arg = entries[a.State], line
	} else if isNumber(line) {
		name, arg = lists[a.State], line
	}
	factor, code := "", authn.Code("")
	switch name {
	case "enroll", "challenge":
		f, err := choice(a, arg)
		if err != nil {
			return nil, err
		}
		if factor = f.ID; name == "enroll" {
			factor = f.Type
		}
	case "verify", "activate":
		if arg == "" {
			return nil, fmt.Errorf("type the code from the message, or one of: %s", events(a))
		}
		if code = authn.Code(arg); a.State == authn.MFARequired {
			factor = provable(a, arg)
		}
	}
	ev, err := authn.ParseEvent(name, authn.Fields{Factor: factor, Code: code})
	if err != nil {
		return nil, fmt.Errorf("%q is none of: %s", line, events(a))
	}
	return ev, nil
}

// What digits, or an empty line, stand for.
var (
	lists = map[authn.State]string{
		authn.MFARequired: "challenge", authn.MFAEnroll: "enroll", authn.MFAEnrollActivate: "activate", authn.MFAChallenge: "verify",
		authn.FactorChallenge: "verify", authn.RecoveryChallenge: "verify",
	}
	entries = map[authn.State]string{authn.MFARequired: "verify", authn.MFAEnrollActivate: "activate", authn.MFAChallenge: "verify"}
)

func isNumber(s string) bool { return strings.Trim(s, "0123456789 -") == "" }

// isCode says that a line is a code by itself: so many digits among those to choose
// from, or anything that is no event where the code may be anything.
func isCode(a *authn.Answer, line, first string) bool {
	switch {
	case a.State == authn.MFARequired:
		return isNumber(line) && len(line) >= digits && provable(a, line) != ""
	case a.Factor.Type == authn.RecoveryCodes || a.Factor.Type == questionType:
		_, known := a.Allows(authn.EventName(first))
		return line != "" && !known
	}
	return false
}

// provable is the first factor of the list that such a code may be of without a
// challenge; "" if there is none.
func provable(a *authn.Answer, code string) string {
	for _, f := range a.Factors {
		if isNumber(code) && f.Type == authn.TOTP || !isNumber(code) && (f.Type == authn.RecoveryCodes || f.Type == questionType) {
			return f.ID
		}
	}
	return ""
}

// digit is the ASCII form of a digit of any script, as keyboards for Arabic,
// Hindi or Japanese give them. Each script has its digits in a row, from 0.
func digit(r rune) rune {
	n := rune(0)
	for unicode.IsDigit(r) {
		r, n = r-1, n+1
	}
	if n == 0 {
		return r
	}
	return '0' + (n-1)%10
}

// choice is the factor with that number, id or type in the list, and the first
// one if nothing is said.
func choice(a *authn.Answer, arg string) (authn.Factor, error) {
	for i, f := range a.Factors {
		if arg == "" || arg == fmt.Sprint(i+1) || arg == f.ID || arg == f.Type {
			return f, nil
		}
	}
	if len(a.Factors) == 0 { // the service says what is allowed instead
		return authn.Factor{ID: "none", Type: "none"}, nil
	}
	return authn.Factor{}, fmt.Errorf("%q is not in the list: type a number from 1 to %d", arg, len(a.Factors))
}

// show says where the sign-in stands and what may come next.
func (t *Terminal) show(a *authn.Answer) {
	t.say("\n── %s %s", a.State, strings.Repeat("─", max(0, 56-len(a.State))))
	switch a.Outcome {
	case authn.WrongCode:
		t.say("   That was not the %s.", wanted(a))
	case authn.Rejected:
		t.say("   %s", strings.Join(a.Reasons, " "))
	case authn.LateCode:
		t.say("   That code is too old: ask for another.")
	}
	for i, f := range a.Factors {
		t.say("   %d. %s %s (%s)", i+1, f.Type, f.Address, f.Status)
	}
	t.showFactor(a)
	t.showAsked(a)
	if a.State == authn.LockedOut && !a.Until.IsZero() {
		t.say("   The account is locked%s.", until(a.Until))
	}
	if len(a.Allowed) > 0 && a.State != authn.Success {
		t.say("   %d tries left%s", a.TriesLeft, after(", the sign-in ends in", a.Expires, a.Now))
		t.say("   next: %s", events(a))
		if len(a.Factors) > 0 {
			t.say("   A number takes that entry of the list, and Enter the first.")
		}
	}
}

// showFactor shows what the factor at hand takes.
func (t *Terminal) showFactor(a *authn.Answer) {
	switch p := a.Prompt; {
	case a.Factor.ID == "":
	case a.For == authn.PurposeSignUp:
		t.say("   Code %d is in the mailbox%s.", a.Generation, after(", good for", a.CodeExpires, a.Now))
	case isClaim(a.State):
		t.say("   If the name is somebody's, code %d is in their mailbox%s.", a.Generation, after(", good for", a.CodeExpires, a.Now))
	case p.URI != "":
		t.showApp(p)
	case len(p.Codes) > 0:
		t.say("   Keep these codes where you find them without this device; each is good once. Type one of them:")
		for i, c := range p.Codes {
			t.say("   %2d. %s", i+1, string(c))
		}
	case a.Factor.Type == pushType:
		t.showPhone(a)
	case a.Factor.Type == questionType:
		t.say("   %s", p.Options)
	case a.Factor.Type == authn.RecoveryCodes:
		t.say("   Type a recovery code: %d are left.", p.Left)
	case a.Factor.Type == authn.TOTP:
		t.say("   Type the code that the app shows.")
	default:
		t.say("   code %d went to %s: %s%s", a.Generation, a.Factor.Address, orNone(string(a.Delivery)), after(", good for", a.CodeExpires, a.Now))
	}
	if _, ok := a.Allows(authn.EventVerify); t.secret != "" && (ok || a.Prompt.URI != "") {
		t.say("   No phone at hand? Type app to see what the built-in app shows.")
	}
}

func events(a *authn.Answer) string {
	var list []string
	for _, x := range a.Allowed {
		s := string(x.Event)
		switch s {
		case "verify", "activate":
			s += " " + asked(a)
		case "challenge":
			if len(a.Factors) > 1 {
				s += " NUMBER"
			}
		case "pass":
			s += " TEXT"
		case "answer":
			s += " ANSWER"
		}
		list = append(list, s+in(x.At, a.Now))
	}
	return strings.Join(list, " · ")
}

// asked is what an event brings.
func asked(a *authn.Answer) string {
	if a.Factor.Type == questionType {
		return "ANSWER"
	}
	return "CODE"
}

// in is " in 29s" for a time that is to come.
func in(at, now time.Time) string { return after(" in", at, now) }

// until is " until 2 March 2026, 12:30 UTC", and nothing for no time at all.
func until(t time.Time) string { return when(" until ", t) }

func when(word string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return word + t.Local().Format("2 January 2006, 15:04 MST")
}

func after(word string, at, now time.Time) string {
	if at.IsZero() || !at.After(now) {
		return ""
	}
	return fmt.Sprintf("%s %v", word, at.Sub(now).Round(time.Second))
}

func orNone(s string) string {
	if s == "" {
		return "no live code"
	}
	return s
}

// redeem exchanges the session token: only now is somebody signed in.
func (t *Terminal) redeem(ctx context.Context, svc *authn.Service, a *authn.Answer) error {
	who, err := svc.Redeem(ctx, a.Session)
	if err != nil {
		return err
	}
	if who.User == "" {
		t.say("   %s is proved: the host makes an account for it.", who.Name)
		return nil
	}
	t.say("   %s is signed in with %s.", who.User, strings.Join(who.Methods, " and "))
	if a.Prompt.Left > 0 {
		t.say("   %d recovery codes are left.", a.Prompt.Left)
	}
	return nil
}
