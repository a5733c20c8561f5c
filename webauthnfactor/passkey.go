package webauthnfactor

import (
	"encoding/json"

	"github.com/authnfsm/authn"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Handle implements [authn.Discoverer]: it returns the user handle of a response, in
// base64url.
func (v *verifier) Handle(response []byte) string {
	if got := parseAssertion(response); got != nil && len(got.Response.UserHandle) <= maxHandle {
		return base64url.EncodeToString(got.Response.UserHandle)
	}
	return ""
}

// HandleOf implements [authn.Discoverer].
func (v *verifier) HandleOf(data []byte) string {
	c, err := decode(data)
	if err != nil {
		return ""
	}
	return base64url.EncodeToString([]byte(c.handle))
}

// anyKey asks for whatever passkey of the site the user chooses.
func (v *verifier) anyKey(c *authn.Check) ([]byte, error) {
	options, _, err := v.rp.BeginDiscoverableLogin(v.options(c)...)
	if err != nil {
		return nil, err
	}
	return json.Marshal(options.Response)
}

// options are those of a sign-in. A key by itself has to verify the user.
func (v *verifier) options(c *authn.Check) []webauthn.LoginOption {
	o := []webauthn.LoginOption{webauthn.WithChallenge(c.Challenge[:])}
	if c.First {
		o = append(o, webauthn.WithUserVerification(protocol.VerificationRequired))
	}
	return o
}
