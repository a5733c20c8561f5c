package webauthnfactor_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/webauthnfactor"
	vw "github.com/descope/virtualwebauthn"
)

var base64url = base64.RawURLEncoding

// site is where the tests' keys are for.
var site = vw.RelyingParty{ID: "example.com", Name: "Example", Origin: "https://login.example.com"}

func config() webauthnfactor.Config {
	return webauthnfactor.Config{RPID: site.ID, RPName: site.Name, Origins: []string{site.Origin, "https://example.com:8443"}}
}

// desk is a service, and users who stand before it.
type desk struct {
	testing.TB
	authntest.World
	*authn.Service
}

func open(t testing.TB, change ...func(*webauthnfactor.Config)) *desk {
	t.Helper()
	c := config()
	for _, f := range change {
		f(&c)
	}
	keys, err := webauthnfactor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{TB: t}
	d.Service = d.World.Service(t, func(c *authn.Config) { c.Types = []authn.FactorType{keys} })
	for _, user := range []string{"ada", "grace"} {
		d.SetFactors(user, slot("k1"), slot("k2"))
	}
	return d
}

// slot is a key that is not enrolled yet.
func slot(id string) authn.Factor {
	return authn.Factor{ID: id, Type: "webauthn", Address: "somebody@example.com", Status: authn.NotSetUp}
}

func (d *desk) begin(l authn.Login) *authn.Answer {
	d.Helper()
	a, err := d.Begin(d.Context(), l)
	if err != nil {
		d.Fatal(err)
	}
	return a
}

func (d *desk) do(a *authn.Answer, ev authn.Event) *authn.Answer {
	d.Helper()
	next, err := d.Do(d.Context(), a.Token, ev)
	if err != nil {
		d.Fatalf("%T: %v", ev, err)
	}
	return next
}

// refused says that an event is refused for this reason, and changes nothing.
func (d *desk) refused(a *authn.Answer, ev authn.Event, why error) {
	d.Helper()
	before, err := d.Status(d.Context(), a.Token)
	if err != nil {
		d.Fatal(err)
	}
	if _, err := d.Do(d.Context(), a.Token, ev); !errors.Is(err, why) {
		d.Errorf("%v, want %v", err, why)
	}
	after, err := d.Status(d.Context(), a.Token)
	if err != nil || after.State != before.State || after.TriesLeft != before.TriesLeft || string(after.Prompt.Options) != string(before.Prompt.Options) {
		d.Errorf("it has changed something: %v", err)
	}
}

// enrolling is a user about to enroll a key.
func (d *desk) enrolling(user string) *authn.Answer {
	d.Helper()
	return d.do(d.begin(authn.Login{User: user}), authn.Enroll{Type: "webauthn"})
}

// challenged is a user who is to prove a key.
func (d *desk) challenged(user string) *authn.Answer {
	d.Helper()
	return d.do(d.begin(authn.Login{User: user}), authn.Challenge{Factor: "k1"})
}

// device is an authenticator with one key.
type device struct {
	vw.Authenticator
	vw.Credential
}

func newDevice() *device {
	k := &device{vw.NewAuthenticator(), credential()}
	for len(k.Key.AttestationData()) != 77 { // virtualwebauthn leaves out zeros that a coordinate begins with
		k.Credential = credential()
	}
	return k
}

// create is what the browser sends to enroll the key.
func (k *device) create(t testing.TB, a *authn.Answer) authn.Code {
	t.Helper()
	o, err := vw.ParseAttestationOptions(string(a.Prompt.Options))
	if err != nil {
		t.Fatalf("%v in %s", err, a.Prompt.Options)
	}
	return authn.Code(vw.CreateAttestationResponse(site, k.Authenticator, k.Credential, *o))
}

// get is what the browser sends to sign in.
func (k *device) get(t testing.TB, a *authn.Answer) authn.Code {
	t.Helper()
	o, err := vw.ParseAssertionOptions(string(a.Prompt.Options))
	if err != nil {
		t.Fatalf("%v in %s", err, a.Prompt.Options)
	}
	return authn.Code(vw.CreateAssertionResponse(site, k.Authenticator, k.Credential, *o))
}

// saying is what a browser and an authenticator say, right or wrong.
type saying struct {
	client   map[string]any // of the client data, beside what is usual
	rpID     string
	flags    byte
	count    uint32
	ext      []byte         // of the authenticator data
	response map[string]any // beside what is usual
	outer    map[string]any
	format   string // of the attestation; "" is none
	stmt     []byte // its statement, in CBOR
}

const (
	up byte = 1 << 0
	uv byte = 1 << 2
	be byte = 1 << 3
	bs byte = 1 << 4
	at byte = 1 << 6
	ed byte = 1 << 7
)

func challenge(t testing.TB, options []byte) string {
	t.Helper()
	var o struct{ Challenge string }
	if err := json.Unmarshal(options, &o); err != nil || len(o.Challenge) != 43 {
		t.Fatalf("no challenge in %q", options)
	}
	return o.Challenge
}

