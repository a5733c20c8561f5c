package okta

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"

	"github.com/authnfsm/authn"
)

// Okta's clients send what a browser's authenticator has made member by member. A
// Verifier gets it as PublicKeyCredential.toJSON writes it.
type (
	credential struct {
		ID         string          `json:"id,omitempty"` // which key it was; Okta's clients do not say
		RawID      string          `json:"rawId,omitempty"`
		Type       string          `json:"type"`
		Response   response        `json:"response"`
		Extensions json.RawMessage `json:"clientExtensionResults"`
	}
	response struct {
		ClientData        string   `json:"clientDataJSON"`
		AuthenticatorData string   `json:"authenticatorData,omitempty"`
		Signature         string   `json:"signature,omitempty"`
		Attestation       string   `json:"attestationObject,omitempty"`
		Transports        []string `json:"transports,omitempty"`
	}
)

// pack is the response of the key with this ID.
func (in *input) pack(id string, r response) (authn.Code, error) {
	c := credential{ID: id, RawID: id, Type: "public-key", Response: r, Extensions: json.RawMessage("{}")}
	if in.clientExtensions != "" {
		if text := unquoted(in.clientExtensions); strings.HasPrefix(text, "{") && json.Valid([]byte(text)) {
			c.Extensions = json.RawMessage(text)
		}
	}
	b, err := json.Marshal(c)
	return authn.Code(b), err
}

// registration is what confirms a new key. Its ID is in the attestation.
func (in *input) registration() (authn.Code, error) {
	r := response{ClientData: base64url(in.clientData), Attestation: base64url(in.attestation)}
	if r.ClientData == "" || r.Attestation == "" {
		return "", fault(invalid, "attestation, clientData: both are required, in base64")
	}
	if json.Unmarshal([]byte(unquoted(in.transports)), &r.Transports) != nil {
		r.Transports = nil
	}
	id := base64url(in.credentialID)
	if id == "" {
		b, _ := base64.RawURLEncoding.DecodeString(r.Attestation)
		id = base64.RawURLEncoding.EncodeToString(attested(b))
	}
	return in.pack(id, r)
}

// assertion is what signs in. Which key has made it is asked of the challenge if
// the request does not say: it is told if only one may.
func (x *exchange) assertion() (authn.Code, error) {
	in := &x.in
	r := response{
		ClientData: base64url(in.clientData), AuthenticatorData: base64url(in.authenticatorData), Signature: base64url(in.signatureData),
	}
	if r.ClientData == "" || r.AuthenticatorData == "" || r.Signature == "" {
		return "", fault(invalid, "clientData, authenticatorData, signatureData: all are required, in base64")
	}
	id := base64url(in.credentialID)
	if id == "" {
		a, err := x.state()
		if err != nil {
			return "", err
		}
		if _, ids := browserOptions(a.Prompt.Options); len(ids) == 1 {
			id = base64url(ids[0])
		}
	}
	return in.pack(id, r)
}

// base64url is a text in base64 of either alphabet, padded or not, in the one form
// that WebAuthn uses; "" if it is none.
func base64url(s string) string {
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	if _, err := base64.RawURLEncoding.DecodeString(s); err != nil {
		return ""
	}
	return s
}

// unquoted is the text in a JSON string, or JSON of another type as it is.
func unquoted(text string) string {
	var s string
	if json.Unmarshal([]byte(text), &s) == nil {
		return s
	}
	return text
}

// browserOptions reads what a Verifier has for the browser's API: the object with
// the challenge, alone or in a member publicKey, and the IDs of the keys that may
// respond. What else is in it is for the browser.
func browserOptions(prompt []byte) (options json.RawMessage, ids []string) {
	var outer struct{ PublicKey json.RawMessage }
	if json.Unmarshal(prompt, &outer) != nil {
		return nil, nil
	}
	options = prompt
	if outer.PublicKey != nil {
		options = outer.PublicKey
	}
	var o struct {
		Challenge        string
		AllowCredentials []struct{ ID string }
	}
	if json.Unmarshal(options, &o) != nil || o.Challenge == "" {
		return nil, nil
	}
	for _, c := range o.AllowCredentials {
		ids = append(ids, c.ID)
	}
	return options, ids
}

// attested is the ID of the key in an attestation object (WebAuthn section 6.5.4);
// nil if there is none. Nothing is believed of it: it is the Verifier that checks
// the object.
func attested(object []byte) []byte {
	c := cbor{b: object}
	kind, n := c.head()
	if kind != 5 {
		return nil
	}
	for ; n > 0 && !c.bad; n-- {
		name := c.bytes(3)
		if string(name) != "authData" {
			c.skip(0)
			continue
		}
		// 32 bytes of the site, flags, counter, 16 bytes of the model, a length.
		const head, mark = 32 + 1 + 4 + 16 + 2, 1 << 6
		data := c.bytes(2)
		if len(data) < head || data[32]&mark == 0 {
			return nil
		}
		id := data[head:]
		if size := int(binary.BigEndian.Uint16(data[head-2:])); size <= len(id) {
			return id[:size]
		}
		return nil
	}
	return nil
}

// cbor reads RFC 8949, as far as CTAP2 lets authenticators write it: no lengths
// that are left open.
type cbor struct {
	b   []byte
	bad bool
}

// head reads the type of an item and its number.
func (c *cbor) head() (kind byte, n uint64) {
	if len(c.b) == 0 {
		c.bad = true
		return 0, 0
	}
	kind, n = c.b[0]>>5, uint64(c.b[0]&31)
	c.b = c.b[1:]
	if n < 24 {
		return kind, n
	}
	size := 1 << (n - 24)
	if n > 27 || len(c.b) < size {
		c.bad = true
		return 0, 0
	}
	n = 0
	for _, x := range c.b[:size] {
		n = n<<8 | uint64(x)
	}
	c.b = c.b[size:]
	return kind, n
}

// bytes reads a string of bytes or of text.
func (c *cbor) bytes(want byte) []byte {
	kind, n := c.head()
	if c.bad = c.bad || kind != want || n > uint64(len(c.b)); c.bad {
		return nil
	}
	s := c.b[:n]
	c.b = c.b[n:]
	return s
}

// skip reads an item that is not used.
func (c *cbor) skip(depth int) {
	kind, n := c.head()
	switch {
	case c.bad || depth > maxDepth:
		c.bad = true
	case kind == 2 || kind == 3:
		if c.bad = n > uint64(len(c.b)); !c.bad {
			c.b = c.b[n:]
		}
	case kind >= 4 && kind <= 6:
		if kind == 5 {
			n *= 2
		}
		if kind == 6 {
			n = 1 // what a tag is of
		}
		for ; n > 0 && !c.bad; n-- {
			c.skip(depth + 1)
		}
	}
}
