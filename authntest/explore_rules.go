package authntest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// A Rule is something that holds of every machine that signs users in. The
// rules of this package know the policy, the views before and after, the event
// and the answer; they do not know the table's guards.
type Rule struct {
	Name string // short, as in messages and in Found.Checked
	Text string // a sentence that says what holds
	// Step checks each step, and Account each account that was come to.
	// Either may be nil.
	Step, Account Check
}

// A Check says whether there was something to check, and what is wrong; ""
// is nothing.
type Check func(t *Trial) (applies bool, wrong string)

// Rules are the rules of this package. The caller owns the slice.
func Rules() []Rule {
	return []Rule{
		{"earned", "SUCCESS comes from the right code for the live challenge, in time, or from what the host or the user may leave out, and never without a required factor.", checkEarned, nil},
		{"right code", "A right code that is typed in time, and may be looked at, is accepted.", checkRight, nil},
		{"once", "A code that was accepted, superseded or found to be late is never accepted.", checkOnce, nil},
		{"late", "A code that comes at or after its expiry is late: recorded, not counted, dead.", checkLate, nil},
		{"counted", "A wrong code is counted exactly once: by its code, its transaction and its account.", checkCounted, nil},
		{"forgiven", "The right code ends the row of wrong codes and the back-off; it, and a right input to the host, take back what their own transaction was charged since it last skipped something.", checkForgiven, nil},
		{"only codes", "Nothing but a code that is looked at changes what was tried, and a code that is not looked at changes nothing.", checkOnlyCodes, nil},
		{"last try", "The last try of a transaction ends it, the last of a row or of a budget locks the account, and no earlier one does.", checkLastTry, nil},
		{"no refill", "Neither another code nor another transaction gives back tries, sends, starts, waits or locks; only the right code forgives, and only its own transaction's.", checkNoRefill, nil},
		{"new code", "A new code starts with fresh tries and the full cool-down, and is charged to the transaction and the account, within their budgets and after every wait.", checkNewCode, nil},
		{"bound", "A code depends on fresh entropy and on the address that it goes to, and a session token on fresh entropy.", checkBound, nil},
		{"sent", "A code that may be sent is sent.", checkSent, nil},
		{"one code", "A transaction has at most one live code, only where a code can be typed, and what is owed to the mailbox is that one.", nil, checkOneCode},
		{"address", "A code goes to an address that the Directory lists at that moment.", checkAddress, nil},
		{"host", "What the Directory or the Limiter refuses is refused for that reason.", checkHost, nil},
		{"single use", "A time step of an app, a code of a list, an answer of a device and a challenge count once, in whatever transaction of the account they are tried.", checkSingleUse, nil},
		{"uncounted", "What was used before, is malformed, answers another challenge, or asks what nobody has answered yet, is refused for that reason and costs nothing.", checkUncounted, nil},
		{"shown", "A factor that nothing is sent to is challenged when it is chosen: nothing is charged, and there is no cool-down.", checkShown, nil},
		{"challenge", "A response is judged by the challenge that the client was shown, and each challenge by one response.", checkChallenge, nil},
		{"reply", "What another device says leads nowhere by itself: the client's own event takes it, unless the transaction is over by then; a no ends what was asked, and is told once.", checkReply, nil},
		{"one question", "Other devices are asked one question at a time, of all transactions of the account.", checkQuestion, nil},
		{"revision", "What the Directory is to keep of a factor has a higher revision than all before, and a list that is older than what it has taken is not believed.", checkRevision, nil},
		{"shown once", "No answer has a secret of a factor but that of the one that is being enrolled, nor what the Directory keeps of one; it says what a device has said.", nil, checkShownOnce},
		{"facts", "A step that lacks a fact decides nothing, and comes to the same if it is told everything at once.", checkFacts, nil},
		{"enrollment", "A factor is enrolled only while the user has no active one, unless the transaction has proved one.", checkEnrollment, nil},
		{"end", "Nothing moves the end of a transaction, and no code outlives it.", checkEnd, nil},
		{"time up", "An event at or after the transaction's end finds it EXPIRED, and one before does not.", checkTimeUp, nil},
		{"terminal", "Nothing leaves a terminal state; an unredeemed SUCCESS may still be redeemed, canceled, locked or expire.", checkTerminal, nil},
		{"unknown", "An event on a finished transaction is refused as on one that never was.", checkUnknown, nil},
		{"locked", "A lock ends every transaction that could still lead to a session, and refuses new ones until it ends.", checkLockedBegin, checkLocked},
		{"bounds", "No budget is overdrawn: tries, codes, starts, transactions at once.", nil, checkBounds},
		{"session", "A session token is redeemed once, in time, and its assertion says who and how, truthfully.", checkSession, nil},
		{"redeemed at once", "An event that asks for the assertion does what the event and redeeming its session token do one after the other; where the token has to wait, it does what the event does.", checkAtOnce, nil},
		{"challenged at once", "A sign-in that begins with a challenge does what beginning and the challenge of the factor proved last, or of the only one, do one after the other.", checkChallengedAtOnce, nil},
		{"refusal", "A refusal changes nothing, says why by a known error, and asks for no effect.", checkRefusal, nil},
		{"retry", "What is too soon is so until the moment that the refusal names, and not a nanosecond longer.", checkRetry, nil},
		{"allowed", "What an answer allows now is taken, what it allows from a time on is refused until then, and what it does not list is refused.", nil, checkAllowed},
		{"masked", "No answer shows a whole address.", nil, checkMasked},
		{"pure", "The same arguments give the same result, and are not changed.", checkPure, nil},
		{"clock", "A clock that falls back a little revives nothing: the answer is that of the latest save.", checkClock, nil},
		{"clock fault", "A clock that falls back by more than clocks may differ ends whatever is under way.", nil, checkClockFault},
		{"repeated", "An event that is repeated with its idempotency key is answered again and not taken again.", checkRepeated, nil},
		{"record", "An account reads back as what was stored, under its own key only, and takes at most 4 KiB.", nil, checkRecord},
		{"deleted", "A record is deleted only when it says nothing that a fresh one would not.", checkDeleted, nil},
		{"rows", "The rows that a step takes are rows of the table, one after the other from where the transaction stood to where it stands.", checkRows, nil},
		{"explained", "The row that Explain names is the row that answers; it names none where that would say whether a code is right.", checkExplained, nil},
		{"others", "A transaction that takes no row is not touched.", checkOthers, nil},
		{"effects", "Each row that is taken asks for the effects that it lists, once, and no other node takes them up while this one does.", checkEffects, nil},
		{"owed", "What is owed stays owed until it is delivered, given up or superseded; only a notice makes room for others.", checkOwed, nil},
		{"delivery", "What becomes of an effect changes what is owed, the delivery and the cool-down, and nothing else.", checkDelivery, nil},
		{"password", "Nothing comes after a password that has expired or is to be reset but by a new one that was judged right, nor after one that expires soon but by that or a skip.", checkPassword, nil},
		{"new password", "A new password is owed once it was judged right and, where a factor counts or is demanded, one was proved; it replaces an older one and ends what was begun with the old one, and no session is redeemed before the host has it.", checkNewPassword, nil},
		{"gates", "Every gate that is needed when a transaction comes to it is passed, in the order of the list, by an input that was judged right.", checkGates, nil},
		{"inputs", "The host is asked about a password or an input only where the state asks for it and nothing stands against it; one that it rejects or denies costs nothing.", checkInputs, nil},
		{"tend", "Tend ends what is overdue, claims what is due, and decides nothing else.", checkTend, nil},
	}
}

