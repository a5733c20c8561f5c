package webauthnfactor_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webauthnfactor"
	vw "github.com/descope/virtualwebauthn"
)

// An origin is that of the configuration, byte for byte, and no frame.
func TestOriginsOfResponses(t *testing.T) {
	v := verifier(t, func(c *webauthnfactor.Config) {
		c.Origins = append(c.Origins, app)
		c.Related = []string{"https://example.org"}
	})
	k := newDevice()
	c := owner(t, v, k, saying{flags: up})
	options := prompt(t, v, c)
	for origin, want := range map[string]string{
		site.Origin: "right", "https://example.com:8443": "right", app: "right", "https://example.org": "right",
		"https://examp1e.com": "malformed", "https://example.com": "malformed", "https://www.example.com": "malformed",
		"https://login.example.com:443": "malformed", "https://login.example.com:8443": "malformed", "https://example.com:08443": "malformed",
		"https://LOGIN.example.com": "malformed", "HTTPS://login.example.com": "malformed", "https://login.example.com.": "malformed",
		"https://login.example.com/": "malformed", "https://login.example.com/path": "malformed", "https://user@login.example.com": "malformed",
		"http://login.example.com": "malformed", "http://example.com:8443": "malformed", "https://login.example.com.evil.org": "malformed",
		"https://example.org:8443": "malformed", "https://login.example.org": "malformed",
		"android:apk-key-hash:" + strings.Repeat("B", 42) + "A": "malformed", app + "=": "malformed", strings.ToUpper(app): "malformed",
		"null": "malformed", "": "malformed", "*": "malformed",
	} {
		s := saying{flags: up, client: map[string]any{"origin": origin}}
		if got := worth(ask(t, v, c, s.get(t, k, options))); got != want {
			t.Errorf("%q: %s, want %s", origin, got, want)
		}
	}
}

const app = "android:apk-key-hash:Ln4SA4pPKZqjjQoLk6iwyCuf1dfOzQ-6SYiIcz9HKdE"

