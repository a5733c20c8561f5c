package smtpmail_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/sendertest"
	"github.com/authnfsm/authn/smtpmail"
)

var update = flag.Bool("update", false, "write the default mails to testdata")

// TestDefaultMails compares the mails in the embedded words with testdata:
// header, plain part and HTML part as they arrive, decoded.
func TestDefaultMails(t *testing.T) {
	notice := func(k authn.MessageKind) authn.Message {
		return authn.Message{Key: string(k), Kind: k, To: "ada@example.com"}
	}
	enroll, other, locked := code(), code(), notice(authn.LockedMessage)
	enroll.Purpose, enroll.Generation, enroll.Expires = authn.PurposeEnroll, 1, now.Add(50*time.Second)
	other.Purpose, other.Generation = "", 0
	locked.Until = now.Add(21 * time.Hour)
	codeFor := func(p authn.Purpose) authn.Message {
		m := code()
		m.Purpose, m.Factor = p, ""
		return m
	}
	linkFor := func(p authn.Purpose) authn.Message {
		m := codeFor(p)
		m.Link = "LINK-of_the-claim"
		return m
	}
	for name, m := range map[string]authn.Message{
		"link_recover": linkFor(authn.PurposeRecover), "link_unlock": linkFor(authn.PurposeUnlock), "link_sign_in": linkFor(authn.PurposeSignIn),
		"code_sign_in": code(), "code_enroll": enroll, "code_other": other,
		"code_sign_in_first": codeFor(authn.PurposeSignIn), "code_recover": codeFor(authn.PurposeRecover), "code_unlock": codeFor(authn.PurposeUnlock), "code_sign_up": codeFor(authn.PurposeSignUp),
		"account_locked": locked, "account_locked_by_host": notice(authn.LockedMessage),
		"failed_attempts": notice(authn.BackoffMessage), "factor_activated": notice(authn.ActivatedMessage),
		"sign_in_limit": notice(authn.StartsMessage), "recovery_code": notice(authn.RecoveryMessage),
		"password_changed": notice(authn.PasswordMessage),
	} {
		t.Run(name, func(t *testing.T) {
			s := (&server{}).start(t)
			links := map[authn.Purpose]string{}
			for _, p := range []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock} {
				links[p] = "https://id.example.com/open"
			}
			if err := s.open(t, func(c *smtpmail.Config) { c.Links = links }).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got, file := written(s.only(t)), filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the mail has changed; if it is as meant: go run ./internal/regen\ngot:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

var boundary = regexp.MustCompile(`boundary="?[0-9a-f]+"?`)

func written(m sendertest.Mail) string {
	var lines []string
	for name, values := range m.Header {
		for _, v := range values {
			lines = append(lines, fmt.Sprintf("%s: %s\n", name, boundary.ReplaceAllString(v, "boundary=...")))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "") + "\n-- plain --\n" + strings.ReplaceAll(m.Text, "\r\n", "\n") +
		"\n-- html --\n" + strings.ReplaceAll(m.HTML, "\r\n", "\n")
}
