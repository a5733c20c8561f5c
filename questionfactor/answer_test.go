package questionfactor

import (
	"context"
	"encoding/hex"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
)

// Two answers that people take for the same are.
func TestNormalized(t *testing.T) {
	for _, same := range [][]string{
		{"brussels sprouts", "Brussels Sprouts", "BRUSSELS   SPROUTS", " brussels\tsprouts\n", "brussels\u00a0sprouts", "ｂｒｕｓｓｅｌｓ\u3000ｓｐｒｏｕｔｓ"},
		{"café crème", "CAFÉ CRÈME", "cafe\u0301 cre\u0300me"},
		{"strasse", "Straße", "STRASSE", "straſſe"},
		{"όσος", "ΌΣΟΣ", "όσοσ"},
		{"ᏣᎳᎩ ᎦᏬ", "ꮳꮃꭹ ꭶꮼ"},
		{"office", "oﬃce", "OFFICE"},
		{"\uc11c\uc6b8 \uc2dc", "\u1109\u1165\u110b\u116e\u11af \u1109\u1175"},
	} {
		want, ok := normalized(same[0])
		if !ok {
			t.Errorf("%q cannot be an answer", same[0])
		}
		for _, s := range same[1:] {
			if got, ok := normalized(s); got != want || !ok {
				t.Errorf("%q is %q, want %q", s, got, want)
			}
		}
	}
	for _, s := range []string{"", "abc", "  a  b", "\xff\xff\xff\xff", "ab\x00cd", strings.Repeat("a", 129), strings.Repeat("a ", 512) + "b", "ﷺ" + strings.Repeat("a", 111)} {
		if got, ok := normalized(s); ok {
			t.Errorf("%q is %q", s, got)
		}
	}
	if got, ok := normalized(strings.Repeat("a", 128) + strings.Repeat(" ", 896)); !ok || len(got) != 128 {
		t.Errorf("%q, %t", got, ok)
	}
}

// What was normalized stays as it is, so that a client may do it too.
func FuzzNormalized(f *testing.F) {
	for _, s := range []string{"Brussels Sprouts", "ﬃ\u0345ΐ", "\u1e9e\u0130\u0149", "a\u00a8b\u2017\uff9e", "Ꭰꭰ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := folded(s)
		if len(once) > maxTyped {
			return
		}
		if twice := folded(once); twice != once {
			t.Errorf("%q is %q, and then %q", s, once, twice)
		}
	})
}

// Data that were written once must be readable for ever, and the answer be found right.
func TestDataOfVersion1(t *testing.T) {
	const salt = "0123456789abcdef"
	k := kept{key: "key", text: "Why?", salt: salt, hash: string(argon2.IDKey([]byte("because"), []byte(salt), 2, 19456, 1, 32))}
	const hash = "c27449993c770a05ffc52dc6c5b63162d6ea187fed37a9e07f94183a849509eb"
	if got := hex.EncodeToString([]byte(k.hash)); got != hash {
		t.Errorf("the hash is %s", got)
	}
	data := k.encode()
	if want := "\x01\x03key\x00\x04Why?" + salt + k.hash; string(data) != want {
		t.Errorf("%q", data)
	}
	got, err := decode(data)
	if err != nil || got != k {
		t.Errorf("%+v, %v", got, err)
	}
	v := &verifier{hashing: make(chan struct{}, 1)}
	for answer, want := range map[string]bool{"because": true, "therefore": false} {
		if right, err := v.answers(t.Context(), &got, answer); right != want || err != nil {
			t.Errorf("%s: %t, %v", answer, right, err)
		}
	}
	for n := range data {
		if got, err := decode(data[:n]); err == nil {
			t.Errorf("%d bytes: %+v", n, got)
		}
	}
	tail := salt + k.hash
	for name, data := range map[string]string{
		"version 0": "\x00\x00\x00\x04Why?" + tail, "version 2": "\x02\x00\x00\x04Why?" + tail, "no text": "\x01\x00\x00\x00" + tail, "more": string(data) + "x",
		"a long key": "\x01\x41" + strings.Repeat("k", 65) + "\x00\x04Why?" + tail, "a long text": "\x01\x00\x02\x01" + strings.Repeat("t", 513) + tail,
	} {
		if got, err := decode([]byte(data)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := decode([]byte("\x01\x40" + strings.Repeat("k", 64) + "\x02\x00" + strings.Repeat("t", 512) + tail)); err != nil {
		t.Error("the longest: ", err)
	}
}

// Whatever is read is written again as it was.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x01\x03key\x00\x04Why?" + strings.Repeat("s", saltSize) + strings.Repeat("h", hashSize)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := decode(data); err == nil && string(k.encode()) != string(data) {
			t.Errorf("%q is written as %q", data, k.encode())
		}
	})
}

// Two answers of the same words have nothing in common in what is kept.
func TestSalt(t *testing.T) {
	v := &verifier{hashing: make(chan struct{}, 1)}
	one, err := v.keep(t.Context(), Question{Text: "Why?"}, "because")
	two, err2 := v.keep(t.Context(), Question{Text: "Why?"}, "because")
	if err != nil || err2 != nil || one.salt == two.salt || one.hash == two.hash || len(one.salt) != saltSize {
		t.Error(err, err2)
	}
}

// No more hashes are computed at once than there are processors, and whoever waits may go.
func TestHashing(t *testing.T) {
	y, err := New(Config{OwnQuestions: true})
	if err != nil {
		t.Fatal(err)
	}
	v := y.Verifier.(*verifier)
	if cap(v.hashing) != runtime.GOMAXPROCS(0) {
		t.Errorf("%d at once", cap(v.hashing))
	}
	v.hashing = make(chan struct{}, 1)
	v.hashing <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := v.hash(ctx, "because", "0123456789abcdef"); err == nil {
		t.Error("it is computed beside another")
	}
	<-v.hashing
	var all sync.WaitGroup
	var n atomic.Int32
	for range 4 {
		all.Go(func() {
			if _, err := v.hash(t.Context(), "because", "0123456789abcdef"); err == nil {
				n.Add(1)
			}
		})
	}
	if all.Wait(); n.Load() != 4 || len(v.hashing) != 0 {
		t.Errorf("%d of 4 are computed, %d at the end", n.Load(), len(v.hashing))
	}
}
