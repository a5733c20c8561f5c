package terminal

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/authnfsm/authn"
)

// showApp shows what an authenticator app needs: a QR code to scan, and the secret
// to type in.
func (t *Terminal) showApp(p authn.Prompt) {
	if t.secret != p.Secret {
		t.secret = p.Secret
		code, err := qr.Encode(string(p.URI), qr.L)
		if err != nil {
			t.say("%v", err)
		} else {
			t.say("%s", blocks(code, t.color))
		}
	}
	t.say("   Scan the code with an authenticator app, or type the secret into it:")
	t.say("   %s", string(p.Secret))
}

// quiet is the margin of a QR code, in modules.
const quiet = 2

// blocks draws two rows of modules in one line. In color it is black on white, as
// scanners expect it; without, what is light is drawn, as it is light on most
// terminals.
func blocks(code *qr.Code, color bool) string {
	dark := func(x, y int) bool { return code.Black(x, y) == color }
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("   ")
		if color {
			b.WriteString("\x1b[30;107m")
		}
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := dark(x, y), dark(x, y+1) && (color || y+1 < code.Size+quiet); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		if color {
			b.WriteString("\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// app is what the built-in app shows: it has the last secret that was shown here.
func (t *Terminal) app() string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(t.secret))
	if err != nil || len(key) == 0 {
		return "There is no secret in the built-in app: set one up first."
	}
	const period = 30
	now := t.now().Unix()
	return fmt.Sprintf("The app shows %s, for %v more.", hotp(key, uint64(now/period)), time.Duration(period-now%period)*time.Second)
}

// hotp is the code of a counter: RFC 4226, with six digits.
func hotp(key []byte, counter uint64) string {
	h := hmac.New(sha1.New, key)
	h.Write(binary.BigEndian.AppendUint64(nil, counter))
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}
