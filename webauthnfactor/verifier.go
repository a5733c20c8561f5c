package webauthnfactor

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"

	"github.com/authnfsm/authn"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// verifier is the relying party. It keeps nothing between the beginning of a ceremony
// and its end: all that the library has to know of it follows from the check.
type verifier struct {
	rp       *webauthn.WebAuthn
	origins  []string
	required bool // user verification
}

var errNoKey = errors.New("webauthnfactor: no key of the user can respond")

// Prompt implements [authn.Verifier].
func (v *verifier) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	if c.First {
		return v.anyKey(&c)
	}
	keys, err := v.keys(&c)
	if err != nil {
		return nil, err
	}
	if c.Purpose == authn.PurposeEnroll {
		options, _, err := v.beginEnroll(&c, account(&c, keys, 0))
		if err != nil {
			return nil, err
		}
		return json.Marshal(options.Response)
	}
	options, _, err := v.beginSignIn(&c, account(&c, keys, 0))
	if err != nil {
		return nil, err
	}
	return json.Marshal(options.Response)
}

// Verify implements [authn.Verifier].
func (v *verifier) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	keys, err := v.keys(&c)
	switch {
	case err != nil:
		return authn.Verdict{}, err
	case c.Purpose == authn.PurposeEnroll:
		return v.enroll(&c, keys)
	case len(keys) == 0 && c.First:
		return authn.Verdict{}, nil
	case len(keys) == 0:
		return authn.Verdict{}, errNoKey
	}
	return v.signIn(&c, keys), nil
}

// enroll judges a response of navigator.credentials.create().
func (v *verifier) enroll(c *authn.Check, keys []key) (authn.Verdict, error) {
	got := parseCreation(c.Response)
	if got == nil || !v.isFor(&got.Response.CollectedClientData, protocol.CreateCeremony, &got.Response.AttestationObject.AuthData, c) {
		return authn.Verdict{Malformed: true}, nil
	}
	u := account(c, keys, 0)
	_, session, err := v.beginEnroll(c, u)
	if err != nil {
		return authn.Verdict{}, err
	}
	made, err := v.rp.CreateCredential(u, *session, got)
	if err != nil || slices.ContainsFunc(keys, func(k key) bool { return k.id == string(made.ID) }) {
		return authn.Verdict{}, nil
	}
	k := enrolled(made, string(u.handle))
	data, ok := k.encode()
	right := authn.Verdict{Right: ok, Data: data}
	if k.has(verified) {
		right.Methods = userVerified
	}
	return right, nil
}

// signIn judges a response of navigator.credentials.get().
func (v *verifier) signIn(c *authn.Check, keys []key) authn.Verdict {
	got := parseAssertion(c.Response)
	if got == nil || c.First && len(got.Response.UserHandle) == 0 || !v.isFor(&got.Response.CollectedClientData, protocol.AssertCeremony, &got.Response.AuthenticatorData, c) {
		return authn.Verdict{Malformed: true}
	}
	for i := range keys {
		if got.RawID != nil && string(got.RawID) != keys[i].id {
			continue
		}
		if verdict := v.judge(c, &keys[i], *got); verdict.Right {
			return verdict
		}
	}
	return authn.Verdict{}
}

// judge judges a response as one of the key.
func (v *verifier) judge(c *authn.Check, k *key, got protocol.ParsedCredentialAssertionData) (wrong authn.Verdict) {
	said := &got.Response.AuthenticatorData
	u := account(c, []key{*k}, said.Flags)
	_, session, err := v.beginSignIn(c, u)
	if err != nil {
		return wrong
	}
	got.RawID = []byte(k.id)
	if _, err = v.rp.ValidateLogin(u, *session, &got); err != nil {
		return wrong
	}
	next, ok := k.used(said.Flags, said.Counter)
	if !ok {
		return wrong
	}
	right := authn.Verdict{Right: true, Factor: k.factor}
	if said.Flags.HasUserVerified() && k.has(verified) {
		right.Methods = userVerified
	}
	if next != k.credential {
		right.Data, _ = next.encode() // as long as before
	}
	return right
}

// isFor says that a response is for this challenge, site and ceremony.
func (v *verifier) isFor(d *protocol.CollectedClientData, ceremony protocol.CeremonyType, a *protocol.AuthenticatorData, c *authn.Check) bool {
	site := sha256.Sum256([]byte(v.rp.Config.RPID))
	return c.Challenge != [32]byte{} && // it came without one
		d.Type == ceremony && d.Challenge == base64url.EncodeToString(c.Challenge[:]) &&
		slices.Contains(v.origins, d.Origin) && !d.CrossOrigin && d.TopOrigin == "" &&
		string(a.RPIDHash) == string(site[:])
}

func (v *verifier) beginEnroll(c *authn.Check, u *user) (*protocol.CredentialCreation, *webauthn.SessionData, error) {
	return v.rp.BeginRegistration(u, func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge = c.Challenge[:]
		o.Parameters = webauthn.CredentialParametersRecommendedL3()
		o.CredentialExcludeList = webauthn.Credentials(u.keys).CredentialDescriptors()
		return nil
	})
}

func (v *verifier) beginSignIn(c *authn.Check, u *user) (*protocol.CredentialAssertion, *webauthn.SessionData, error) {
	if len(u.keys) == 0 {
		return nil, nil, errNoKey
	}
	return v.rp.BeginLogin(u, v.options(c)...)
}

// user is the account as the library knows it.
type user struct {
	handle []byte
	name   string
	keys   []webauthn.Credential
}

func (u *user) WebAuthnID() []byte                         { return u.handle }
func (u *user) WebAuthnName() string                       { return u.name }
func (u *user) WebAuthnDisplayName() string                { return u.name }
func (u *user) WebAuthnCredentials() []webauthn.Credential { return u.keys }

// account is the user with some keys. The handle of the first key comes from its
// challenge, and so says nothing of the user; further keys have the same one.
func account(c *authn.Check, keys []key, flags protocol.AuthenticatorFlags) *user {
	u := &user{name: c.Factor.Address}
	if u.name == "" {
		u.name = c.User
	}
	for i := range keys {
		u.keys = append(u.keys, keys[i].library(flags))
	}
	if len(keys) > 0 {
		u.handle = []byte(keys[0].handle)
	} else {
		sum := sha256.Sum256(append([]byte("authn: user handle of WebAuthn\n"), c.Challenge[:]...))
		u.handle = sum[:]
	}
	return u
}
