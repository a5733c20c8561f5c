package webauthnfactor

import (
	"bytes"
	"strings"
	"testing"
)

// Data that were written once must be readable for ever.
func TestDataOfVersion1(t *testing.T) {
	want := credential{
		flags: verified | eligible | backedUp, transports: 1<<0 | 1<<5, count: 0x01020304,
		handle: "handle", id: "id", key: "key",
	}
	const data = "\x01\x07\x21\x01\x02\x03\x04\x06handle\x00\x02idkey"
	if got, err := decode([]byte(data)); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, ok := want.encode(); !ok || string(got) != data {
		t.Errorf("%q, %t", got, ok)
	}
	for n := range len(data) - 2 {
		if got, err := decode([]byte(data[:n])); err == nil {
			t.Errorf("%d bytes: %+v", n, got)
		}
	}
}

func TestDecode(t *testing.T) {
	whole := credential{handle: strings.Repeat("h", maxHandle), id: strings.Repeat("i", maxID), key: "k"}
	whole.key = strings.Repeat("k", maxData-dataHead-1-maxHandle-2-maxID)
	longest, ok := whole.encode()
	if got, err := decode(longest); !ok || len(longest) != maxData || err != nil || got != whole {
		t.Errorf("the longest: %d bytes, %v", len(longest), err)
	}
	whole.key += "k"
	if longer, ok := whole.encode(); ok {
		t.Errorf("%d bytes can be kept", len(longer))
	} else if _, err := decode(longer); err == nil {
		t.Errorf("%d bytes can be read", len(longer))
	}
	for name, data := range map[string]string{
		"version 0":                "\x00\x00\x00\x00\x00\x00\x00\x01h\x00\x01ik",
		"version 2":                "\x02\x00\x00\x00\x00\x00\x00\x01h\x00\x01ik",
		"a flag":                   "\x01\x08\x00\x00\x00\x00\x00\x01h\x00\x01ik",
		"backed up, and cannot be": "\x01\x04\x00\x00\x00\x00\x00\x01h\x00\x01ik",
		"a transport":              "\x01\x00\x40\x00\x00\x00\x00\x01h\x00\x01ik",
		"no handle":                "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01ik",
		"a long handle":            "\x01\x00\x00\x00\x00\x00\x00\x41" + strings.Repeat("h", 65) + "\x00\x01ik",
		"no id":                    "\x01\x00\x00\x00\x00\x00\x00\x01h\x00\x00k",
		"a long id":                "\x01\x00\x00\x00\x00\x00\x00\x01h\x04\x00" + strings.Repeat("i", 1024) + "k",
		"no key":                   "\x01\x00\x00\x00\x00\x00\x00\x01h\x00\x01i",
	} {
		if got, err := decode([]byte(data)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Whatever is read is written again as it was.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x01\x07\x21\x01\x02\x03\x04\x06handle\x00\x02idkey"))
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x01h\x00\x01ik"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decode(data)
		if err != nil {
			if c != (credential{}) && c.handle != "" {
				t.Errorf("%v, and %+v", err, c)
			}
			return
		}
		if again, ok := c.encode(); !ok || !bytes.Equal(again, data) {
			t.Errorf("%q is written as %q", data, again)
		}
		c.library(0)
	})
}

// A factor's data are at most 2 KiB when they are sealed, with a version, the key's id, a
// nonce and a tag.
func TestMaxData(t *testing.T) {
	if maxData != 2<<10-1-4-12-16 {
		t.Error(maxData)
	}
}
