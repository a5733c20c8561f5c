package webauthnfactor

import (
	"encoding/json"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
)

// maxResponse is the longest response that is read, in bytes: as much as package authn
// lets through.
const maxResponse = 16 << 10

// parseCreation reads a RegistrationResponseJSON; nil if it is none.
func parseCreation(response []byte) *protocol.ParsedCredentialCreationData {
	var raw protocol.CredentialCreationResponse
	if len(response) > maxResponse || json.Unmarshal(response, &raw) != nil {
		return nil
	}
	if isAnonymous(&raw.PublicKeyCredential) {
		inside, err := raw.AttestationResponse.Parse()
		if err != nil {
			return nil
		}
		raw.RawID = inside.AttestationObject.AuthData.AttData.CredentialID
		raw.ID = base64url.EncodeToString(raw.RawID)
	}
	got, err := raw.Parse()
	if err != nil {
		return nil
	}
	forgetMaker(&got.Response.AttestationObject)
	return got
}

// parseAssertion reads an AuthenticationResponseJSON; nil if it is none. If it does not
// say of which credential it is, RawID is nil.
func parseAssertion(response []byte) *protocol.ParsedCredentialAssertionData {
	var raw protocol.CredentialAssertionResponse
	if len(response) > maxResponse || json.Unmarshal(response, &raw) != nil {
		return nil
	}
	anonymous := isAnonymous(&raw.PublicKeyCredential)
	if anonymous {
		raw.ID, raw.RawID = "AA", []byte{0} // the library insists on one
	}
	got, err := raw.Parse()
	if err != nil {
		return nil
	}
	if anonymous {
		got.RawID = nil
	}
	return got
}

// isAnonymous says that a response does not say which credential it is of. It also
// takes the padding off the id, which the library takes off all else.
func isAnonymous(c *protocol.PublicKeyCredential) bool {
	c.ID = strings.TrimRight(c.ID, "=")
	return c.ID == "" && len(c.RawID) == 0
}

// forgetMaker removes an attestation, for which nobody has asked and which nobody
// believes: certificates have a time of their own, and are much to read from a stranger.
// A self attestation stays: it shows that the authenticator has the private key.
func forgetMaker(o *protocol.AttestationObject) {
	if _, certified := o.AttStatement["x5c"]; o.Format != string(protocol.AttestationFormatPacked) || certified {
		o.Format, o.AttStatement, o.SubStatements = string(protocol.AttestationFormatNone), nil, nil
	}
}
