package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// canary is a secret in one form.
type canary struct {
	what, form string
	text       []byte
}

// form is an encoding of a secret in a text.
type form struct {
	name  string
	whole func(string) string // of a text
	cut   bool                // the encoding depends on the position in a longer text
}

var forms = []form{
	{name: "plain", whole: func(s string) string { return s }},
	{name: "reversed", whole: func(s string) string {
		b := []byte(s)
		slices.Reverse(b)
		return string(b)
	}},
	{name: "hex", whole: func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{name: "HEX", whole: func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
	{name: "base64", whole: func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, cut: true},
	{name: "base64url", whole: func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }, cut: true},
	{name: "bytes", whole: func(s string) string { return strings.Trim(fmt.Sprint([]byte(s)), "[]") }},
	{name: "bytes in JSON", whole: func(s string) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint([]byte(s)), "[]"), " ", ",") }},
	{name: "bytes in Go", whole: func(s string) string {
		return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(s)), "[]byte{"), "}")
	}},
}

// of returns the texts that show a secret in this form. For a secret within a
// longer text, they omit the characters that depend on its neighbors.
func (f form) of(s string) (all []string) {
	if !f.cut {
		return []string{f.whole(s)}
	}
	for before := range 3 {
		text := f.whole(strings.Repeat("x", before) + s)
		all = append(all, text[(before*8+5)/6:(before+len(s))*8/6])
	}
	return all
}

// canaries returns the secrets in all forms. The keys of secrets are their kinds.
func canaries(secrets map[string]string) (cs []canary) {
	for what, s := range secrets {
		for _, f := range forms {
			for _, text := range f.of(s) {
				cs = append(cs, canary{what, f.name, []byte(text)})
			}
		}
	}
	return cs
}

// leaks returns the names of the canaries in b.
func leaks(b []byte, cs []canary) (found []string) {
	for _, c := range cs {
		if bytes.Contains(b, c.text) {
			found = append(found, c.what+" in "+c.form)
		}
	}
	return found
}
