package okta

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// A model of what is accepted, from another side: encoding/json reads the text
// into a tree, and the rules of the package documentation are asked of the tree.

// node is a value with all the names of an object, in their order.
type node struct {
	kind       byte // of n, t for both booleans, 0 for a number, ", { and [
	text       string
	start, end int64 // in the text, with what is before it
	names      []string
	items      []node
}

// parse reads one value. It knows nothing of any rule.
func parse(d *json.Decoder) (node, error) {
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch v := t.(type) {
	case nil:
		return node{kind: 'n'}, nil
	case bool:
		return node{kind: 't'}, nil
	case json.Number:
		return node{kind: '0'}, nil
	case string:
		return node{kind: '"', text: v}, nil
	case json.Delim:
		n := node{kind: byte(v)}
		for d.More() {
			if v == '{' {
				name, err := d.Token()
				if err != nil {
					return n, err
				}
				n.names = append(n.names, name.(string))
			}
			start := d.InputOffset()
			item, err := parse(d)
			if err != nil {
				return n, err
			}
			item.start, item.end = start, d.InputOffset()
			n.items = append(n.items, item)
		}
		_, err := d.Token()
		return n, err
	}
	return node{}, fmt.Errorf("token %v", t)
}

// strict says that no object within has two equal names, and how deep it is.
func (n *node) strict() (ok bool, depth int) {
	ok = len(slices.Compact(slices.Sorted(slices.Values(n.names)))) == len(n.names)
	for i := range n.items {
		o, d := n.items[i].strict()
		ok, depth = ok && o, max(depth, d)
	}
	if n.kind == '{' || n.kind == '[' {
		depth++
	}
	return ok, depth
}

// odd counts the characters that stand for broken text.
func (n *node) odd() int {
	count := strings.Count(n.text, "\uFFFD")
	for _, name := range n.names {
		count += strings.Count(name, "\uFFFD")
	}
	for i := range n.items {
		count += n.items[i].odd()
	}
	return count
}

var anyEscape = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)

// written counts those that the text itself has: a decoder puts one for half a
// pair of surrogates, too.
func written(body []byte) int {
	count := bytes.Count(body, []byte("\uFFFD"))
	for _, e := range anyEscape.FindAll(body, -1) {
		if strings.EqualFold(string(e), `\ufffd`) {
			count++
		}
	}
	return count
}

// The members, by type. max is in bytes.
var (
	modelStrings = map[string]int{
		"username": 254, "password": 1024, "stateToken": 1024, "sessionToken": 128, "passCode": 64, "relayState": 2048,
		"factorType": 64, "provider": 64, "userCode": 64, "sid": 128, "token": 128, "answer": 1024, "credentialId": 1364,
		"clientData": 8192, "authenticatorData": 8192, "signatureData": 8192, "attestation": 16384,
		"oldPassword": 1024, "newPassword": 1024,
	}
	modelObjects = []string{"options", "context", "profile", "consent", "registration"}
	modelFlags   = []string{"rememberDevice", "autoPush", "revokeSessions"}
	modelAny     = []string{"transports", "clientExtensions", "input"}
	modelKept    = []string{"profile", "transports", "clientExtensions", "options", "context", "rememberDevice", "consent", "registration", "input"} // as text
)

// everything is the set of all names.
const everything = gateInput<<1 - 1

