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

// Events that are methods of Service.
var (
	moves = []string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "change_password", "reset_password", "pass", "cancel"}
	calls = append([]string{"primary"}, append(slices.Clone(moves), "redeem")...)
)

// sentinels lists every sentinel, when it is returned and what to do. events can
// be refused with it for reasons other than a row.
var sentinels = []struct {
	err        error
	name, when string
	todo       string
	events     []string
}{
	{authn.ErrNotAllowed, "ErrNotAllowed", "the current state does not accept the event", "send one of the events in `Refusal.Answer.Allowed`", moves},
	{authn.ErrFinished, "ErrFinished", "the token is unknown, foreign, expired, used or finished; the answer does not reveal which", "begin a new sign-in", calls[1:]},
	{authn.ErrMalformed, "ErrMalformed", "a code, an id, a key or a user id is malformed; no failure is counted", "correct the input", calls[:len(calls)-1]},
	{authn.ErrNotOffered, "ErrNotOffered", "the Directory does not currently offer the factor", "choose one of the factors in `Refusal.Answer.Factors`", nil},
	{authn.ErrNoFactor, "ErrNoFactor", "a second factor is required, and the user can neither prove nor enroll one", "give the user a factor", nil},
	{authn.ErrNoUser, "ErrNoUser", "the Directory has no such user, or the user may not sign in", "respond as to a wrong password", []string{"primary", "enroll", "activate", "challenge", "resend", "redeem"}},
	{authn.ErrUsed, "ErrUsed", "the code was right, and was used before; no failure is counted", "of an app wait until `Refusal.RetryAt` for the next code; of a list use another code", nil},
	{authn.ErrWaiting, "ErrWaiting", "the other device has not answered yet; nothing is written", "ask again", nil},
	{authn.ErrNoCode, "ErrNoCode", "there is no live code or challenge: none was sent, or it is used, replaced, exhausted or expired; no failure is counted", "`resend`", nil},
	{authn.ErrRequired, "ErrRequired", "`skip` while a required factor is missing", "`enroll`", nil},
	{authn.ErrExhausted, "ErrExhausted", "the transaction has no sends left", "use the last code, or begin a new sign-in", nil},
	{authn.ErrTooSoon, "ErrTooSoon", "a cool-down, a back-off, or a limit of sends or starts applies", "wait until `Refusal.RetryAt`", nil},
	{authn.ErrLocked, "ErrLocked", "the account is locked, or a factor is disabled", "wait until `Refusal.RetryAt`; if it is zero, call `Reinstate`", nil},
	{authn.ErrKeyReused, "ErrKeyReused", "the idempotency key of the last event was sent with a different event", "use a new key for each event", moves},
	{authn.ErrUnavailable, "ErrUnavailable", "a port failed or panicked, or every save conflicted; the outcome is unknown", "retry the same event", calls},
	{authn.ErrCorrupt, "ErrCorrupt", "a stored record cannot be opened; wrapped in ErrUnavailable", "check the record and the keys", calls},
	{authn.ErrEngine, "ErrEngine", "the engine and the table disagree, which is a bug", "report the bug", calls},
	{authn.ErrNotFound, "ErrNotFound", "a Store has no such record", "for implementers of Store", nil},
	{authn.ErrConflict, "ErrConflict", "a Store has another version of the record", "for implementers of Store", nil},
	{authn.ErrUndeliverable, "ErrUndeliverable", "a Sender reports that a retry cannot succeed", "for implementers of Sender", nil},
	{authn.ErrSuperseded, "ErrSuperseded", "a code is dead, or the address it belongs to has changed: nothing is sent", "for hosts that run the Machine themselves", nil},
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
	b.WriteString("# Errors\n\nA refused event changes nothing. Its error is a `*Refusal` that wraps one of the errors below, and `Refusal.Answer` lists the events that are\nallowed instead. `ErrUnavailable` and the errors after it are never refusals: they are faults, or errors that ports return. The last column is the\nresponse of the handler in package `okta`.\n\n| error | when | what to do | Okta's code |\n|---|---|---|---|\n")
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
	b.WriteString("\n# Rows that refuse\n\nAn event, and the guards under which it is refused. Where the table has no row for an event, it is refused with `ErrNotAllowed`.\n\n| error | rows |\n|---|---|\n" + rows.String())
	b.WriteString("\n# Outcomes\n\nWhat is wrong, late or rejected is not a refusal: the step is saved, and `Answer.Outcome` reports it. In Okta's wire format it is an error.\n\n| outcome | in | when | Okta's code |\n|---|---|---|---|\n")
	for _, o := range []struct {
		a    authn.Answer
		when string
	}{
		{authn.Answer{State: authn.MFAChallenge, Outcome: authn.WrongCode}, "the code does not match the live code; counted as a failure"},
		{authn.Answer{State: authn.MFAChallenge, Outcome: authn.LateCode}, "the live code had expired; not counted as a failure"},
		{authn.Answer{State: authn.LockedOut, Outcome: authn.WrongCode}, "no tries are left"},
		{authn.Answer{State: authn.PasswordExpired, Outcome: authn.WrongCode}, "the old password, or what a gate asks for, is wrong; counted as a failure"},
		{authn.Answer{State: authn.PasswordExpired, Outcome: authn.Rejected}, "the new password, or what a gate asks for, does not meet the rules in `Answer.Reasons`; not counted as a failure"},
		{authn.Answer{State: authn.Canceled, Outcome: authn.Denied}, "the host ends the sign-in"},
	} {
		code, status := okta.ErrorCode(&o.a, nil)
		fmt.Fprintf(&b, "| %s | %s | %s | %d %s |\n", o.a.Outcome, o.a.State, o.when, status, code)
	}
	return b.String()
}

