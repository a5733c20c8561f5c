package okta

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// attestationOf is the smallest object with the ID of a key.
func attestationOf(id string) []byte {
	data := make([]byte, 32+1+4+16)
	data[32] = 1 << 6
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(id))), id...)
	b := binary.BigEndian.AppendUint16([]byte("\xa1\x68authData\x59"), uint16(len(data)))
	return append(b, data...)
}

// TestAttested: the ID is found, whatever is before it, and nothing is found in what
// is cut off, or has none.
func TestAttested(t *testing.T) {
	whole := attestationOf("an id")
	if got := attested(whole); string(got) != "an id" {
		t.Errorf("%q", got)
	}
	for i := range whole {
		if got := attested(whole[:i]); got != nil {
			t.Errorf("cut at %d: %q", i, got)
		}
	}
	for name, change := range map[string]func(b []byte){
		"no key":         func(b []byte) { b[13+32] = 0 },
		"an array":       func(b []byte) { b[0] = 0x81 },
		"another name":   func(b []byte) { b[2]++ },
		"text":           func(b []byte) { b[10] = 0x79 },
		"an open length": func(b []byte) { b[10] = 0x5f },
		"a longer id":    func(b []byte) { b[13+32+1+4+16+1]++ },
	} {
		b := bytes.Clone(whole)
		if change(b); attested(b) != nil {
			t.Errorf("%s: %q", name, attested(b))
		}
	}
	for name, before := range map[string]string{
		"numbers": "\x01\x18\xff", "text": "\x61a\x78\x01b", "bytes": "\x61a\x58\x01\x00", "an array": "\x61a\x83\x01\x20\x80",
		"a map": "\x61a\xa1\x61b\xa1\x61c\x01", "a tag": "\x61a\xc1\x01", "half a number": "\x61a\xf9\x00\x00", "its own name": "\x61a\x68authData",
	} {
		b := append([]byte("\xa2"+before), whole[1:]...)
		if name == "numbers" { // a name that is no text ends it
			if attested(b) != nil {
				t.Errorf("%s: %q", name, attested(b))
			}
		} else if string(attested(b)) != "an id" {
			t.Errorf("%s: %q", name, attested(b))
		}
	}
	for depth, found := range map[int]bool{1: true, 8: true, 9: false, 1 << 20: false} {
		deep := append([]byte("\xa2\x61a"), bytes.Repeat([]byte("\x81"), depth)...)
		if got := attested(append(append(deep, 1), whole[1:]...)); (got != nil) != found {
			t.Errorf("%d deep: %q", depth, got)
		}
	}
}

// FuzzAttested: what is found is in the object, and nothing panics or goes on for ever.
func FuzzAttested(f *testing.F) {
	for _, b := range [][]byte{nil, attestationOf("an id"), []byte("\xa1\x61a\xbb\xff\xff\xff\xff\xff\xff\xff\xff"), []byte("\xbb\x80\x00\x00\x00\x00\x00\x00\x00\x61a\xbb")} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if id := attested(b); len(id) > 1<<16 || !bytes.Contains(b, id) {
			t.Fatalf("%q in %q", id, b)
		}
	})
}

// FuzzMembers: what a request hands in becomes JSON that has the same bytes, or is
// refused.
func FuzzMembers(f *testing.F) {
	f.Add("e30", "AAEC+w==", `["usb"]`, `"{\"a\":1}"`, "a_b-", `{"question":"q","answer":"Haggis"}`)
	f.Add("e30=", "", `"[1]"`, `{"a":1e999}`, "!", `{"answer":["a"],"question":{}}`)
	f.Fuzz(func(t *testing.T, data, attestation, transports, extensions, id, profile string) {
		in := input{clientData: data, attestation: attestation, credentialID: id}
		for text, place := range map[string]*string{transports: &in.transports, extensions: &in.clientExtensions, profile: &in.profile} {
			if json.Valid([]byte(text)) {
				*place = text
			}
		}
		if code, err := in.registration(); err == nil {
			var c credential
			if err := json.Unmarshal([]byte(code), &c); err != nil || c.Type != "public-key" || c.ID != c.RawID {
				t.Fatalf("%v: %s", err, string(code))
			}
			for _, s := range []string{c.ID, c.Response.ClientData, c.Response.Attestation} {
				if _, err := base64.RawURLEncoding.DecodeString(s); err != nil {
					t.Fatalf("%q: %v", s, err)
				}
			}
		}
		if code, err := questionAndAnswer(&in); err == nil {
			var q enrolledQuestion
			if json.Unmarshal([]byte(code), &q) != nil || q.Answer == "" || len(code) > 7*maxAnswer {
				t.Fatalf("%s", string(code))
			}
		}
	})
}