// accepts is what a body has to say, by the documentation; takes has the names
// of the members that are allowed.
func accepts(body []byte, takes []string) (values map[string]string, ok bool) {
	if !utf8.Valid(body) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	n, err := parse(d)
	if err != nil || n.kind != '{' {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	if ok, depth := n.strict(); !ok || depth > 8 || n.odd() != written(body) {
		return nil, false
	}
	values = map[string]string{}
	for i, name := range n.names {
		v := &n.items[i]
		limit, isString := modelStrings[name]
		switch {
		case v.kind == 'n':
			continue
		case !slices.Contains(takes, name):
			return nil, false
		case isString && v.kind == '"' && len(v.text) <= limit,
			v.kind == '{' && slices.Contains(modelObjects, name), slices.Contains(modelAny, name),
			v.kind == 't' && slices.Contains(modelFlags, name):
			values[name] = v.text
			if slices.Contains(modelKept, name) {
				values[name] = strings.TrimLeft(string(body[v.start:v.end]), " \t\r\n:,")
			}
		default:
			return nil, false
		}
	}
	return values, true
}

// againstModel compares decode with the model.
func againstModel(t interface{ Fatalf(string, ...any) }, body []byte, allowed member) {
	var takes []string
	for name, m := range members {
		if m.bit&allowed != 0 {
			takes = append(takes, name)
		}
	}
	want, ok := accepts(body, takes)
	var in input
	err := in.decode(body, allowed)
	if (err == nil) != ok {
		t.Fatalf("%q: %v; the model accepts it: %t", body, err, ok)
	}
	if err != nil {
		return
	}
	got := map[string]string{}
	for name, m := range members {
		if in.has&m.bit == 0 {
			continue
		}
		got[name] = ""
		if m.place != nil {
			got[name] = *m.place(&in)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%q: read as %q, want %q", body, got, want)
	}
}

// names and texts are good and bad, and alike.
var (
	someNames = []string{
		"username", "password", "stateToken", "sessionToken", "passCode", "relayState", "factorType", "provider", "sid", "token",
		"options", "context", "profile", "rememberDevice", "autoPush", "answer", "clientData", "authenticatorData", "signatureData",
		"attestation", "credentialId", "transports", "clientExtensions", "oldPassword", "newPassword", "revokeSessions", "consent", "registration", "input", "audience", "PASSCODE", "passcode", "pass\\u0043ode", "", "a", "\\ud83d\\ude00", "\\ud83d",
	}
	someTexts = []string{
		"", "00abc", "123456", " ", "\\u0000", "\\n", "\\\"", "\\\\", "ä", "\\u00e4", "\uFFFD", "\\ufffd", "\\uFFFD", "\\ud83d\\ude00", "\\ud83d", "\\ude00",
		"\\\\ud83d", "\\ud83d\\u0041", strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("ä", 32), strings.Repeat("\\u00e4", 33),
		strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("x", 254), strings.Repeat("x", 255), strings.Repeat("x", 1024),
		strings.Repeat("x", 1025), strings.Repeat("x", 2048), strings.Repeat("x", 2049),
	}
	someScalars = []string{"null", "true", "false", "0", "-1.5e3", "1e999", "nul", "True", "NaN", "nulls"}
	someBlanks  = []string{"", "", "", " ", "\t", "\r\n", "\u00a0"}
)

// drawValue draws JSON, and now and then what is almost JSON.
func drawValue(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	switch {
	case kind < 3:
		return `"` + rapid.SampledFrom(someTexts).Draw(t, "text") + `"`
	case kind < 6 || depth == 0:
		return rapid.SampledFrom(someScalars).Draw(t, "scalar")
	case kind < 7:
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, drawValue(t, depth-1))
		}
		return "[" + strings.Join(items, ",") + "]"
	case kind < 8:
		n := rapid.IntRange(5, 9).Draw(t, "deep")
		return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n)
	}
	return drawObject(t, depth-1, someNames[:rapid.IntRange(1, len(someNames)).Draw(t, "names")])
}

func drawObject(t *rapid.T, depth int, names []string) string {
	blank := func() string { return rapid.SampledFrom(someBlanks).Draw(t, "blank") }
	var items []string
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := rapid.SampledFrom(names).Draw(t, "name")
		items = append(items, blank()+`"`+name+`"`+blank()+":"+blank()+drawFor(t, name, depth))
	}
	return "{" + strings.Join(items, ",") + blank() + "}"
}

// drawFor draws a value that suits the name, more often than not.
func drawFor(t *rapid.T, name string, depth int) string {
	suits := rapid.IntRange(0, 3).Draw(t, "suits") > 0
	_, isString := modelStrings[name]
	switch {
	case suits && isString:
		return `"` + rapid.SampledFrom(someTexts).Draw(t, "text") + `"`
	case suits && slices.Contains(modelFlags, name):
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "flag")
	case suits && slices.Contains(modelObjects, name) && depth > 0:
		return drawObject(t, depth-1, someNames)
	}
	return drawValue(t, depth)
}

// TestDecodeAgainstModel: what is accepted is what the documentation says, no
// less and no more, and it is read as encoding/json reads it.
func TestDecodeAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(drawObject(t, 4, someNames))
		if rapid.IntRange(0, 4).Draw(t, "harm") == 0 && len(body) > 0 {
			i := rapid.IntRange(0, len(body)-1).Draw(t, "at")
			b := rapid.SampledFrom([]byte{0, '"', '\\', '{', '}', ',', ':', ' ', 'u', 0xff, 0x80}).Draw(t, "byte")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				body[i] = b
			case 1:
				body = slices.Insert(body, i, b)
			default:
				body = slices.Delete(body, i, i+1)
			}
		}
		allowed := rapid.SampledFrom([]member{everything, relayed | passCode, relayed | username | password | options | deviceContext}).Draw(t, "allowed")
		againstModel(t, body, allowed)
	})
}