func (s saying) clientData(kind, challenge string) []byte {
	d := map[string]any{"type": kind, "challenge": challenge, "origin": site.Origin, "crossOrigin": false}
	maps.Copy(d, s.client)
	return marshal(d)
}

func (s saying) authData(more ...byte) []byte {
	if s.rpID == "" {
		s.rpID = site.ID
	}
	hash := sha256.Sum256([]byte(s.rpID))
	b := append(hash[:], s.flags)
	b = binary.BigEndian.AppendUint32(b, s.count)
	return append(append(b, more...), s.ext...)
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (s saying) wrap(k *device, response map[string]any) authn.Code {
	maps.Copy(response, s.response)
	whole := map[string]any{
		"id": base64url.EncodeToString(k.ID), "rawId": base64url.EncodeToString(k.ID), "type": "public-key",
		"authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{}, "response": response,
	}
	maps.Copy(whole, s.outer)
	return authn.Code(marshal(whole))
}

// get is a response that signs in.
func (s saying) get(t testing.TB, k *device, options []byte) authn.Code {
	t.Helper()
	client, auth := s.clientData("webauthn.get", challenge(t, options)), s.authData()
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(auth, hash[:]...))
	signature, err := k.Key.Sign(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return s.wrap(k, map[string]any{
		"clientDataJSON": base64url.EncodeToString(client), "authenticatorData": base64url.EncodeToString(auth),
		"signature": base64url.EncodeToString(signature), "userHandle": nil,
	})
}

// create is a response that enrolls.
func (s saying) create(t testing.TB, k *device, options []byte) authn.Code {
	t.Helper()
	s.flags |= at
	attested := append(make([]byte, 16), byte(len(k.ID)>>8), byte(len(k.ID)))
	attested = append(append(attested, k.ID...), k.Key.AttestationData()...)
	auth := s.authData(attested...)
	if s.format == "" {
		s.format, s.stmt = "none", []byte{0xa0}
	}
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x60|byte(len(s.format))), s.format...)
	object = append(append(append(object, 0x67), "attStmt"...), s.stmt...)
	object = append(append(append(object, 0x68), "authData"...), 0x59, byte(len(auth)>>8), byte(len(auth)))
	object = append(object, auth...)
	return s.wrap(k, map[string]any{
		"clientDataJSON":    base64url.EncodeToString(s.clientData("webauthn.create", challenge(t, options))),
		"attestationObject": base64url.EncodeToString(object), "transports": []string{"usb", "internal", "carrier pigeon"},
	})
}

var failing = authntest.Fault{Err: authntest.ErrDown}

// verifier is the type's, to be asked directly.
func verifier(t testing.TB, change ...func(*webauthnfactor.Config)) authn.Verifier {
	t.Helper()
	c := config()
	for _, f := range change {
		f(&c)
	}
	y, err := webauthnfactor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return y.Verifier
}

func prompt(t testing.TB, v authn.Verifier, c authn.Check) []byte {
	t.Helper()
	b, err := v.Prompt(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ask(t testing.TB, v authn.Verifier, c authn.Check, response authn.Code) authn.Verdict {
	t.Helper()
	c.Response = []byte(response)
	verdict, err := v.Verify(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

// worth is a verdict in a word.
func worth(v authn.Verdict) string {
	switch {
	case v.Malformed && !v.Right && v.Data == nil && v.Factor == "":
		return "malformed"
	case v.Right && !v.Malformed:
		return "right"
	case v.Right || v.Malformed || v.Data != nil || v.Factor != "":
		return fmt.Sprintf("%+v", v)
	}
	return "wrong"
}

// owner is a check of a user whose first key is the device's.
func owner(t testing.TB, v authn.Verifier, k *device, s saying) authn.Check {
	t.Helper()
	c := authn.Check{Tenant: "acme", User: "ada", Purpose: authn.PurposeEnroll, Challenge: [32]byte{1}, Factor: authn.Factor{ID: "k1", Type: "webauthn"}}
	verdict := ask(t, v, c, s.create(t, k, prompt(t, v, c)))
	if worth(verdict) != "right" {
		t.Fatalf("enrolled: %s", worth(verdict))
	}
	c.Purpose, c.Challenge, c.Factor.Data = authn.PurposeSignIn, [32]byte{2}, verdict.Data
	return c
}

// credential is one on the curve P-256. The virtual authenticator leaves out the zeros
// that a coordinate begins with, which CTAP2 forbids: such a key is not used.
func credential() vw.Credential {
	for {
		c := vw.NewCredential(vw.KeyTypeEC2)
		if len(c.Key.AttestationData()) == wholeKey {
			return c
		}
	}
}

// wholeKey is the length of a COSE key on the curve P-256 (RFC 9053 section 7.1.1).
const wholeKey = 77
