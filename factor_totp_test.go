package authn

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"errors"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"
)

// The test vectors of RFC 6238, appendix B.
func TestTOTPVectors(t *testing.T) {
	seeds := []string{"12345678901234567890", "12345678901234567890123456789012", "1234567890123456789012345678901234567890123456789012345678901234"}
	for _, c := range []struct {
		at   int64
		want [3]string // SHA1, SHA256, SHA512
	}{
		{59, [3]string{"94287082", "46119246", "90693936"}},
		{1111111109, [3]string{"07081804", "68084774", "25091201"}},
		{1111111111, [3]string{"14050471", "67062674", "99943326"}},
		{1234567890, [3]string{"89005924", "91819424", "93441116"}},
		{2000000000, [3]string{"69279037", "90698825", "38618901"}},
	} {
		for i, want := range c.want {
			plain := append([]byte{byte(i), 8, 30}, seeds[i]...)
			step := uint32(c.at / 30)
			if j := (totp{}).judge(plain, []byte(want), c.at*1e9, 0, 0); j.worth != right || j.at != step {
				t.Errorf("%s at %d: worth %d, step %d", want, c.at, j.worth, j.at)
			}
			for _, d := range []int64{-1, 1} {
				at := (c.at/30 + d) * 30 * 1e9
				if j := (totp{}).judge(plain, []byte(want), at, 0, 0); j.worth != wrong {
					t.Errorf("%s is good %+d steps off without drift", want, d)
				}
				if j := (totp{}).judge(plain, []byte(want), at, 1, 0); j.worth != right || j.at != step {
					t.Errorf("%s is not good %+d steps off with drift", want, d)
				}
				if j := (totp{}).judge(plain, []byte(want), (c.at/30+2*d)*30*1e9, 1, 0); j.worth != wrong {
					t.Errorf("%s is good %+d steps off", want, 2*d)
				}
			}
		}
	}
}

// Two steps in a row may have the same code. The newer one counts: a fresh code is not
// refused because it looks like one that was used.
func TestEqualCodesInARow(t *testing.T) {
	const first, code = 62075368, "235522" // and 62075369; found by trying
	plain := append([]byte{0, 6, 30}, "12345678901234567890"...)
	for _, c := range []struct {
		at   int64
		last uint32
		want judgment
	}{
		{first, 0, judgment{worth: right, at: first + 1, until: (first + 3) * 30e9}},
		{first, first, judgment{worth: right, at: first + 1, until: (first + 3) * 30e9}},
		{first + 1, first, judgment{worth: right, at: first + 1, until: (first + 3) * 30e9}},
		{first + 1, first + 1, judgment{worth: used}},
		{first + 2, first, judgment{worth: right, at: first + 1, until: (first + 3) * 30e9}},
		{first - 1, 0, judgment{worth: right, at: first, until: (first + 2) * 30e9}},
	} {
		j := (totp{}).judge(plain, []byte(code), c.at*30e9, 1, c.last)
		if j.worth != c.want.worth || j.at != c.want.at || j.until != c.want.until {
			t.Errorf("in step %d, %d used: %d, step %d until %d", c.at-first, c.last, j.worth, j.at, j.until)
		}
	}
}

// The last vector of RFC 6238 is later than the library's clock may be.
func TestHOTPVector(t *testing.T) {
	code := make([]byte, 8)
	if hotp(hmac.New(sha1.New, []byte("12345678901234567890")), 20000000000/30, code); string(code) != "65353130" {
		t.Errorf("%s", code)
	}
}

// appCode is what an authenticator app shows: RFC 6238 written once more.
func appCode(secret string, at time.Time) Code {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		panic(err)
	}
	var h hash.Hash = hmac.New(sha1.New, key)
	n := at.Unix() / 30
	for shift := 56; shift >= 0; shift -= 8 {
		h.Write([]byte{byte(n >> shift)})
	}
	sum := h.Sum(nil)
	o := sum[19] % 16
	v := (int(sum[o])%128)<<24 + int(sum[o+1])<<16 + int(sum[o+2])<<8 + int(sum[o+3])
	return Code(fmt.Sprintf("%06d", v%1000000))
}

