package main

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/memstore"
)

var mailed = regexp.MustCompile(`Your code is (\d{6})`)

// script types lines; CODE stands for the last code that was shown, and OTHER
// for one that is wrong.
func script(t *testing.T, user string, lines ...string) (out string, err error) {
	t.Helper()
	var shown bytes.Buffer
	r, w := io.Pipe()
	term := &terminal{in: bufio.NewScanner(r), out: &shown}
	go func() {
		defer w.Close()
		for _, l := range lines {
			// The terminal has read the line before, so it has shown all of
			// its answer by the time it reads this one's first byte.
			io.WriteString(w, "")
			code := ""
			if m := mailed.FindAllStringSubmatch(shown.String(), -1); m != nil {
				code = m[len(m)-1][1]
			}
			l = strings.Replace(l, "CODE", code, 1)
			if code != "" {
				l = strings.Replace(l, "OTHER", string('0'+(code[0]-'0'+1)%10)+code[1:], 1)
			}
			io.WriteString(w, l+"\n")
		}
	}()
	dir, err := newDirectory(bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := host.OpenKeys("")
	if err != nil {
		t.Fatal(err)
	}
	svc, err := authn.New(authn.Config{
		Keys: keys.KeyRing(), PseudonymKey: keys.Pseudonym,
		Store: new(memstore.Store), Mailer: term, Directory: dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = term.signIn(t.Context(), svc, dir, user)
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
		"second address": {"mary", []string{"challenge 2", "CODE"}, []string{"m***@w***.example", "mary is signed in"}},
		"skip":           {"edith", []string{"skip"}, []string{"edith is signed in with pwd."}},
		"password alone": {"alan", nil, []string{"alan is signed in with pwd."}},
		"wrong, then right": {"ada", []string{"challenge", "OTHER", "resend", "12", "nonsense", "previous", "verify 123456", "challenge", "CODE"},
			[]string{"That was not the code.", "9 tries left", "too soon (cooling down) in 30s", "A code has 6 digits.", `"nonsense" is none of: verify CODE`, "allowed: challenge, cancel", "ada is signed in"}},
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
		lines []string
		want  string
	}{
		"cancel":       {[]string{password, "challenge", "cancel"}, "CANCELED"},
		"end of input": {[]string{password, "challenge"}, "EOF"},
		"no password":  {nil, "EOF"},
	} {
		if out, err := script(t, "ada", c.lines...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
