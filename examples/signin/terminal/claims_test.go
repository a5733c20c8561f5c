package terminal

import (
	"strings"
	"testing"
)

const fresh = "a new password"

// Each way that begins with a code in place of the password.
func TestClaims(t *testing.T) {
	for name, c := range map[string]struct {
		user         string
		lines, shows []string
	}{
		"without a password": {"ada", []string{"code", "", "OTHER", "123", "resend", "WAIT 30s", "resend", "CODE"},
			[]string{"FACTOR_CHALLENGE", "If the name is somebody's", "That was not the code.", "2 tries left", "A code has 8 digits.", "too soon (cooling down) in 30s", "(code 2)", "ada is signed in with otp."}},
		"and nothing else": {"alan", []string{"code", "verify CODE"}, []string{"alan is signed in with otp."}},
		"and another factor": {"hedy", []string{"code", "CODE", "1", "CODE"},
			[]string{"mail to hedy@example.com", "MFA_REQUIRED", "text message to +14155551234", "hedy is signed in with otp and sms."}},
		"recovery": {"joan", []string{"forgot", "CODE", "", password, "", fresh, "", password, fresh, "", "CODE"},
			[]string{"RECOVERY_CHALLENGE", "to reset your password", "It is the one that you have.", "Done. This signs nobody in", "Your password was changed.", "do not match", "joan is signed in with pwd and otp."}},
		"recovery, and another factor": {"hedy", []string{"forgot", "CODE", "", "CODE", "", fresh},
			[]string{"to reset your password", "MFA_CHALLENGE", "PASSWORD_RESET", "hedy is signed in with otp and sms."}},
		"recovery, and a question": {"ida", []string{"forgot", "CODE", "", "rex", "answer rover", "Shadow", "", fresh},
			[]string{"RECOVERY ", "first pet?", "answer ANSWER · cancel", "Type an answer.", "That was not the answer.", "8 tries left", "Done."}},
		"unlock": {"ruth", []string{password, "unlock", "CODE", "", password, "", "CODE"},
			[]string{"do not match", "to unlock your account", "Done.", "ruth is signed in with pwd and otp."}},
		"sign-up": {"ada", []string{"signup nonsense", "signup New@Example.com", "CODE"},
			[]string{"malformed input", "mail to new@example.com", "to sign up", "Code 1 is in the mailbox", "new@example.com is proved"}},
	} {
		out, err := script(t, c.user, c.lines...)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		for _, want := range c.shows {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not shown:\n%s", name, want, out)
			}
		}
	}
}

// Nobody sees what somebody sees, but for the mail.
func TestClaimOfNobody(t *testing.T) {
	var seen []string
	for _, user := range []string{"ada", "nobody"} {
		out, err := script(t, user, "code", "12345678", "resend", "cancel")
		if err == nil || !strings.Contains(err.Error(), "CANCELED") {
			t.Errorf("%s: %v", user, err)
		}
		if before, rest, ok := strings.Cut(out, "\n   ┌ mail"); ok {
			_, after, _ := strings.Cut(rest, "└\n")
			out = before + after
		} else if user == "ada" {
			t.Errorf("no mail:\n%s", out)
		}
		seen = append(seen, strings.ReplaceAll(out, user, "USER"))
	}
	if seen[0] != seen[1] {
		t.Errorf("somebody sees\n%s\nnobody sees\n%s", seen[0], seen[1])
	}
}
