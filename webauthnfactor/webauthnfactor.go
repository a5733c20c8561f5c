// Package webauthnfactor is a type of factor for security keys and passkeys: W3C Web
// Authentication Level 3 as a second factor, or as the first one, on
// github.com/go-webauthn/webauthn.
//
// [New] makes an [authn.FactorType] for Config.Types. The host's Directory lists a key
// like any other factor: with an ID, the type "webauthn", and [authn.NotSetUp] until it
// is enrolled. Its Address, if it has one, is the name under which authenticators show
// the account; without one they show the user's id. What an assertion is checked against
// is in [authn.Factor].Data.
//
// # In the browser
//
// While a key is enrolled, [authn.Prompt].Options is a
// PublicKeyCredentialCreationOptionsJSON, and in MFA_CHALLENGE a
// PublicKeyCredentialRequestOptionsJSON. What the authenticator says is the Code of
// [authn.Activate] or [authn.Verify]: the JSON of PublicKeyCredential.toJSON(), at most
// 16 KiB.
//
//	const options = PublicKeyCredential.parseCreationOptionsFromJSON(prompt)
//	const code = JSON.stringify(await navigator.credentials.create({publicKey: options}))
//
//	const options = PublicKeyCredential.parseRequestOptionsFromJSON(prompt)
//	const code = JSON.stringify(await navigator.credentials.get({publicKey: options}))
//
// So to enroll a key it is a RegistrationResponseJSON, of which these members are read:
//
//	{"id", "rawId", "type": "public-key",
//	 "response": {"clientDataJSON", "attestationObject", "transports"}}
//
// and to sign in an AuthenticationResponseJSON:
//
//	{"id", "rawId", "type": "public-key",
//	 "response": {"clientDataJSON", "authenticatorData", "signature", "userHandle"}}
//
// Bytes are in base64url, with or without padding. A client that knows no id, as those
// of Okta's API do not, leaves out both id and rawId; then each key of the user is tried.
//
// # What a response is worth
//
// A challenge takes one response. One that cannot be read, or is for another challenge,
// origin, RP ID or ceremony, or comes from a frame of another origin, is malformed: it is
// refused, and the challenge stays. Anything else that is not right is a wrong code: a
// credential that is not the user's or a signature that does not fit, a missing test of
// user presence, a new key that the user has already, and a sign count that has not
// risen. Sign counts do not count if both are zero, nor for a credential that can be
// backed up, since synchronized keys do not keep one.
//
// Any key of the user may respond to a challenge of one. A credential whose backup flags
// have changed is accepted with the new ones, since authenticators change them for keys
// that are in use.
//
// # What is not claimed
//
// No attestation is asked for: nobody knows the make of a key, or whether hardware
// keeps it. The methods of the type are therefore "pop" and "user" of the registry of
// RFC 8176: proof of possession of a key, and a test of user presence, which every
// response has. A host that hands out the keys itself may set Methods of the value that
// New returns, for instance to "hwk"; and Name, to have two types.
//
// Whether the authenticator has verified the user, by a PIN or a fingerprint, is a
// matter of each response. By default it is asked for ("preferred"), and a response that
// has it adds "uv" to the methods, for which the registry has no name; but only if the
// key was enrolled with it as well, since one that learns a PIN later was not bound to
// it. With Config.RequireUserVerification every proof has it.
//
// As a second factor, a key belongs to a user who is known before it is asked. That two
// users have a credential of the same id is therefore no fault: each is looked up among
// the user's own.
//
// # As the first factor
//
// The type's Verifier is an [authn.Discoverer], so a passkey also signs in by itself: see
// [authn.Service.RequestPasskey]. Its prompt asks for any passkey of the site, with user
// verification "required". A response has to name the user by the user handle, which the
// library chooses for the user's first key (32 bytes that say nothing of the user) and gives
// to the Directory as [authn.Factor].Handle, in base64url; and it is wrong unless the user
// was verified both now and when the key was enrolled.
//
//	const options = PublicKeyCredential.parseRequestOptionsFromJSON(request)
//	const response = JSON.stringify(await navigator.credentials.get({publicKey: options}))
package webauthnfactor

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// What a proof is called: by its type, and if the user was verified.
var (
	userPresent  = []string{"pop", "user"}
	userVerified = []string{"pop", "user", "uv"}
)

