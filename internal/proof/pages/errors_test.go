package pages

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// What Service has methods for.
var (
	moves = []string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "cancel"}
	calls = append([]string{"primary"}, append(slices.Clone(moves), "redeem")...)
)

// Every sentinel, when it comes and what to do. Events are those that may be
// refused with it for another reason than a row.
var sentinels = []struct {
	err        error
	name, when string
	todo       string
	events     []string
}{
	{authn.ErrNotAllowed, "ErrNotAllowed", "the state has no row for the event", "choose one of `Refusal.Answer.Allowed`", moves},
	{authn.ErrFinished, "ErrFinished", "the token is unknown, foreign, expired, used or finished; they all look the same", "begin again with the password", calls[1:]},
	{authn.ErrMalformed, "ErrMalformed", "a code, an id, a key or a user id is not of its form; nothing is counted", "correct the input", calls[:len(calls)-1]},
	{authn.ErrNotOffered, "ErrNotOffered", "the Directory does not offer the factor here now", "choose one of `Refusal.Answer.Factors`", nil},
	{authn.ErrNoFactor, "ErrNoFactor", "a second factor is demanded, and there is none to prove or to enroll", "the host gives the user a factor", nil},
	{authn.ErrNoUser, "ErrNoUser", "the Directory has no such user, or the user may not sign in", "the host's business", []string{"primary", "enroll", "activate", "challenge", "resend", "redeem"}},
	{authn.ErrNoCode, "ErrNoCode", "there is no live code: none was sent, or it is used, replaced, spent or late; nothing is counted", "`resend`", nil},
	{authn.ErrRequired, "ErrRequired", "`skip` while something that is required is missing", "`enroll`", nil},
	{authn.ErrExhausted, "ErrExhausted", "the transaction has no sends left", "use the code that was sent, or begin again", nil},
	{authn.ErrTooSoon, "ErrTooSoon", "a cool-down, a back-off, or a budget of sends or starts", "wait until `Refusal.RetryAt`", nil},
	{authn.ErrLocked, "ErrLocked", "the account is locked, or a factor is disabled", "wait until `Refusal.RetryAt`; if it is zero, the host calls `Reinstate`", nil},
	{authn.ErrKeyReused, "ErrKeyReused", "the idempotency key of the last event came with another event", "draw a key for each event", moves},
	{authn.ErrUnavailable, "ErrUnavailable", "a port failed or panicked, or every save was lost to others: no verdict", "send the same event again", calls},
	{authn.ErrCorrupt, "ErrCorrupt", "a stored record cannot be opened; wrapped in ErrUnavailable", "an operator looks at the record and the keys", calls},
	{authn.ErrEngine, "ErrEngine", "the engine and the table disagree: a bug", "report it", calls},
	{authn.ErrNotFound, "ErrNotFound", "a Store says that there is no such record", "for stores", nil},
	{authn.ErrConflict, "ErrConflict", "a Store says that the record has another version", "for stores", nil},
	{authn.ErrUndeliverable, "ErrUndeliverable", "a Mailer says that trying again is pointless", "for mailers", nil},
}

func sentinelName(err error) string {
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return s.name
		}
	}
	return "?"
}