// judge holds a trial against every rule.
func (x *explorer) judge(t *Trial, pick func(*Rule) Check) error {
	var b broken
	var wrongs []string
	for i := range x.rules {
		r := &x.rules[i]
		check := pick(r)
		if check == nil {
			continue
		}
		applies, wrong := check(t)
		if applies {
			x.found.Checked[r.Name]++
		}
		if wrong != "" {
			b.rules = append(b.rules, r.Name)
			wrongs = append(wrongs, fmt.Sprintf("%s: %s\n  the rule: %s", r.Name, wrong, r.Text))
		}
	}
	if t.Event != "" {
		x.found.Steps++
	}
	if b.rules == nil {
		return nil
	}
	text := "authntest: " + strings.Join(wrongs, "\n")
	text += "\nby" + x.story(t.s)
	if t.Event != "" {
		text += "\n  " + t.leg.String() + "\n=> " + t.told()
	}
	text += "\nfrom " + t.was.String()
	if t.Err == nil && t.Event != "" {
		text += "\nto   " + t.r.Account.String()
	}
	b.text = text
	return &b
}

// told is what came of a trial, in a few words.
func (t *Trial) told() string {
	switch {
	case t.Err != nil:
		return t.Err.Error()
	case t.Ended:
		return "ended"
	case t.Event == eventTend || t.Is() == nil:
		return "ok"
	case t.Outcome != authn.Done:
		return string(t.Is().State) + ", " + string(t.Outcome)
	}
	return string(t.Is().State)
}

// note counts the rows that a trial was answered by, and remembers the first
// path to each.
func (x *explorer) note(t *Trial) {
	was := authn.Unauthenticated
	if tx := t.Was(); tx != nil {
		was = tx.State
	}
	for _, m := range t.Moves {
		x.reach(t, rowName(m.Row))
		for i := range t.Before.Transactions { // what the others were asked
			o := &t.Before.Transactions[i]
			if m.Row.Others != "" && o.ID != m.Transaction && !slices.ContainsFunc(t.Moves, func(m authn.Move) bool { return m.Transaction == o.ID }) {
				x.refusedBy(t, cell{o.State, m.Row.Others})
			}
		}
	}
	if t.Err == nil && !t.Ended || t.Refusal != nil && t.Was() != nil {
		x.refusedBy(t, cell{was, authn.EventExpire})
	}
	if t.Refusal == nil {
		return
	}
	if t.Payload != nil {
		if _, row, err := t.explain(); err == nil && row.Refuse != nil && errors.Is(t.Err, row.Refuse) {
			x.reach(t, rowName(row))
			return
		}
	}
	for _, row := range x.cells[cell{was, t.Event}] {
		if row.Refuse != nil && t.Refused(row.Refuse) && strings.Join(row.When, ", ") == t.Refusal.Guard {
			x.reach(t, rowName(row))
			return
		}
	}
	x.remember(t, fmt.Sprintf("%s: %s: %v", was, t.Event, t.Refusal.Err))
}

// refusedBy counts the only row of a cell that refuses.
func (x *explorer) refusedBy(t *Trial, c cell) {
	for _, row := range x.cells[c] {
		if row.Refuse != nil {
			x.found.Rows[rowName(row)]++
		}
	}
}

// reach counts a row.
func (x *explorer) reach(t *Trial, name string) {
	x.found.Rows[name]++
	if t.row == "" {
		t.row = name
	}
	x.remember(t, name)
}

// remember keeps the first way to something.
func (x *explorer) remember(t *Trial, name string) {
	if _, ok := x.walks[name]; !ok && t.Event != "" {
		x.walks[name] = way{t.at, t.expected()}
	}
}

func says(wrong bool, format string, args ...any) string {
	if !wrong {
		return ""
	}
	return fmt.Sprintf(format, args...)
}