// enrolledApp enrolls an authenticator app and returns its secret, and the factor as
// the Directory keeps it.
func enrolledApp(t *testing.T, w *walk) (string, Factor) {
	t.Helper()
	app := Factor{ID: "app", Type: TOTP, Status: NotSetUp}
	w.fs = []Factor{app}
	w.want(w.do(Enroll{TOTP}), MFAEnrollActivate)
	secret := string(w.answer().Prompt.Secret)
	w.want(w.do(Activate{Code: appCode(secret, t0.Add(w.at))}), Success)
	kept := w.acknowledge()
	if len(kept) != 1 || len(kept[0].Data) == 0 || kept[0].Revision != 1 || kept[0].Status != Active {
		t.Fatalf("what the Directory is to keep: %+v", kept)
	}
	w.fs = kept
	return secret, kept[0]
}

func TestTOTP(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "app", Type: TOTP, Status: NotSetUp})
	secret, _ := enrolledApp(t, w)
	enrolledAt := w.at
	now := func() Code { return appCode(secret, t0.Add(w.at)) }

	// The code that confirmed the app does not sign in; the next one does, once.
	w.begin(grace)
	w.refuses(Verify{Factor: "app", Code: now()}, ErrUsed)
	w.do(Challenge{"app"})
	ref := w.refuses(Verify{Code: now()}, ErrUsed)
	if want := t0.Add(enrolledAt).Truncate(30 * time.Second).Add(30 * time.Second); !ref.RetryAt.Equal(want) {
		t.Errorf("the next code comes at %v, not %v", ref.RetryAt, want)
	}
	w.at += 30 * time.Second
	used := now()
	w.want(w.do(Verify{Code: used}), Success)
	w.begin(grace)
	w.refuses(Verify{Factor: "app", Code: used}, ErrUsed)
	w.at += 30 * time.Second
	w.refuses(Verify{Factor: "app", Code: used}, ErrUsed)
	w.at += 29 * time.Second
	w.refuses(Verify{Factor: "app", Code: used}, ErrUsed)
	w.at += time.Second
	if w.do(Verify{Factor: "app", Code: used}); w.r.Outcome != WrongCode {
		t.Errorf("two steps late: %q", w.r.Outcome)
	}
	w.want(w.do(Verify{Factor: "app", Code: now()}), Success)
	if len(w.a.used) != markSize {
		t.Errorf("%d bytes of marks", len(w.a.used))
	}
}

// A factor that the host has reset keeps its Revision, so that what was revoked never
// counts as the newer one.
func TestEnrolledAgain(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "app", Type: TOTP, Status: NotSetUp})
	_, old := enrolledApp(t, w)
	w.at += 48 * time.Hour
	old.Status, old.Revision = NotSetUp, 7
	w.fs = []Factor{old}
	w.begin(grace)
	w.want(w.do(Enroll{TOTP}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: appCode(string(w.answer().Prompt.Secret), t0.Add(w.at))}), Success)
	if kept := w.acknowledge(); len(kept) != 1 || kept[0].Revision != 8 {
		t.Errorf("what the Directory is to keep: %+v", kept)
	}
}

// An app's codes have no tries of their own: only the transaction's limit, and the
// account's, are said.
func TestTOTPTriesLeft(t *testing.T) {
	w := begun(t, Policy{NoBackoff: true, Digits: 8}, grace, Factor{ID: "app", Type: TOTP, Status: NotSetUp})
	secret, _ := enrolledApp(t, w)
	w.at += time.Hour
	w.begin(grace)
	w.want(w.do(Challenge{"app"}), MFAChallenge)
	wrong := appCode(secret, t0.Add(w.at+time.Hour))
	for left := w.m.policy.Tries; left > 1; left-- {
		if got := w.answer().TriesLeft; got != left {
			t.Errorf("%d tries left, want %d", got, left)
		}
		w.want(w.do(Verify{Code: wrong}), MFAChallenge)
	}
	w.want(w.do(Verify{Code: wrong}), LockedOut)
}

