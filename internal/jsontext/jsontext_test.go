package jsontext

import (
	"encoding/json"
	"testing"
)

// TestSurrogates: pairs of escapes are characters, halves are not.
func TestSurrogates(t *testing.T) {
	for s, lone := range map[string]bool{
		`"a"`: false, `"\n\\u0041"`: false, `"\u0041"`: false, `"\ud83d\ude00"`: false, `"\uD83D\uDE00\ud83d\ude00"`: false,
		`"\\ud800"`: false, `"\ud800"`: true, `"\udc00"`: true, `"\ud800\\u"`: true, `"\ud800\ud800\udc00"`: true, `"\ud800x"`: true,
		`"\ud83d\ude00\ud83d"`: true, `"\uDBFF\uDFFF"`: false, `"\ue000"`: false,
	} {
		if !json.Valid([]byte(s)) {
			t.Fatal(s)
		}
		if got := LoneSurrogate([]byte(s)); got != lone {
			t.Errorf("%s: %t", s, got)
		}
	}
}
