package httphost

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/authnfsm/authn/internal/jsontext"
)

// maxBody is many times what a sign-in needs, in bytes: the response of a security key is
// the longest of it. Nobody has shown a password yet.
const maxBody = 32 << 10

const (
	maxName     = 254
	maxPassword = 1024
	maxKey      = 64
)

// input is what a body has, by the names of its members.
type input struct {
	text     map[string]string
	remember bool
}

// read reads the idempotency key and the body, which has no member but these.
func (x *exchange) read(members []member) *problem {
	if keys, ok := x.r.Header["Idempotency-Key"]; ok {
		if len(keys) != 1 || !validKey(keys[0]) {
			return malformed
		}
		x.key = keys[0]
	}
	if kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return mediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return tooLarge
	case err != nil || !utf8.Valid(body):
		return malformed
	}
	raw, ok := fields(body)
	if !ok {
		return malformed
	}
	x.in.text = map[string]string{}
	for _, m := range members {
		value, ok := raw[m.name]
		delete(raw, m.name)
		if ok && !x.in.take(&m, value) || !ok && m.required {
			return malformed
		}
	}
	if len(raw) > 0 { // the client says what it would not be heard
		return malformed
	}
	return nil
}

// fields has the members of a body, which is one object without two of a name. Nothing in
// it is read in two ways: a name and a password are as they were sent.
func fields(body []byte) (raw map[string]json.RawMessage, ok bool) {
	raw = map[string]json.RawMessage{}
	if len(body) == 0 {
		return raw, true
	}
	if !json.Valid(body) || jsontext.LoneSurrogate(body) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		t, err := d.Token()
		name, _ := t.(string)
		var value json.RawMessage
		if _, twice := raw[name]; err != nil || twice || d.Decode(&value) != nil {
			return nil, false
		}
		raw[name] = value
	}
	return raw, true
}

func (in *input) take(m *member, value json.RawMessage) (ok bool) {
	if string(value) == "null" {
		return false
	}
	if m.kind == boolean {
		return json.Unmarshal(value, &in.remember) == nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		if m.kind != anything {
			return false
		}
		text = string(value)
	}
	in.text[m.name] = text
	return true
}

func validKey(s string) bool {
	return len(s) > 0 && len(s) <= maxKey && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func validName(s string) bool {
	return len(s) > 0 && len(s) <= maxName && !strings.ContainsFunc(s, unicode.IsControl)
}

func validPassword(s string) bool { return len(s) > 0 && len(s) <= maxPassword }