// inAnswer has what is no error of Okta's: an answer shows it.
var inAnswer = map[error]string{authn.ErrLocked: string(authn.LockedOut), authn.ErrWaiting: "WAITING"}

// oktaCodes returns the answers of the handler, with events if they differ.
func oktaCodes(sentinel error, events []string) string {
	var codes []string
	by := map[string][]string{}
	for _, e := range calls {
		if !slices.Contains(events, e) {
			continue
		}
		code, status := okta.ErrorCode(nil, refused(sentinel, e))
		if code == "" {
			code = inAnswer[sentinel]
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
	// The code of most events is last, without their names.
	slices.SortStableFunc(codes, func(a, b string) int { return len(by[a]) - len(by[b]) })
	last := len(codes) - 1
	for i, c := range codes[:last] {
		codes[i] = strings.Join(by[c], ", ") + ": " + c
	}
	codes[last] = "else " + codes[last]
	return strings.Join(codes, "<br>")
}

// refused returns a sentinel as Service returns it for an event.
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

// The most common of Okta's codes on the page are those that the tests of the
// handler expect.
func TestOktaCodes(t *testing.T) {
	for want, got := range map[string]string{
		"403 E0000079":   oktaCodes(authn.ErrNotAllowed, moves),
		"401 E0000011":   oktaCodes(authn.ErrFinished, calls[1:]),
		"200 LOCKED_OUT": oktaCodes(authn.ErrLocked, []string{"primary"}),
		"200 WAITING":    oktaCodes(authn.ErrWaiting, []string{"activate", "verify"}),
		"403 E0000068":   oktaCodes(authn.ErrUsed, []string{"verify"}),
		"enroll, challenge, resend: 429 E0000118<br>else 429 E0000047": oktaCodes(authn.ErrTooSoon, []string{"primary", "enroll", "challenge", "resend", "activate", "verify", "cancel"}),
		"primary: 401 E0000004<br>else 401 E0000011":                   oktaCodes(authn.ErrNoUser, []string{"primary", "enroll", "redeem"}),
		"503 E0000009":              oktaCodes(authn.ErrUnavailable, calls),
		"500 E0000009 500 E0000009": oktaCodes(authn.ErrCorrupt, calls) + " " + oktaCodes(authn.ErrEngine, calls),
		"":                          oktaCodes(authn.ErrConflict, nil),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
