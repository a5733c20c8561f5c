package model

import (
	"crypto/hmac"
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// What the oracle knows of the types of factors, and what is kept of a factor.

// kind is a type of factor.
type kind struct {
	method   string // in assertions
	channel  string // of its messages; "" if nothing is sent
	coded    bool   // its messages carry a code
	computed bool   // the user has the code
	verified bool   // a Verifier judges the response
	awaited  bool   // another device answers
	free     bool   // without naming a number
	atOnce   bool   // needs no challenge
	own      bool   // the host's
}

const (
	keyType      = "acme:key"      // a response to a challenge
	questionType = "acme:question" // a response, also without a challenge
	pushType     = "acme:push"     // another device
	tapType      = "acme:tap"      // another device, without a number
)

var kinds = map[string]kind{
	"email":          {method: "otp", channel: "email", coded: true},
	"totp":           {method: "otp", computed: true, atOnce: true},
	"recovery_codes": {method: "otp", computed: true, atOnce: true},
	keyType:          {method: "hwk", verified: true, own: true},
	questionType:     {method: "kba", verified: true, atOnce: true, own: true},
	pushType:         {method: "swk", channel: "push", awaited: true, own: true},
	tapType:          {method: "swk", channel: "push", awaited: true, free: true, own: true},
}

// kind returns what the service knows of a type.
func (o *oracle) kind(name string) (k kind, known bool) {
	k, known = kinds[name]
	return k, known && (o.own || !k.own)
}

// sends reports whether a message goes out when a factor of the type is chosen: a
// device that is to be paired cannot be reached yet.
func (k kind) sends(enrolls bool) bool { return k.channel != "" && !(k.awaited && enrolls) }

// kindOf returns the type of a factor.
func (o *oracle) kindOf(id string) string {
	for _, f := range o.ask() {
		if f.ID == id {
			return f.Type
		}
	}
	return ""
}

// app is an authenticator app for one secret.
type app struct {
	secret string
	digits int
	period int64 // seconds
}

// at returns the number of the time step at t.
func (a *app) at(t time.Time) int64 { return t.Unix() / a.period }

// begins returns when a time step begins.
func (a *app) begins(step int64) time.Time { return time.Unix(step*a.period, 0).UTC() }

// code returns the code of a time step: RFC 6238 section 4, RFC 4226 section 5.3.
func (a *app) code(step int64) string {
	mac := hmac.New(sha1.New, []byte(a.secret))
	counter := make([]byte, 8)
	for i := range counter {
		counter[7-i] = byte(step >> (8 * i))
	}
	mac.Write(counter)
	sum := mac.Sum(nil)
	cut := sum[sum[len(sum)-1]&0xf:]
	number := int64(cut[0]&0x7f)<<24 | int64(cut[1])<<16 | int64(cut[2])<<8 | int64(cut[3])
	text := fmt.Sprintf("%010d", number)
	return text[len(text)-a.digits:]
}

// drift returns how many steps a code may be off.
func (o *oracle) drift() int64 {
	if o.p.NoTOTPDrift {
		return 0
	}
	return 1
}

// replayable returns when a code of a step is good no longer, used or not.
func (o *oracle) replayable(a app, step int64) time.Time { return a.begins(step + o.drift() + 1) }

// lastStep returns the last time step of an app whose code was used; 0 if none
// matters at t. It is remembered for a day after its code would be good, so that a
// clock that was ahead makes nobody forget it; after a clock fault, only if it would
// be good for a day at most: the clock that noticed may be the one that is behind.
func (o *oracle) lastStep(a app, t time.Time) (last int64) {
	var until time.Time
	for _, f := range o.facts {
		switch {
		case f.what == accepted && f.app != nil && *f.app == a:
			last, until = f.step, o.replayable(a, f.step)
		case f.what == deleted, f.what == clockFell && until.After(f.at.Add(24*time.Hour)), f.saves && !until.Add(24*time.Hour).After(f.at):
			last, until = 0, time.Time{}
		}
	}
	if !until.After(t) {
		return 0
	}
	return last
}

// data is what is kept of a factor that has no address.
type data struct {
	revision uint32
	app      *app
	codes    []string // recovery codes, without hyphens
	spent    []string
	plain    string // what the Verifier keeps
}

// listed returns a factor as the Directory lists it now.
func (o *oracle) listed(id string) authn.Factor {
	for _, f := range o.ask() {
		if f.ID == id {
			return f
		}
	}
	return authn.Factor{}
}

// data returns what is kept of an active factor: what the Directory lists or, if
// that is newer, what it has not taken yet.
func (o *oracle) data(id string) *data {
	revision := o.listed(id).Revision
	if d, owed := o.owes(id); owed && d != nil {
		revision = max(revision, d.revision)
	}
	for _, f := range slices.Backward(o.facts) {
		if f.factor == id && f.data != nil && f.data.revision == revision {
			return f.data
		}
	}
	return new(data)
}

// owes returns what the Directory was not told, or has not taken, of a factor.
func (o *oracle) owes(id string) (d *data, owed bool) {
	for _, f := range o.facts {
		switch {
		case f.factor != id:
		case f.what == accepted && (f.data != nil || f.by.event == "activate"):
			d, owed = f.data, true
		case f.what == handedOver:
			d, owed = nil, false
		}
	}
	return d, owed
}

// owed reports whether the call of Activated for a factor is pending.
func (o *oracle) owed(id string) bool {
	_, owed := o.owes(id)
	return owed
}

// takenRevision returns the revision that the Directory has taken last; 0 if that was more
// than a day ago.
func (o *oracle) takenRevision(id string, t time.Time) (revision uint32) {
	var until time.Time
	for _, f := range o.facts {
		switch {
		case f.what == handedOver && f.factor == id && f.data != nil:
			revision, until = f.data.revision, charged(f.at.Add(aDay))
		case f.what == clockFell:
			until = earlier(until, charged(f.at.Add(aDay)))
		case f.what == deleted, f.saves && !until.After(f.at):
			revision, until = 0, time.Time{}
		}
	}
	if !until.After(t) {
		return 0
	}
	return revision
}

// stale reports whether the list of the Directory is older than what it has taken.
func (o *oracle) stale(t time.Time) bool {
	return slices.ContainsFunc(o.factors(), func(f authn.Factor) bool {
		k, _ := o.kind(f.Type)
		revision := f.Revision
		if d, owed := o.owes(f.ID); owed && d != nil {
			revision = max(revision, d.revision)
		}
		return k.channel == "" && revision < o.takenRevision(f.ID, t)
	})
}

// changed returns the data of a factor with the next revision.
func (o *oracle) changed(id string, d data, t time.Time) *data {
	revision := o.listed(id).Revision
	if owed, ok := o.owes(id); ok && owed != nil {
		revision = max(revision, owed.revision)
	}
	d.revision = max(revision, o.takenRevision(id, t)) + 1
	return &d
}

// puzzle is what a client was shown of a challenge. It is filled in when an answer
// or a message has it.
type puzzle struct {
	app      *app     // to enroll
	codes    []string // to enroll
	options  string   // of the Verifier
	number   string   // to name on the other device
	approval string   // token of the other device
}

// bare returns a submission without blanks and hyphens, in upper case; false if it
// has anything but ASCII letters and digits, or is too long.
func bare(raw string) (string, bool) {
	s := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "-", "").Replace(raw)
	s = strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}, s)
	return s, len(raw) <= 32 && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// isRecoveryCode reports whether s has the form of a recovery code.
func isRecoveryCode(s string) bool {
	return len(s) == 16 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}
