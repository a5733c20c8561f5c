package terminal

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/keys"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// shownCodes are what a person would copy: what was shown last takes the place of the
// word in a line.
var shownCodes = map[string]*regexp.Regexp{
	"CODE":    regexp.MustCompile(`Your code is (\d{6,8})`),
	"APP":     regexp.MustCompile(`The app shows (\d{6})`),
	"NUMBER":  regexp.MustCompile(`The number is (\d\d)`),
	"FIRST":   regexp.MustCompile(`\s1\. ([A-Z2-7-]{19})`),
	"SEVENTH": regexp.MustCompile(`\s7\. ([A-Z2-7-]{19})`),
}

// typed is a line with them. OTHER is another code than the last CODE, WRONG another
// number, and WAIT lets time pass.
func typed(line, shown string) string {
	for word, re := range shownCodes {
		if m := re.FindAllStringSubmatch(shown, -1); m != nil {
			code := m[len(m)-1][1]
			line = strings.Replace(line, word, code, 1)
			if other := map[string]string{"CODE": "OTHER", "NUMBER": "WRONG"}[word]; other != "" {
				line = strings.Replace(line, other, string('0'+(code[0]-'0'+1)%10)+code[1:], 1)
			}
		}
	}
	return line
}

// script types lines; see typed.
func script(t *testing.T, user string, lines ...string) (out string, err error) {
	t.Helper()
	var shown bytes.Buffer
	r, w := io.Pipe()
	var passed atomic.Int64
	term := New(r, &shown)
	term.now = func() time.Time { return time.Unix(1_800_000_000, 0).Add(time.Duration(passed.Load())) }
	go func() {
		defer w.Close()
		for _, l := range lines {
			// The terminal has read the line before, so it has shown all of
			// its answer by the time it reads this one's first byte.
			io.WriteString(w, "")
			if d, ok := strings.CutPrefix(l, "WAIT "); ok {
				by, err := time.ParseDuration(d)
				if err != nil {
					panic(err)
				}
				passed.Add(int64(by))
				continue
			}
			io.WriteString(w, typed(l, shown.String())+"\n")
		}
	}()
	dir, err := newPeople(bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	k := keys.Random()
	svc, err := authn.New(authn.Config{
		Keys: k.KeyRing(), PseudonymKey: k.Pseudonym,
		Store: new(memstore.Store), Mailer: term, Senders: term.Phones(), Types: Types(), Directory: dir,
		Passwords: dir, Questions: dir.Questions(), Gates: dir.Gates(), Now: term.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = term.SignIn(t.Context(), svc, dir, user)
	return shown.String(), err
}

func TestSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		user  string
		lines []string
		shows []string
	}{
		"verified":       {"ada", []string{"challenge", "verify CODE"}, []string{"MFA_REQUIRED", "MFA_CHALLENGE", "SUCCESS", "ada is signed in with pwd and otp."}},
		"enrollment":     {"grace", []string{"enroll", "CODE"}, []string{"MFA_ENROLL ", "MFA_ENROLL_ACTIVATE", "NOT_SETUP", "second factor of your account", "grace is signed in"}},
		"second address": {"mary", []string{"challenge 2", "CODE"}, []string{"m...y@work.example", "mary is signed in"}},
		"text message":   {"hedy", []string{"1", "CODE"}, []string{"sms +1 XXX-XXX-1234 (ACTIVE)", "text message to +14155551234", "hedy is signed in with pwd and sms."}},
		"call":           {"hedy", []string{"2", "CODE"}, []string{"call to +14155551234", "hedy is signed in with pwd and tel."}},
		"Enter":          {"ada", []string{"", "CODE"}, []string{"MFA_CHALLENGE", "ada is signed in"}},
		"Enter, of two":  {"mary", []string{"", "CODE"}, []string{"m...y@home.example: sent", "mary is signed in"}},
		"a number":       {"mary", []string{"2", "CODE"}, []string{"m...y@work.example: sent", "mary is signed in"}},
		"full-width":     {"mary", []string{"２", "previous", "challenge 2", "CODE"}, []string{"m...y@work.example: sent", "mary is signed in"}},
		"no such number": {"mary", []string{"3", "0", "challenge home", "12", "2", "", "CODE"},
			[]string{`"3" is not in the list: type a number from 1 to 2`, `"0" is not in`, `"home" is not in`, `"12" is not in`, "m...y@work.example: sent", "type the code from the message, or one of: verify CODE", "mary is signed in"}},
		"enroll by Enter":  {"grace", []string{"", "CODE"}, []string{"MFA_ENROLL_ACTIVATE", "grace is signed in"}},
		"enroll by number": {"grace", []string{"7", "1", "CODE"}, []string{`"7" is not in the list: type a number from 1 to 1`, "grace is signed in"}},
		"an app": {"radia", []string{"app", "enroll", "app", "activate 000000", "APP", "", password, "APP", "WAIT 30s", "app", "APP"},
			[]string{"no secret in the built-in app", "▀", "Scan the code", "for 30s more", "That was not the code.", "radia is signed in with pwd and otp.",
				"mail to radia@example.com", "used before", "in 30s", "verify CODE"}},
		"an app, chosen": {"radia", []string{"1", "app", "APP", "", password, "WAIT 45s", "1", "nothing", "app", "APP"},
			[]string{"Type the code that the app shows.", "for 15s more", `"nothing" is none of: verify CODE`, "radia is signed in with pwd and otp."}},
		"recovery codes": {"annie", []string{"", "FIRST", "", password, "AAAA-BBBB-CCCC-DDDD", "verify SEVENTH", "", "nothing"},
			[]string{"10. ", "is none of: challenge · verify CODE", "annie is signed in with pwd and otp.", "One of your recovery codes was used.", "9 recovery codes are left."}},
		"recovery codes, chosen": {"annie", []string{"", "nonsense", "FIRST", "", password, "1", "SEVENTH"},
			[]string{"A recovery code has 16 letters and digits.", "10 are left", "9 recovery codes are left."}},
		"a phone": {"karen", []string{"", "", "", password, "", "WRONG", "nonsense", "no", "resend", "WAIT 30s", "resend", "NUMBER"},
			[]string{"phone> ", "Enter pairs it", "question to the phone of karen", "The phone has rejected.", "karen is signed in with pwd and swk."}},
		"a phone, another number": {"karen", []string{"", "no", "previous", "", "", "", password, "", "WRONG", "previous", "WAIT 30s", "", "NUMBER"},
			[]string{"The phone has rejected.", "9 tries left", "karen is signed in with pwd and swk."}},
		"a question": {"betty", []string{"", "x", "Mister  Whiskers", "", password, "verify rex", "verify rover", "1", "mister whiskers"},
			[]string{"name of your first pet", "activate ANSWER", "An answer has 4 to 72 letters.", "That was not the code.", "betty is signed in with pwd and kba."}},
		"expired": {"joan", []string{"", "CODE", "", "a guess", "a new password", "change_password", password, "short", "", password, "", "skip", "", password, password, "", password, "a new password", "", "a new password", "", "CODE"},
			[]string{"PASSWORD_EXPIRED", "Your password has expired.", "That was not the old password.", "9 tries left", "It has 5 characters, and needs 8.", "Type a password.", "not allowed in this state; allowed: change_password, cancel", "It is the one that you have.",
				"Your password was changed.", "Password of joan: ", "joan is signed in"}},
		"expires soon":  {"lynn", []string{"", "CODE", "", password, "a new password"}, []string{"PASSWORD_WARN", "Your password expires on ", "skip · change_password · cancel", "lynn is signed in"}},
		"expires, skip": {"lynn", []string{"", "CODE", "skip"}, []string{"lynn is signed in"}},
		"to be reset":   {"jean", []string{"", "CODE", "", password, "reset_password", "a new password"}, []string{"PASSWORD_RESET", "It is the one that you have.", "Your password was changed.", "jean is signed in"}},
		"gates": {"frances", []string{"", "CODE", "what", "pass accept", "F", "Fran", "", password, "", "CODE"},
			[]string{"TERMS", "be kind", "pass TEXT · cancel", "Type accept, or decline.", "NAME", "That has not 2 to 20 letters.", "frances is signed in"}},
		"skip":           {"edith", []string{"skip"}, []string{"edith is signed in with pwd."}},
		"password alone": {"alan", nil, []string{"alan is signed in with pwd."}},
		"wrong, then right": {"ada", []string{"challenge", "OTHER", "resend", "12", "nonsense", "previous", "verify 123456", "challenge", "CODE"},
			[]string{"That was not the code.", "4 tries left", "too soon (cooling down) in 30s", "A code has 6 digits.", `"nonsense" is none of: verify CODE`, "allowed: challenge, cancel", "ada is signed in"}},
	} {
		out, err := script(t, c.user, append([]string{"wrong password", password}, c.lines...)...)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		for _, want := range append(c.shows, "do not match") {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not shown:\n%s", name, want, out)
			}
		}
	}
}

func TestNoSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		user  string
		lines []string
		want  string
	}{
		"cancel":       {"ada", []string{password, "challenge", "cancel"}, "CANCELED"},
		"end of input": {"ada", []string{password, "challenge"}, "EOF"},
		"no password":  {"ada", nil, "EOF"},
		"declined":     {"frances", []string{password, "", "CODE", "decline"}, "CANCELED"},
		"in a gate":    {"frances", []string{password, "", "CODE", "accept", "cancel"}, "CANCELED"},
		"no old one":   {"joan", []string{password, "", "CODE", ""}, "EOF"},
		"no new one":   {"joan", []string{password, "", "CODE", "", password}, "EOF"},
	} {
		if out, err := script(t, c.user, c.lines...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// A digit of any script is one.
func TestDigits(t *testing.T) {
	for in, want := range map[string]string{
		"０１２３４５６７８９": "0123456789", "٠١٢٣٤٥٦٧٨٩": "0123456789", "०१२३४५६७८९": "0123456789", "𝟎𝟗𝟘𝟡": "0909",
		"verify 09:;/ é": "verify 09:;/ é",
	} {
		if got := strings.Map(digit, in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// A lock says until when.
func TestLock(t *testing.T) {
	var shown bytes.Buffer
	term := &Terminal{out: &shown}
	at := time.Date(2026, 3, 2, 12, 30, 0, 0, time.Local)
	term.show(&authn.Answer{State: authn.LockedOut, Until: at})
	if err := term.Send(t.Context(), authn.Message{Kind: authn.LockedMessage, Until: at}); err != nil {
		t.Error(err)
	}
	if n := strings.Count(shown.String(), "locked until 2 March 2026, 12:30"); n != 2 {
		t.Errorf("%d times in:\n%s", n, &shown)
	}
}

// Only who saw the success can make the session: a program that resumes says so.
func TestResumeAfterSuccess(t *testing.T) {
	dir, err := newPeople(bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	var mail memsender.Sender
	k := keys.Random()
	svc, err := authn.New(authn.Config{Keys: k.KeyRing(), PseudonymKey: k.Pseudonym, Store: new(memstore.Store), Mailer: &mail, Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	a, err := svc.Begin(t.Context(), authn.Login{User: "ada"})
	if err == nil {
		a, err = svc.Do(t.Context(), a.Token, authn.Challenge{Factor: "ada-mail"})
	}
	if err == nil {
		_, err = svc.Do(t.Context(), a.Token, authn.Verify{Code: mail.Last("ada@example.com").Code})
	}
	if err != nil {
		t.Fatal(err)
	}
	err = New(strings.NewReader(""), io.Discard).Resume(t.Context(), svc, a.Token)
	if err == nil || !strings.Contains(err.Error(), "begin again") {
		t.Error(err)
	}
}
