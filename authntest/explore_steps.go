package authntest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The rules about a step as such: its purity, its record, its rows.

// same says whether two results are the same, and in what they differ.
func (t *Trial) same(r *authn.Result, err error) string {
	var ref *authn.Refusal
	switch {
	case (err == nil) != (t.Err == nil):
		return fmt.Sprintf("%v, not %v", err, t.Err)
	case err == nil || err == t.Err:
	case !errors.As(err, &ref) || t.Refusal == nil || *ref != *t.Refusal:
		return fmt.Sprintf("%v, not %v", err, t.Err)
	}
	if err == nil && (r.Account != t.r.Account || r.Changed != t.r.Changed || r.Ended != t.r.Ended || r.Outcome != t.r.Outcome ||
		len(t.x.p.Moves(r)) != len(t.Moves)) {
		return "another result"
	}
	return ""
}

func checkPure(t *Trial) (applies bool, wrong string) {
	if *t.Account != *t.was {
		return true, "the account was changed in place"
	}
	r, es, err := t.again(t.Account, t.Now)
	if diff := t.same(r, err); diff != "" {
		return true, "the second time: " + diff
	}
	if t.Event == eventTend && !slices.Equal(es, t.Effects) {
		return true, "the second time: other effects"
	}
	return true, says(*t.Account != *t.was, "the account was changed in place, the second time")
}

// checkClock has it happen a second before the latest save.
func checkClock(t *Trial) (applies bool, wrong string) {
	saved := t.Before.Saved
	if !saved.Equal(t.Now) || saved.IsZero() {
		return false, ""
	}
	r, _, err := t.again(t.Account, saved.Add(-time.Second))
	if diff := t.same(r, err); diff != "" {
		return true, "a second before: " + diff
	}
	return true, ""
}

// checkClockFault cancels long before the latest save.
func checkClockFault(t *Trial) (applies bool, wrong string) {
	x, saved := t.x, t.Before.Saved
	for i := range t.s.tabs {
		g := &t.s.tabs[i]
		if !isLive(transaction(&t.Before, g.id)) {
			continue
		}
		env := authn.Env{Now: saved.Add(-authn.MaxSkew - 1), Entropy: entropy(int(t.at), -2)}
		r := &x.scratch
		if err := x.p.Step(t.Account, g.secret, authn.Cancel{}, env, r); err != nil || !r.Ended {
			return true, says(true, "the event was looked at: %v", err)
		}
		v := x.p.View(&r.Account)
		if slices.ContainsFunc(v.Transactions, func(tx authn.TransactionView) bool { return isLive(&tx) }) || !v.Saved.Equal(env.Now) {
			return true, says(true, "something lives on, or the mark stays at %v", v.Saved)
		}
		applies = true
	}
	return applies, ""
}

// checkRepeated sends the event with a key, and again.
func checkRepeated(t *Trial) (applies bool, wrong string) {
	if t.Payload == nil || !t.Taken() {
		return false, ""
	}
	x, p, ev := t.x, t.x.p, authn.WithKey("key", t.Payload)
	var first, again authn.Result
	if err := x.step(t, t.Account, ev, t.env, &first); err != nil || first.Outcome != t.Outcome {
		return true, says(true, "with a key: %v, %q", err, first.Outcome)
	}
	if is := transaction(new(p.View(&first.Account)), t.Transaction); isTerminal(is.State) && is.State != authn.Success {
		return false, "" // a repeat finds it finished, or is answered: both are safe
	}
	if err := x.step(t, &first.Account, ev, t.env, &again); err != nil || again.Changed || again.Outcome != first.Outcome || again.Account != first.Account {
		return true, says(true, "repeated: %v, changed %t, %q", err, again.Changed, again.Outcome)
	}
	err := x.step(t, &first.Account, authn.WithKey("key", authn.Resend{Factor: "another"}), t.env, &again)
	return true, says(!errors.Is(err, authn.ErrKeyReused), "the key on another event: %v", err)
}

// checkRecord reads the account back, and does not read it where it is not.
func checkRecord(t *Trial) (applies bool, wrong string) {
	if len(t.s.record) == 0 {
		return false, ""
	}
	p, key := t.x.p, t.x.p.Key(t.s.user)
	value := p.Record(t.Account, key, 1).Value
	back, err := p.Open(value, key)
	switch {
	case err != nil:
		return true, says(true, "it cannot be opened: %v", err)
	case back != *t.Account || string(value) != string(t.s.record):
		return true, "it reads back as another account"
	case len(value) > 4<<10:
		return true, says(true, "it takes %d bytes", len(value))
	}
	if _, err := p.Open(value, p.Key(t.s.user+"?")); !errors.Is(err, authn.ErrCorrupt) {
		return true, "it can be opened under another key"
	}
	value = slices.Clone(value)
	value[int(t.at)%len(value)] ^= 1
	_, err = p.Open(value, key)
	return true, says(!errors.Is(err, authn.ErrCorrupt), "it can be opened although it was altered")
}