func errorsPage() string {
	var b, rows strings.Builder
	b.WriteString("# Errors\n\nA refused event changed nothing. The error is a `*Refusal` that wraps one of these, and its `Answer` says what is allowed instead. The last\nones are faults or belong to ports: they are never refusals. The last column is what the handler of package `okta` answers.\n\n| error | when | what to do | Okta's code |\n|---|---|---|---|\n")
	for _, s := range sentinels {
		var at []string
		events := slices.Clone(s.events)
		for _, r := range rowsOf(func(r authn.Transition) bool { return r.Refuse == s.err }) {
			if l := r.Label(); !slices.Contains(at, l) {
				at = append(at, l)
			}
			events = append(events, string(r.Event))
		}
		fmt.Fprintf(&b, "| `%s`: %s | %s | %s | %s |\n", s.name, s.err, s.when, s.todo, oktaCodes(s.err, events))
		if at != nil {
			fmt.Fprintf(&rows, "| `%s` | %s |\n", s.name, strings.Join(at, "; "))
		}
	}
	b.WriteString("\n# The rows that refuse\n\nAn event and the guards that hold when it is refused. `ErrNotAllowed` is what the table has no row for.\n\n| error | rows |\n|---|---|\n" + rows.String())
	b.WriteString("\n# Outcomes\n\nA wrong or a late code is not a refusal: it is saved, and `Answer.Outcome` says so. On Okta's wire it is an error.\n\n| outcome | in | when | Okta's code |\n|---|---|---|---|\n")
	for _, o := range []struct {
		a    authn.Answer
		when string
	}{
		{authn.Answer{State: authn.MFAChallenge, Outcome: authn.WrongCode}, "not the live code; counted"},
		{authn.Answer{State: authn.MFAChallenge, Outcome: authn.LateCode}, "the live code's time was up; not counted"},
		{authn.Answer{State: authn.LockedOut, Outcome: authn.WrongCode}, "that was the last try"},
	} {
		code, status := okta.ErrorCode(&o.a, nil)
		fmt.Fprintf(&b, "| %s | %s | %s | %d %s |\n", o.a.Outcome, o.a.State, o.when, status, code)
	}
	return b.String()
}

// oktaCodes says what the handler answers, and to which events if it differs.
func oktaCodes(sentinel error, events []string) string {
	var codes []string
	by := map[string][]string{}
	for _, e := range calls {
		if !slices.Contains(events, e) {
			continue
		}
		code, status := okta.ErrorCode(nil, refused(sentinel, e))
		if code == "" {
			code = string(authn.LockedOut)
		}
		code = fmt.Sprintf("%d %s", status, code)
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
		by[code] = append(by[code], e)
	}
	if len(codes) < 2 {
		return strings.Join(codes, "")
	}
	// The code of most events goes last, without their names.
	slices.SortStableFunc(codes, func(a, b string) int { return len(by[a]) - len(by[b]) })
	last := len(codes) - 1
	for i, c := range codes[:last] {
		codes[i] = strings.Join(by[c], ", ") + ": " + c
	}
	codes[last] = "else " + codes[last]
	return strings.Join(codes, "<br>")
}

// refused is a sentinel as Service returns it for an event.
func refused(sentinel error, event string) error {
	switch sentinel {
	case authn.ErrUnavailable, authn.ErrEngine:
		return sentinel
	case authn.ErrCorrupt:
		return fmt.Errorf("%w: %w", authn.ErrUnavailable, sentinel)
	}
	r := &authn.Refusal{Event: authn.EventName(event), Err: sentinel}
	if event != "primary" && event != "redeem" && sentinel != authn.ErrFinished {
		r.Answer = new(authn.Answer)
	}
	return r
}

// What the page says of Okta's codes is what the handler's own tests see on
// the wire for the commonest of them.
func TestOktaCodes(t *testing.T) {
	for want, got := range map[string]string{
		"403 E0000079":   oktaCodes(authn.ErrNotAllowed, moves),
		"401 E0000011":   oktaCodes(authn.ErrFinished, calls[1:]),
		"200 LOCKED_OUT": oktaCodes(authn.ErrLocked, []string{"primary"}),
		"enroll, challenge, resend: 429 E0000118<br>else 429 E0000047": oktaCodes(authn.ErrTooSoon, []string{"primary", "enroll", "challenge", "resend", "activate", "verify", "cancel"}),
		"primary: 401 E0000004<br>else 401 E0000011":                   oktaCodes(authn.ErrNoUser, []string{"primary", "enroll", "redeem"}),
		"503 E0000009": oktaCodes(authn.ErrCorrupt, calls),
		"500 E0000009": oktaCodes(authn.ErrEngine, calls),
		"":             oktaCodes(authn.ErrConflict, nil),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