func TestTOTPImport(t *testing.T) {
	const good = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for uri, want := range map[string]string{
		"otpauth://totp/acme:ada?secret=" + good:                                                  "\x00\x06\x1e12345678901234567890",
		"otpauth://totp/ada?issuer=a%20b&digits=8&period=60&algorithm=SHA256&secret=" + good:      "\x01\x08\x3c12345678901234567890",
		"otpauth://totp/ada?secret=gezd+gnbv+gy3t+qojq+gezd+gnbv+gy3t+qojq&algorithm=sha512&foo=": "\x02\x06\x1e12345678901234567890",
		"otpauth://totp/ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY======":                              "\x00\x06\x1e1234567890123456",
		"otpauth://totp/ada?secret=GEZDGNBVGY3TQOJQGEZDGNBV":                                      "",
		"otpauth://totp/ada?secret=":                                                              "",
		"otpauth://totp/ada":                                                                      "",
		"otpauth://hotp/ada?counter=0&secret=" + good:                                             "",
		"https://totp/ada?secret=" + good:                                                         "",
		"otpauth://totp/ada?secret=" + good + "&secret=" + good:                                   "",
		"otpauth://totp/ada?digits=7&secret=" + good:                                              "",
		"otpauth://totp/ada?digits=06&secret=" + good:                                             "",
		"otpauth://totp/ada?period=0&secret=" + good:                                              "",
		"otpauth://totp/ada?period=-30&secret=" + good:                                            "",
		"otpauth://totp/ada?algorithm=MD5&secret=" + good:                                         "",
		"otpauth://totp/ada?secret=0OIL" + good:                                                   "",
		"otpauth://totp/ada?secret=" + good + "A":                                                 "",
		"otpauth://totp/ada?secret=%zz":                                                           "",
		"otpauth://totp/%zz?secret=" + good:                                                       "",
		"otpauth://totp/ada?secret=" + strings.Repeat("A", 32*8):                                  "",
		"": "",
	} {
		plain, err := totp{}.imported(Secret(uri))
		if string(plain) != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %q, %v", uri, plain, err)
		}
		if err != nil && (strings.Contains(err.Error(), good) || strings.Contains(err.Error(), "GEZD")) {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func FuzzTOTPImport(f *testing.F) {
	f.Add("otpauth://totp/acme:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=acme&algorithm=SHA1&digits=6&period=30")
	f.Add("otpauth://totp/ada?secret=gezd%20gnbvgy3tqojqgezdgnbvgy======")
	f.Fuzz(func(t *testing.T, uri string) {
		plain, err := totp{}.imported(Secret(uri))
		if (err == nil) != (totp{}).valid(plain) || err != nil && plain != nil {
			t.Fatalf("%q: %q, %v", uri, plain, err)
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) || len(err.Error()) > 200 {
				t.Fatalf("%q: %v", uri, err)
			}
			return
		}
		if secret := plain[totpHead:]; len(secret) < 16 || bytes.Count(secret, secret[:1]) == 0 {
			t.Fatalf("%q: %d bytes", uri, len(secret))
		}
	})
}

// The codes of an app are not sent, so that none of them has tries of its own: what is
// left are those of the transaction and the account.
func TestTriesLeftOfAnApp(t *testing.T) {
	m := newMachine(t, Policy{CodeTries: 2})
	w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app"), adaMail}, seed: 1}
	w.begin(ada)
	w.do(Challenge{"app"})
	for left := 10; left > 7; left-- {
		if got := w.answer().TriesLeft; got != left {
			t.Errorf("%d tries left, not %d", got, left)
		}
		w.do(Verify{Code: "000000"})
	}
	w.do(Previous{})
	w.at += time.Hour / 12
	w.do(Challenge{adaMail.ID})
	if got := w.answer().TriesLeft; got != 2 {
		t.Errorf("%d tries of a code that was sent", got)
	}
}

// Neither a wrong code nor a reload nor a refused event changes the secret that the
// user has scanned; going back and enrolling again does.
func TestEnrollingSecretStays(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "app", Type: TOTP, Status: NotSetUp, Address: "grace@example.com"})
	w.do(Enroll{TOTP})
	first := w.answer().Prompt
	if got := string(first.URI); got != "otpauth://totp/acme:grace@example.com?secret="+string(first.Secret)+"&issuer=acme" || len(first.Secret) != 32 {
		t.Errorf("%s", got)
	}
	w.do(Activate{Code: "000000"})
	w.at += 29 * time.Second
	w.refuses(Resend{}, ErrNotAllowed)
	if again := w.answer().Prompt; again.Secret != first.Secret || w.r.Outcome == Done {
		t.Error("another secret after a wrong code, or the code was right by chance")
	}
	w.do(Previous{})
	if p := w.answer().Prompt; p.Secret != "" {
		t.Error("the secret is shown in MFA_ENROLL")
	}
	w.do(Enroll{TOTP})
	second := w.answer().Prompt.Secret
	if second == first.Secret {
		t.Error("the same secret after enrolling anew")
	}
	if w.do(Activate{Code: appCode(string(first.Secret), t0.Add(w.at))}); w.r.Outcome != WrongCode {
		t.Errorf("a code of the secret before: %q", w.r.Outcome)
	}
	w.want(w.do(Activate{Code: appCode(string(second), t0.Add(w.at))}), Success)
	if p := w.answer().Prompt; p.Secret != "" || p.URI != "" {
		t.Error("the secret is shown after the activation")
	}
}