func checkDeleted(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed || len(t.to.record) > 0 {
		return false, ""
	}
	v, p := &t.Settled, &t.Policy
	wrongs := within(v.WrongCodes, t.Now, oneDay)
	if p.FailuresPerYear > 0 {
		wrongs = within(v.WrongCodes, t.Now, oneYear)
	}
	for i := range t.to.held {
		h := &t.to.held[i]
		if h.app.key != "" && h.step >= h.app.at(t.Now)-drift(p) || t.Now.Before(h.taken.Add(oneDay)) && !h.taken.IsZero() && h.data != nil {
			return true, "a code that was used, or what the Directory has taken, may still matter"
		}
	}
	still := len(v.Transactions) > 0 || len(v.Owed) > 0 || v.Failures > 0 || v.Disabled || v.LockedUntil.After(t.Now) || v.BackoffUntil.After(t.Now) ||
		wrongs > 0 || within(v.Sends, t.Now, oneDay) > 0 || within(v.Starts, t.Now, oneHour) > 0
	return true, says(still, "it still says %+v", *v)
}

func checkRows(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed {
		return false, ""
	}
	state := map[string]authn.State{}
	steps := map[string]int{}
	for _, tx := range t.Before.Transactions {
		state[tx.ID], steps[tx.ID] = tx.State, tx.Steps
	}
	answered := false
	for _, m := range t.Moves {
		from := state[m.Transaction]
		if from == "" {
			from = authn.Unauthenticated
		}
		row := m.Row
		known := slices.ContainsFunc(t.x.cells[cell{row.From, row.Event}], func(r authn.Transition) bool { return r.To == row.To && r.Label() == row.Label() })
		if !known || row.From != from || m.Step != steps[m.Transaction]+1 {
			return true, says(true, "step %d: %s from %s", m.Step, rowName(row), from)
		}
		state[m.Transaction] = row.To
		steps[m.Transaction]++
		if m.Transaction == t.Transaction {
			answered = true
			if row.Event != t.Event && row.Event != authn.EventExpire || row.Outcome != t.Outcome || t.Ended != (row.Event == authn.EventExpire) {
				return true, says(true, "%s answers %s, outcome %q", rowName(row), t.Event, t.Outcome)
			}
		} else if !t.befalls(&m) {
			return true, says(true, "nothing asks for %s", rowName(row))
		}
	}
	for _, tx := range t.After.Transactions {
		if state[tx.ID] != tx.State || steps[tx.ID] != tx.Steps {
			return true, says(true, "its rows lead to %s in %d steps, and it is in %s after %d", state[tx.ID], steps[tx.ID], tx.State, tx.Steps)
		}
	}
	if t.After.Saved.Before(t.Before.Saved) || !t.After.Saved.Equal(latest(t.Now, t.Before.Saved)) {
		return true, says(true, "saved at %v", t.After.Saved)
	}
	return true, says(!answered && t.Event != eventTend, "the event's own transaction has taken no row")
}

// befalls says that a row of another transaction has a cause.
func (t *Trial) befalls(m *authn.Move) bool {
	switch m.Row.Event {
	case authn.EventExpire:
		return t.Event == authn.EventPrimary || t.Event == eventTend
	case authn.EventCancel, authn.EventLock:
		return t.Event == authn.EventPrimary && m.Row.Event == authn.EventCancel ||
			slices.ContainsFunc(t.Moves, func(o authn.Move) bool { return o.Transaction == t.Transaction && o.Row.Others == m.Row.Event })
	}
	return false
}

func checkExplained(t *Trial) (applies bool, wrong string) {
	if t.Payload == nil || t.full() || t.stale() || t.unread() {
		return false, ""
	}
	_, row, err := t.explain()
	if err != nil {
		return true, says(t.Err == nil || err.Error() != t.Err.Error(), "there is none: %v", err)
	}
	if row.Event == "" { // it never says whether a code is right
		judged := t.Err == nil || t.Refused(authn.ErrUsed) || t.Refused(authn.ErrMalformed)
		return true, says(!t.isCode() && !isInput(t.Event) || !judged, "it stops before the code, and the step does not")
	}
	if row.Refuse != nil {
		return true, says(t.Err == nil || !errors.Is(t.Err, row.Refuse), "it is %s", rowName(row))
	}
	taken := slices.ContainsFunc(t.Moves, func(m authn.Move) bool { return m.Transaction == t.Transaction && rowName(m.Row) == rowName(row) })
	return true, says(!taken, "it is %s", rowName(row))
}

// explain has the machine explain the event, with everything that it lacks.
func (t *Trial) explain() (asked [][2]string, row authn.Transition, err error) {
	for env := t.env; ; {
		asked, row, err = t.x.p.Explain(t.Account, t.g.secret, t.Payload, env)
		lack, ok := err.(*authn.Lack)
		if !ok || !t.supply(lack, &env) {
			return asked, row, err
		}
	}
}

func checkOthers(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed || t.Event == eventTend {
		return false, ""
	}
	for i := range t.Before.Transactions {
		was := &t.Before.Transactions[i]
		if slices.ContainsFunc(t.Moves, func(m authn.Move) bool { return m.Transaction == was.ID }) {
			continue
		}
		is := transaction(&t.After, was.ID)
		if is == nil && !isLive(was) {
			continue // its slot was needed
		}
		if is != nil && t.withdraws(was) {
			applies = true
			continue // "one question" says what becomes of it
		}
		if is == nil || !reflect.DeepEqual(is, was) {
			return true, says(true, "%s in %s was touched", was.ID, was.State)
		}
		applies = true
	}
	return applies, ""
}