// Config says for which site keys are.
type Config struct {
	// RPID is the relying party's id, a domain in lower case, such as "example.com":
	// a key that is made for it works on it and on its subdomains, and nowhere else. It
	// cannot be changed later without making every key useless. Required.
	RPID string

	// RPName is what authenticators show of the site. "" is RPID, as Level 3 recommends.
	RPName string

	// Origins are where the site asks for keys, each as a browser writes it: "https://",
	// RPID or a subdomain of it, and the port unless it is 443. "http://" is for
	// localhost. An app for Android is "android:apk-key-hash:" and the hash of its
	// certificate, an SHA-256 in base64url. Nothing else is accepted. At least one.
	Origins []string

	// Related are origins of other domains, which https://RPID/.well-known/webauthn has
	// to list as well: section 5.11 of Level 3. None by default.
	Related []string

	// RequireUserVerification asks for user verification ("required"), and takes
	// nothing without it. A key that was enrolled without is not asked for, and does not
	// respond. By default it is preferred.
	RequireUserVerification bool
}

// New returns the type, with the name "webauthn". The error names the field of c that is
// missing or wrong.
func New(c Config) (authn.FactorType, error) {
	if err := c.check(); err != nil {
		return authn.FactorType{}, fmt.Errorf("webauthnfactor: %w", err)
	}
	v := verifier{origins: slices.Concat(c.Origins, c.Related), required: c.RequireUserVerification}
	prefer := protocol.VerificationPreferred
	if v.required {
		prefer = protocol.VerificationRequired
	}
	if c.RPName == "" {
		c.RPName = c.RPID
	}
	var err error
	v.rp, err = webauthn.New(&webauthn.Config{
		RPID: c.RPID, RPDisplayName: c.RPName, RPOrigins: v.origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: prefer,
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore, // some clients send credProps unasked
	})
	if err != nil {
		return authn.FactorType{}, fmt.Errorf("webauthnfactor: %w", err)
	}
	return authn.FactorType{Name: "webauthn", Methods: userPresent, Verifier: &v}, nil
}

func (c *Config) check() error {
	if !isDomain(c.RPID) {
		return fmt.Errorf("Config.RPID: %q is no domain in lower case", c.RPID)
	}
	if len(c.Origins) == 0 {
		return fmt.Errorf("Config.Origins: want at least one")
	}
	for _, o := range c.Origins {
		host, ok := hostOf(o)
		if !ok {
			return fmt.Errorf("Config.Origins: %q: want https://host or https://host:port, as a browser writes it", o)
		}
		if host != "" && host != c.RPID && !strings.HasSuffix(host, "."+c.RPID) {
			return fmt.Errorf("Config.Origins: %q is not of %s: see Config.Related", o, c.RPID)
		}
	}
	for _, o := range c.Related {
		if host, ok := hostOf(o); !ok || host == "" || !strings.HasPrefix(o, "https:") {
			return fmt.Errorf("Config.Related: %q: want https://host or https://host:port, as a browser writes it", o)
		}
	}
	return nil
}

func isDomain(s string) bool {
	return protocol.ValidateRPID(s) == nil && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// hostOf returns the host of an origin, "" for that of an app. An origin is written in
// one way: it is compared byte by byte.
func hostOf(origin string) (host string, ok bool) {
	if hash, app := strings.CutPrefix(origin, "android:apk-key-hash:"); app {
		b, err := base64url.DecodeString(hash)
		return "", err == nil && len(b) == 32 && base64url.EncodeToString(b) == hash
	}
	u, err := url.Parse(origin)
	if err != nil {
		return "", false
	}
	host, port := u.Hostname(), u.Port()
	if !isDomain(host) {
		return "", false
	}
	written, standard := u.Scheme+"://"+host, "443"
	switch {
	case u.Scheme == "http" && (host == "localhost" || strings.HasSuffix(host, ".localhost")):
		standard = "80"
	case u.Scheme != "https":
		return "", false
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0 || port == standard || port != strconv.FormatUint(n, 10)) {
		return "", false
	} else if port != "" {
		written += ":" + port
	}
	return host, written == origin
}
