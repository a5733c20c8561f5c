package authn

import (
	"encoding/hex"
	"time"
)

// An Assertion says who has signed in and how. The host makes its session
// from it, and from nothing else.
type Assertion struct {
	User        string
	Methods     []string  // RFC 8176: "pwd", and "otp" for a code; never a level of assurance
	Channels    []string  // "email" where a code came by e-mail
	Factors     []string  // ids of the factors proved
	Transaction string    // public id, as in audit events
	Began       time.Time // when the password was right
	At          time.Time // when the sign-in succeeded
}

func assertion(a *Account, i int) *Assertion {
	t := &a.txs[i]
	as := &Assertion{User: a.user, Methods: []string{"pwd"}, Transaction: hex.EncodeToString(t.id[:]), Began: unix(t.born), At: unix(t.done)}
	for j := range t.factors {
		if t.proved&(1<<j) == 0 {
			continue
		}
		f := &t.factors[j]
		as.Factors = append(as.Factors, f.id)
		as.Methods = appendNew(as.Methods, f.typ().method)
		as.Channels = appendNew(as.Channels, f.typ().channel)
	}
	return as
}

func appendNew(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}
