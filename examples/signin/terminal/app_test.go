package terminal

import (
	"bytes"
	"encoding/base32"
	"strings"
	"testing"

	"rsc.io/qr"

	"github.com/authnfsm/authn"
)

// TestBlocks reads the drawing back: each module is where the code has it, with a
// margin that is light, and in color each line ends as it began.
func TestBlocks(t *testing.T) {
	for _, text := range []string{"a", "otpauth://totp/signin:radia@example.com?secret=" + strings.Repeat("A", 32) + "&issuer=signin"} {
		code, err := qr.Encode(text, qr.L)
		if err != nil {
			t.Fatal(err)
		}
		for _, color := range []bool{true, false} {
			lines := strings.Split(blocks(code, color), "\n")
			if n := (code.Size + 2*quiet + 1) / 2; len(lines) != n {
				t.Errorf("%d lines, not %d", len(lines), n)
			}
			for i, line := range lines {
				line, ok := strings.CutPrefix(line, "   ")
				if color {
					var begins, ends bool
					line, begins = strings.CutPrefix(line, "\x1b[30;107m")
					line, ends = strings.CutSuffix(line, "\x1b[0m")
					ok = ok && begins && ends
				}
				row := []rune(line)
				if !ok || len(row) != code.Size+2*quiet {
					t.Fatalf("line %d: %q", i, line)
				}
				for j, r := range row {
					x, y := j-quiet, 2*i-quiet
					upper, lower := r == '█' || r == '▀', r == '█' || r == '▄'
					if (upper == color) != code.Black(x, y) || y+1 < code.Size+quiet && (lower == color) != code.Black(x, y+1) {
						t.Fatalf("module %d, %d is drawn as %q", x, y, r)
					}
				}
			}
		}
	}
}

// TestHOTP has vectors of RFC 4226, appendix D.
func TestHOTP(t *testing.T) {
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := hotp([]byte("12345678901234567890"), uint64(i)); got != want {
			t.Errorf("%d: %s, not %s", i, got, want)
		}
	}
}

// TestShowApp: the picture is drawn once, the secret as often as it is asked for.
func TestShowApp(t *testing.T) {
	var shown bytes.Buffer
	term := New(strings.NewReader(""), &shown)
	p := authn.Prompt{Secret: authn.Secret(base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))), URI: "otpauth://totp/x?secret=y"}
	for range 2 {
		term.showApp(p)
	}
	if n := strings.Count(shown.String(), string(p.Secret)); n != 2 {
		t.Errorf("the secret is shown %d times", n)
	}
	if n := strings.Count(shown.String(), "▀▀▀▀▀▀▀"); n == 0 || strings.Contains(shown.String(), "\x1b") {
		t.Errorf("%d rows of a picture", n)
	}
	rows := strings.Count(shown.String(), "\n")
	if term.showApp(p); strings.Count(shown.String(), "\n") != rows+2 {
		t.Error("the picture is drawn again")
	}
}