// A response that is for something else, or that nobody can read, is no guess.
func TestMalformed(t *testing.T) {
	v, k := verifier(t), newDevice()
	c := owner(t, v, k, saying{flags: up})
	enrolls := c
	enrolls.Purpose, enrolls.Factor.Data = authn.PurposeEnroll, nil
	options := prompt(t, v, c)
	good := saying{flags: up}.get(t, k, options)
	old := c
	old.Challenge[31]++
	for name, response := range map[string]authn.Code{
		"nothing": "", "no JSON": "123456", "null": "null", "a list": "[]", "an empty object": "{}", "half": good[:len(good)/2], "twice": good + good,
		"another challenge":     saying{flags: up}.get(t, k, prompt(t, v, old)),
		"a padded challenge":    saying{flags: up, client: map[string]any{"challenge": challenge(t, options) + "="}}.get(t, k, options),
		"to enroll":             saying{flags: up}.create(t, k, options),
		"the other ceremony":    saying{flags: up, client: map[string]any{"type": "webauthn.create"}}.get(t, k, options),
		"a payment":             saying{flags: up, client: map[string]any{"type": "payment.get"}}.get(t, k, options),
		"in a frame":            saying{flags: up, client: map[string]any{"crossOrigin": true}}.get(t, k, options),
		"in another's frame":    saying{flags: up, client: map[string]any{"crossOrigin": true, "topOrigin": site.Origin}}.get(t, k, options),
		"with a top origin":     saying{flags: up, client: map[string]any{"topOrigin": site.Origin}}.get(t, k, options),
		"another RP ID":         saying{flags: up, rpID: "login.example.com"}.get(t, k, options),
		"another type":          saying{flags: up, outer: map[string]any{"type": "password"}}.get(t, k, options),
		"no type":               saying{flags: up, outer: map[string]any{"type": nil}}.get(t, k, options),
		"two ids":               saying{flags: up, outer: map[string]any{"id": "AAAA"}}.get(t, k, options),
		"an id only":            saying{flags: up, outer: map[string]any{"rawId": nil}}.get(t, k, options),
		"a rawId only":          saying{flags: up, outer: map[string]any{"id": nil}}.get(t, k, options),
		"no base64":             saying{flags: up, response: map[string]any{"authenticatorData": "+/+/"}}.get(t, k, options),
		"a number":              saying{flags: up, response: map[string]any{"signature": 1}}.get(t, k, options),
		"no client data":        saying{flags: up, response: map[string]any{"clientDataJSON": ""}}.get(t, k, options),
		"short data":            saying{flags: up, response: map[string]any{"authenticatorData": "AAAA"}}.get(t, k, options),
		"leftover data":         saying{flags: up, ext: []byte{0xa0}}.get(t, k, options),
		"extensions are gone":   saying{flags: up | ed}.get(t, k, options),
		"extensions are no map": saying{flags: up | ed, ext: []byte{0x01}}.get(t, k, options),
	} {
		if got := worth(ask(t, v, c, response)); got != "malformed" {
			t.Errorf("to sign in, %s: %s", name, got)
		}
		if got := worth(ask(t, v, enrolls, response)); got != "malformed" && name != "to enroll" {
			t.Errorf("to enroll, %s: %s", name, got)
		}
	}
	for name, s := range map[string]saying{
		"another RP ID":      {rpID: "login.example.com"},
		"the other ceremony": {client: map[string]any{"type": "webauthn.get"}},
		"another origin":     {client: map[string]any{"origin": "https://example.com"}},
		"in a frame":         {client: map[string]any{"crossOrigin": true}},
		"another type":       {outer: map[string]any{"type": "password"}},
		"no object":          {response: map[string]any{"attestationObject": ""}},
		"no statement":       {response: map[string]any{"attestationObject": "oA"}},
		"with more behind":   {ext: []byte{0}},
	} {
		s.flags |= up
		if got := worth(ask(t, v, enrolls, s.create(t, k, options))); got != "malformed" {
			t.Errorf("to enroll, %s: %s", name, got)
		}
	}

	// What came without a challenge, of a type that a host has made AtOnce.
	c.Challenge = [32]byte{}
	if got := worth(ask(t, v, c, saying{flags: up}.get(t, k, prompt(t, v, c)))); got != "malformed" {
		t.Errorf("no challenge: %s", got)
	}
}

