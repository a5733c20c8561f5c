// Package jsontext finds what decoders of JSON read in different ways.
package jsontext

import (
	"bytes"
	"unicode"
	"unicode/utf16"
)

// LoneSurrogate reports whether b, which is valid JSON, has a \u escape for
// half a character: decoders differ on what they make of it.
func LoneSurrogate(b []byte) bool {
	for i := bytes.IndexByte(b, '\\'); i >= 0 && i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if i++; b[i] != 'u' {
			continue
		}
		r := hex4(b[i+1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		if b[i+1] != '\\' || b[i+2] != 'u' || utf16.DecodeRune(r, hex4(b[i+3:])) == unicode.ReplacementChar {
			return true
		}
		i += 6
	}
	return false
}

func hex4(b []byte) (r rune) {
	for _, c := range b[:4] {
		r <<= 4
		switch {
		case c <= '9':
			r += rune(c - '0')
		default:
			r += rune(c|0x20-'a') + 10
		}
	}
	return r
}
