package model

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// notary is the Verifier of the host's own types. A response has up to four words:
// what it claims, the challenge that it is for or "-", the factor that signs or
// "-", and "count" if what is kept of the factor is a number that goes up.
type notary struct{ w *world }

const (
	claimRight = "signed"
	claimWrong = "forged"
)

// response is what a notary reads.
type response struct {
	claim, challenge, of string
	counts               bool
}

func (r response) String() string {
	word := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	s := r.claim + " " + word(r.challenge) + " " + word(r.of)
	if r.counts {
		s += " count"
	}
	return s
}

func readResponse(text string) (r response, ok bool) {
	words := strings.Split(text, " ")
	if len(words) < 3 || words[0] != claimRight && words[0] != claimWrong {
		return r, false
	}
	for i := range words {
		if words[i] == "-" {
			words[i] = ""
		}
	}
	return response{words[0], words[1], words[2], slices.Contains(words[3:], "count")}, true
}

// counted returns the number that follows.
func counted(plain string) string {
	n, _ := strconv.Atoi(plain)
	return strconv.Itoa(n + 1)
}

// spelled is a challenge as the notary shows it: "" if there is none.
func spelled(challenge [32]byte) string {
	if challenge == [32]byte{} {
		return ""
	}
	return hex.EncodeToString(challenge[:8])
}

// Prompt implements [authn.Verifier].
func (n notary) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	if n.w.mute {
		return nil, authntest.ErrDown
	}
	return []byte(spelled(c.Challenge)), nil
}

// Verify implements [authn.Verifier].
func (n notary) Verify(_ context.Context, c authn.Check) (v authn.Verdict, err error) {
	n.w.checks = append(n.w.checks, c)
	r, ok := readResponse(string(c.Response))
	switch {
	case n.w.mute:
		return v, authntest.ErrDown
	case !ok || r.challenge != spelled(c.Challenge):
		return authn.Verdict{Malformed: true}, nil
	}
	v = authn.Verdict{Right: r.claim == claimRight, Factor: r.of}
	if r.counts {
		i := slices.IndexFunc(c.Others, func(f authn.Factor) bool { return f.ID == r.of })
		plain := c.Factor.Data
		if i >= 0 {
			plain = c.Others[i].Data
		}
		v.Data = []byte(counted(string(plain)))
	}
	return v, nil
}

// types returns the host's own types.
func (w *world) types() []authn.FactorType {
	return []authn.FactorType{
		{Name: keyType, Methods: []string{"hwk"}, Verifier: notary{w}},
		{Name: questionType, Methods: []string{"kba"}, Verifier: notary{w}, AtOnce: true},
		{Name: pushType, Methods: []string{"swk"}, Channel: "push", Awaited: true},
		{Name: tapType, Methods: []string{"swk"}, Channel: "push", Awaited: true, NoNumber: true},
	}
}

// judgeChecks checks that the Verifier was asked about exactly what counts, and
// told what the history says: the challenge is compared where the response is.
func (w *world) judgeChecks(want want, g seen) {
	w.t.Helper()
	if want.check == nil && w.raced {
		return // it was asked before the other event came first
	}
	if (len(g.checks) > 0) != (want.check != nil) || len(g.checks) > 1 && !g.again {
		w.failf("S30: the Verifier was asked %d times; the oracle says %t", len(g.checks), want.check != nil)
	}
	if want.check == nil {
		return
	}
	got, right := g.checks[len(g.checks)-1], *want.check
	same := got.Tenant == right.Tenant && got.User == right.User && got.Purpose == right.Purpose && bytes.Equal(got.Response, right.Response) &&
		sameFactor(got.Factor, right.Factor) && slices.EqualFunc(got.Others, right.Others, sameFactor)
	if !same {
		w.failf("S30: the Verifier was asked about %s %q of %+v beside %+v; the oracle says %s %q of %+v beside %+v",
			got.Purpose, got.Response, got.Factor, got.Others, right.Purpose, right.Response, right.Factor, right.Others)
	}
}

func sameFactor(a, b authn.Factor) bool {
	return a.ID == b.ID && a.Type == b.Type && a.Address == b.Address && a.Status == b.Status && a.Required == b.Required &&
		bytes.Equal(a.Data, b.Data) && a.Revision == b.Revision
}
