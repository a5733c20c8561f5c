package authn

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// enrolledList enrolls recovery codes and returns them; the Directory keeps the factor.
func enrolledList(t *testing.T, w *walk) []Code {
	t.Helper()
	w.fs = []Factor{{ID: "list", Type: RecoveryCodes, Status: NotSetUp}}
	w.want(w.do(Enroll{RecoveryCodes}), MFAEnrollActivate)
	codes := w.answer().Prompt.Codes
	if again := w.answer().Prompt.Codes; len(codes) != 10 || again[9] != codes[9] || w.answer().Prompt.Left != 10 {
		t.Fatalf("%d codes, or another list when asked again", len(codes))
	}
	w.want(w.do(Activate{Code: codes[3]}), Success)
	if w.fs = w.acknowledge(); len(w.fs) != 1 {
		t.Fatal("nothing to keep")
	}
	return codes
}

func TestRecoveryCodes(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "list", Type: RecoveryCodes, Status: NotSetUp})
	codes := enrolledList(t, w)
	for i, c := range codes {
		w.at += time.Hour
		w.begin(grace)
		if i%2 == 0 {
			w.want(w.do(Challenge{"list"}), MFAChallenge)
			if left := w.answer().Prompt.Left; left != 10-i {
				t.Errorf("%d codes left, not %d", left, 10-i)
			}
		}
		typed := Code(strings.ToLower(strings.ReplaceAll(string(c), "-", " ")))
		w.want(w.do(Verify{Factor: "list", Code: typed}), Success)
		if ans := w.answer(); ans.Prompt.Left != 9-i {
			t.Errorf("after the use %d codes left, not %d", ans.Prompt.Left, 9-i)
		}
		// What the Directory has not taken counts all the same.
		w.begin(grace)
		w.refuses(Verify{Factor: "list", Code: c}, ErrUsed)
		stale := w.fs
		if w.fs = w.acknowledge(); len(w.fs) != 1 || w.fs[0].Revision != uint32(i+2) {
			t.Fatalf("kept: %v", w.fs)
		}
		w.refuses(Verify{Factor: "list", Code: c}, ErrUsed)
		// A list that is older than what the Directory took is not believed.
		var r Result
		if err := w.m.Step(&w.a, w.h, Verify{Factor: "list", Code: c}, env(w.at, 99, stale...), &r); err != errStale {
			t.Errorf("a stale list: %v", err)
		}
	}
	w.begin(grace)
	if w.do(Verify{Factor: "list", Code: "AAAA-AAAA-AAAA-AAAA"}); w.r.Outcome != WrongCode {
		t.Errorf("%q", w.r.Outcome)
	}
}

func TestRecoveryTwo(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "list", Type: RecoveryCodes, Status: NotSetUp})
	codes := enrolledList(t, w)
	for i := range 3 { // nothing is acknowledged in between
		w.begin(grace)
		w.want(w.do(Verify{Factor: "list", Code: codes[i]}), Success)
	}
	if n := len(w.a.owed()); n > 7 {
		t.Errorf("%d effects are owed", n)
	}
	w.begin(grace)
	for i := range 3 {
		w.refuses(Verify{Factor: "list", Code: codes[i]}, ErrUsed)
	}
	kept := w.acknowledge()
	if len(kept) != 1 || kept[0].Revision != 4 {
		t.Errorf("kept: %v", kept)
	}
}

// A list that is enrolled anew voids the one before, and its codes are ten new ones.
func TestRecoveryReplaced(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "list", Type: RecoveryCodes, Status: NotSetUp})
	old := enrolledList(t, w)
	w.at += 24 * time.Hour
	replaced := w.fs[0]
	replaced.Status = NotSetUp
	w.fs = []Factor{adaMail, replaced}
	w.begin(Login{User: grace.User, Adding: true})
	w.do(Challenge{adaMail.ID})
	w.do(Verify{Code: w.right()})
	w.do(Enroll{RecoveryCodes})
	codes := w.answer().Prompt.Codes
	w.want(w.do(Activate{Code: codes[0]}), Success)
	kept := w.acknowledge()
	if len(kept) != 1 || kept[0].Revision <= replaced.Revision {
		t.Fatalf("kept: %v", kept)
	}
	w.fs = kept
	w.begin(grace)
	for _, c := range old[:3] {
		if w.do(Verify{Factor: "list", Code: c}); w.r.Outcome != WrongCode {
			t.Errorf("an old code: %q", w.r.Outcome)
		}
	}
	w.want(w.do(Verify{Factor: "list", Code: codes[9]}), Success)
}

// A list that another system has made signs in here, each code once.
func TestImportedCodes(t *testing.T) {
	m := newMachine(t, Policy{})
	var list []string
	for i := range 10 {
		list = append(list, strings.Repeat(string(rune('A'+i)), 16))
	}
	text := strings.ToLower(list[0][:4]+"-"+list[0][4:]) + "\n" + strings.Join(list[1:], " ")
	f, err := (&Service{m: m}).Import(ada.User, Factor{ID: "list", Type: RecoveryCodes}, Secret(text))
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{TB: t, m: m, fs: []Factor{f}, seed: 1}
	w.begin(ada)
	w.want(w.do(Verify{Factor: "list", Code: Code(list[0])}), Success)
	if left := w.answer().Prompt.Left; left != 9 {
		t.Errorf("%d left", left)
	}
	for what, bad := range map[string]string{
		"nine": strings.Join(list[1:], " "), "eleven": text + " " + strings.Repeat("Z", 16), "a repeated one": text[:0] + strings.Join(list[1:], " ") + " " + list[1],
		"a short one": strings.Join(list[1:], " ") + " ABC", "no base32": strings.Join(list[1:], " ") + " 1111111111111111", "none": "",
	} {
		if _, err := (&Service{m: m}).Import(ada.User, Factor{ID: "list", Type: RecoveryCodes}, Secret(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, f := range map[string]Factor{"a type that sends": {ID: "x", Type: Email}, "an unknown type": {ID: "x", Type: "x"}, "no ID": {Type: RecoveryCodes}} {
		if _, err := (&Service{m: m}).Import(ada.User, f, Secret(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