// A response to this challenge that is not right counts.
func TestWrong(t *testing.T) {
	v, k, other := verifier(t), newDevice(), newDevice()
	c := owner(t, v, k, saying{flags: up, count: 3})
	options := prompt(t, v, c)
	forger := *other
	forger.ID = k.ID
	later := saying{flags: up, count: 4}
	for name, response := range map[string]authn.Code{
		"an unknown key":           later.get(t, other, options),
		"another's signature":      later.get(t, &forger, options),
		"no signature":             saying{flags: up, count: 4, response: map[string]any{"signature": ""}}.get(t, k, options),
		"nobody is present":        saying{count: 4}.get(t, k, options),
		"backed up, and cannot be": saying{flags: up | bs, count: 4}.get(t, k, options),
		"another user's handle":    saying{flags: up, count: 4, response: map[string]any{"userHandle": "AAAA"}}.get(t, k, options),
		"the same count":           saying{flags: up, count: 3}.get(t, k, options),
		"an older count":           saying{flags: up, count: 2}.get(t, k, options),
		"no count any more":        saying{flags: up}.get(t, k, options),
		"an older count, and a flag that would excuse it": saying{flags: up | be, count: 2}.get(t, k, options),
	} {
		if got := worth(ask(t, v, c, response)); got != "wrong" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := worth(ask(t, v, c, later.get(t, k, options))); got != "right" {
		t.Errorf("the right one: %s", got)
	}

	c.Purpose, c.Others, c.Factor = authn.PurposeEnroll, []authn.Factor{c.Factor}, authn.Factor{ID: "k2"}
	for name, response := range map[string]authn.Code{
		"a key that the user has":  saying{flags: up}.create(t, k, options),
		"nobody is present":        saying{}.create(t, other, options),
		"backed up, and cannot be": saying{flags: up | bs}.create(t, other, options),
	} {
		if got := worth(ask(t, v, c, response)); got != "wrong" {
			t.Errorf("to enroll, %s: %s", name, got)
		}
	}
}

// Backup flags that change are accepted and kept, either way. The sign count of a key
// that could be backed up, when it was last used, does not count.
func TestBackupFlags(t *testing.T) {
	v, k := verifier(t), newDevice()
	c := owner(t, v, k, saying{flags: up, count: 5})
	for _, step := range []struct {
		flags byte
		count uint32
		want  string
		kept  bool
	}{
		{up, 6, "right", true},
		{up | be, 7, "right", true}, // it can be backed up
		{up | be, 7, "right", false},
		{up | be | bs, 2, "right", true}, // it is; the other device counts by itself
		{up | be | bs, 2, "right", false},
		{up | be | bs, 9, "right", true},
		{up | be | bs, 0, "right", false},
		{up | be, 0, "right", true}, // it is not any more
		{up, 0, "right", true},      // and cannot be
		{up, 0, "wrong", false},     // so that its count counts
		{up, 9, "wrong", false},
		{up, 10, "right", true},
	} {
		verdict := ask(t, v, c, saying{flags: step.flags, count: step.count}.get(t, k, prompt(t, v, c)))
		if got := worth(verdict); got != step.want || (verdict.Data != nil) != step.kept {
			t.Errorf("flags %x, count %d: %s, %d bytes to keep", step.flags, step.count, got, len(verdict.Data))
		}
		if verdict.Data != nil {
			c.Factor.Data = verdict.Data
		}
	}
}

// Bytes in base64url may have padding.
func TestPadding(t *testing.T) {
	v, k := verifier(t), newDevice()
	pad := func(response authn.Code) authn.Code {
		var whole map[string]any
		if err := json.Unmarshal([]byte(response), &whole); err != nil {
			t.Fatal(err)
		}
		for _, m := range []map[string]any{whole, whole["response"].(map[string]any)} {
			for name, value := range m {
				if s, ok := value.(string); ok && name != "type" && name != "authenticatorAttachment" {
					m[name] = s + strings.Repeat("=", (4-len(s)%4)%4)
				}
			}
		}
		b := marshal(whole)
		if !bytes.Contains(b, []byte(`=","`)) {
			t.Errorf("nothing was padded: %s", b)
		}
		return authn.Code(b)
	}
	c := authn.Check{User: "ada", Purpose: authn.PurposeEnroll, Challenge: [32]byte{1}, Factor: authn.Factor{ID: "k1"}}
	verdict := ask(t, v, c, pad(saying{flags: up}.create(t, k, prompt(t, v, c))))
	if worth(verdict) != "right" {
		t.Fatal(worth(verdict))
	}
	c.Purpose, c.Factor.Data = authn.PurposeSignIn, verdict.Data
	if got := worth(ask(t, v, c, pad(saying{flags: up}.get(t, k, prompt(t, v, c))))); got != "right" {
		t.Error(got)
	}
}

// A client that knows no id leaves it out: each key of the user is tried.
func TestWithoutID(t *testing.T) {
	v, one, two, other := verifier(t), newDevice(), newDevice(), newDevice()
	nameless := map[string]any{"id": nil, "rawId": nil}
	c := authn.Check{User: "ada", Purpose: authn.PurposeEnroll, Challenge: [32]byte{1}, Factor: authn.Factor{ID: "k1"}}
	made := ask(t, v, c, saying{flags: up, outer: nameless}.create(t, one, prompt(t, v, c)))
	if worth(made) != "right" || !bytes.Contains(made.Data, one.ID) {
		t.Fatalf("enrolled: %s", worth(made))
	}
	c.Purpose, c.Factor.Data = authn.PurposeSignIn, made.Data
	c.Others = []authn.Factor{{ID: "k2", Data: owner(t, v, two, saying{flags: up}).Factor.Data}}
	for want, k := range map[string]*device{"k1": one, "k2": two, "": other} {
		verdict := ask(t, v, c, saying{flags: up, outer: nameless}.get(t, k, prompt(t, v, c)))
		if verdict.Right != (want != "") || verdict.Malformed || verdict.Factor != want {
			t.Errorf("of %q: %s, factor %q", want, worth(verdict), verdict.Factor)
		}
	}
}

// A credential id has up to 1,023 bytes. A key that is too much to keep is not enrolled.
func TestLongID(t *testing.T) {
	v, k := verifier(t), newDevice()
	enroll := authn.Check{User: "ada", Purpose: authn.PurposeEnroll, Challenge: [32]byte{1}, Factor: authn.Factor{ID: "k1"}}
	for n, want := range map[int]string{1: "right", 1023: "right", 1024: "malformed"} {
		k.ID = bytes.Repeat([]byte{7}, n)
		if got := worth(ask(t, v, enroll, saying{flags: up}.create(t, k, prompt(t, v, enroll)))); got != want {
			t.Errorf("%d bytes: %s", n, got)
		}
	}
	k.ID = bytes.Repeat([]byte{7}, 1023)
	d := open(t)
	a := d.enrolling("ada")
	a = d.do(a, authn.Activate{Code: k.create(t, a)})
	if f := d.FactorsOf("ada")[0]; a.State != authn.Success || len(f.Data) > 2<<10 {
		t.Fatalf("%s, %d bytes", a.State, len(f.Data))
	}
	a = d.challenged("ada")
	if a = d.do(a, authn.Verify{Code: k.get(t, a)}); a.State != authn.Success {
		t.Error(a.State, a.Outcome)
	}
}

// Of attestations, only one by the key itself is looked at: it has to be right. Another
// is as good as none, whatever it says.
func TestAttestation(t *testing.T) {
	v, k, other := verifier(t), newDevice(), newDevice()
	c := authn.Check{User: "ada", Purpose: authn.PurposeEnroll, Challenge: [32]byte{1}, Factor: authn.Factor{ID: "k1"}}
	options := prompt(t, v, c)
	if !bytes.Contains(options, []byte(`"attestation":"none"`)) {
		t.Errorf("asks for %s", options)
	}
	self := func(signer *device) saying {
		s := saying{flags: up}
		attested := append(make([]byte, 16), byte(len(k.ID)>>8), byte(len(k.ID)))
		attested = append(append(attested, k.ID...), k.Key.AttestationData()...)
		auth := saying{flags: up | at}.authData(attested...)
		hash := sha256.Sum256(s.clientData("webauthn.create", challenge(t, options)))
		digest := sha256.Sum256(append(auth, hash[:]...))
		signature, err := signer.Key.Sign(digest[:])
		if err != nil {
			t.Fatal(err)
		}
		s.format = "packed"
		s.stmt = append([]byte{0xa2, 0x63}, "alg"...)
		s.stmt = append(append(append(s.stmt, 0x26), 0x63), "sig"...)
		s.stmt = append(append(s.stmt, 0x58, byte(len(signature))), signature...)
		return s
	}
	x5c := append(append([]byte{0xa1, 0x63}, "x5c"...), 0x81, 0x41, 0x30) // one certificate of one byte
	for name, r := range map[string]struct {
		saying
		want string
	}{
		"none":                       {saying{flags: up}, "right"},
		"by the key":                 {self(k), "right"},
		"by another key":             {self(other), "wrong"},
		"packed, with a certificate": {saying{flags: up, format: "packed", stmt: x5c}, "right"},
		"of a TPM":                   {saying{flags: up, format: "tpm", stmt: x5c}, "right"},
		"of an unknown format":       {saying{flags: up, format: "acme", stmt: []byte{0xa0}}, "right"},
		"none, with a statement":     {saying{flags: up, format: "none", stmt: x5c}, "right"},
	} {
		if got := worth(ask(t, v, c, r.create(t, k, options))); got != r.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Clients and authenticators send outputs of extensions for which nobody has asked.
func TestUnaskedExtensions(t *testing.T) {
	v, k := verifier(t), newDevice()
	outputs := map[string]any{"clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}, "appid": false, "x": 1}}
	protect := append(append([]byte{0xa1, 0x6b}, "credProtect"...), 2)
	c := owner(t, v, k, saying{flags: up | ed, ext: protect, outer: outputs})
	if got := worth(ask(t, v, c, saying{flags: up | ed, ext: protect, outer: outputs}.get(t, k, prompt(t, v, c)))); got != "right" {
		t.Error(got)
	}
}

// The prompts, to the byte: clients are written against them.
func TestPrompts(t *testing.T) {
	v, k := verifier(t), newDevice()
	k.ID = []byte("a credential")
	c := owner(t, v, k, saying{flags: up})
	data := c.Factor.Data
	enroll := authn.Check{User: "ada", Purpose: authn.PurposeEnroll, Challenge: [32]byte{1}, Factor: authn.Factor{ID: "k1"}}
	if got, want := string(prompt(t, v, enroll)), `{"rp":{"name":"Example","id":"example.com"},`+
		`"user":{"name":"ada","displayName":"ada","id":"`+handle+`"},`+
		`"challenge":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",`+
		`"pubKeyCredParams":[{"type":"public-key","alg":-8},{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],`+
		`"timeout":300000,"authenticatorSelection":{"residentKey":"preferred","userVerification":"preferred"},"attestation":"none"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	enroll.Challenge, enroll.Factor = [32]byte{2}, authn.Factor{ID: "k2", Address: "ada@example.com"}
	enroll.Others = []authn.Factor{{ID: "k1", Data: data}}
	if got := string(prompt(t, v, enroll)); !strings.Contains(got, `"user":{"name":"ada@example.com","displayName":"ada@example.com","id":"`+handle+`"}`) ||
		!strings.Contains(got, `"excludeCredentials":[{"type":"public-key","id":"YSBjcmVkZW50aWFs","transports":["usb","internal"]}]`) {
		t.Errorf("a second key: %s", got)
	}
	if got, want := string(prompt(t, v, c)), `{"challenge":"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","timeout":300000,"rpId":"example.com",`+
		`"allowCredentials":[{"type":"public-key","id":"YSBjcmVkZW50aWFs","transports":["usb","internal"]}],"userVerification":"preferred"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// handle is made of the challenge 1.
const handle = "ucZijw_p4UsOZ8i7rkV-Z7W4Qneca3CkGBrfY3fiq3o"

// Responses that an attacker writes end in a verdict, and never in one that is right.
func FuzzResponses(f *testing.F) {
	v, k := verifier(f), newDevice()
	c := owner(f, v, k, saying{flags: up})
	enroll := c
	enroll.Purpose, enroll.Factor.Data = authn.PurposeEnroll, nil
	old := c
	old.Challenge = [32]byte{9}
	f.Add(string(saying{flags: up}.get(f, k, prompt(f, v, old))))
	f.Add(string(saying{flags: up}.create(f, k, prompt(f, v, old))))
	f.Add(string(saying{flags: up | ed, ext: []byte{0xa0}}.create(f, k, prompt(f, v, old))))
	f.Add(vw.CreateAssertionResponse(site, k.Authenticator, k.Credential, vw.AssertionOptions{Challenge: old.Challenge[:]}))
	f.Fuzz(func(t *testing.T, response string) {
		for _, c := range []authn.Check{c, enroll} {
			if got := worth(ask(t, v, c, authn.Code(response))); got != "malformed" && got != "wrong" {
				t.Error(got)
			}
		}
	})
}
