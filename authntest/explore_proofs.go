package authntest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// The rules about factors that are proved by something else than a code that was sent.

func checkSingleUse(t *Trial) (applies bool, wrong string) {
	if !t.isCode() || t.Was() == nil {
		return false, ""
	}
	switch h := t.kit(); t.kind() {
	case byApp:
		step := h.app.match(codeOf(t.Payload), t.Now, &t.Policy)
		return h.step != 0 && t.Typed != TypedWrong, says(t.Accepted() && step <= h.step, "a code of step %d, and one of step %d was used", step, h.step)
	case byList:
		i := h.place(codeOf(t.Payload))
		return i >= 0, says(t.Accepted() && i >= 0 && h.spent&(1<<i) != 0, "the code was used before")
	case byDevice:
		return t.g.reply != TypedNothing, says(t.Accepted() && t.g.reply != TypedRight, "nothing was approved that was not used up")
	}
	return false, ""
}

func checkUncounted(t *Trial) (applies bool, wrong string) {
	if t.hostRefuses() || !t.isCode() || t.Was() == nil {
		return false, ""
	}
	want := map[worth]error{worthUsed: authn.ErrUsed, worthUnfit: authn.ErrMalformed, worthMalformed: authn.ErrMalformed, worthWaiting: authn.ErrWaiting}[t.worth()]
	switch {
	case want == nil || t.worth() == worthMalformed && !t.formless() || t.worth() != worthMalformed && !t.inTime():
		return false, ""
	case t.worth() == worthUsed && t.Event == authn.EventActivate:
		return false, ""
	}
	return true, says(!t.Refused(want), "it was not refused for that reason: %v", want)
}

// formless says that something malformed comes for a factor of which the form is known.
func (t *Trial) formless() bool {
	was := t.Was()
	switch {
	case t.overdue(was) || t.full() || t.stale():
		return false
	case t.direct():
		return t.mayProve() && !t.Now.Before(t.Before.BackoffUntil)
	}
	return was.State == authn.MFAChallenge && t.Event == authn.EventVerify && t.stands(was) || was.State == authn.MFAEnrollActivate && t.Event == authn.EventActivate
}

func checkShown(t *Trial) (applies bool, wrong string) {
	was := t.Was()
	if was == nil || t.overdue(was) || t.full() || t.stale() || t.leg.Listing.NoUser || !t.choosable(was, false) || t.Now.Before(t.Before.BackoffUntil) {
		return false, ""
	}
	if t.Event == authn.EventResend {
		return true, says(!t.Refused(authn.ErrNotAllowed), "there is nothing to send again")
	}
	is := t.Is()
	if !t.Taken() || !atHand(is.State) {
		return true, "nothing stands against it, and there is no challenge"
	}
	return true, says(t.sent() || is.Sent != was.Sent || len(t.After.Sends) != len(t.Before.Sends) || !is.ResendAt.Equal(was.ResendAt) ||
		is.CodeTries != 0 || !is.CodeExpires.Equal(is.Expires) || is.Tries != was.Tries, "something was charged: %+v", *is)
}

func checkChallenge(t *Trial) (applies bool, wrong string) {
	if t.check == nil {
		return false, ""
	}
	none := [32]byte{}
	if t.direct() {
		return true, says(t.check.Challenge != none, "a response without a challenge is held against one")
	}
	before, err := t.x.p.Checks(t.Account, t.g.secret, authn.Env{Now: t.Now, Factors: t.Factors})
	switch is := t.Is(); {
	case err != nil || len(before) != 1 || before[0].Challenge != t.check.Challenge || before[0].Challenge == none:
		return true, says(true, "the client was shown another challenge, or none: %v", err)
	case t.g.judged == t.check.Challenge:
		return true, "a response was judged by it before"
	case t.Outcome == authn.WrongCode && atHand(is.State):
		after, err := t.x.p.Checks(&t.r.Account, t.g.secret, authn.Env{Now: t.Now, Factors: t.Factors})
		return true, says(err != nil || len(after) != 1 || after[0].Challenge == before[0].Challenge, "the next response would be judged by the same: %v", err)
	}
	return true, ""
}

func checkReply(t *Trial) (applies bool, wrong string) {
	was, is := t.Was(), t.Is()
	switch {
	case t.hasToTell() && !t.Taken():
		return true, says(true, "the client is not told of a device that said no: %v", t.Err)
	case t.isTold():
		return true, says(t.Outcome != authn.Rejected || is.State != was.State || is.Tries != was.Tries || !is.CodeExpires.IsZero() || t.sent(),
			"the client of a device that said no is told %q, in %s", t.Outcome, is.State)
	case t.Event != authn.EventRespond:
		return false, ""
	case !t.addressed():
		return true, says(!t.Refused(authn.ErrFinished), "an answer to what is not asked any more was looked at")
	case t.overdue(was):
		return false, ""
	case !t.replied():
		return true, says(t.Refusal == nil || !t.Refused(authn.ErrNoCode) && !t.Refused(authn.ErrTooSoon), "it was taken, although there is an answer, or a back-off, or it is late")
	case !t.Taken():
		return true, says(true, "it was not taken: %v", t.Err)
	case t.Typed == TypedRight:
		return true, says(t.Outcome != authn.Done || is.State != was.State || is.Tries != was.Tries || !is.CodeExpires.Equal(was.CodeExpires), "an approval leads to %s, %q", is.State, t.Outcome)
	}
	return true, says(t.Outcome != authn.WrongCode || is.State != was.State && is.State != authn.LockedOut || !is.CodeExpires.IsZero(), "a rejection leads to %s, %q, and may be followed by another answer", is.State, t.Outcome)
}

// withdraws says that the event takes back what a device is asked in another transaction.
func (t *Trial) withdraws(was *authn.TransactionView) bool {
	g := t.s.tab(was.ID)
	return t.sent() && t.x.kind(t.g2().hand.Type) == byDevice && g != nil && t.pending(&t.Before, g)
}

// pending says that a device is asked something in a sign-in, and has not answered.
func (t *Trial) pending(v *authn.AccountView, g *tab) bool {
	tx := transaction(v, g.id)
	return t.isAsked(v, g) && tx.State != authn.MFAEnrollActivate
}

// isAsked says the same, also of a device that is being paired.
func (t *Trial) isAsked(v *authn.AccountView, g *tab) bool {
	tx := transaction(v, g.id)
	return tx != nil && !tx.CodeExpires.IsZero() && tx.Factor == g.hand.ID && g.hand.ID != "" && t.x.kind(g.hand.Type) == byDevice && g.reply == TypedNothing
}

func checkQuestion(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed {
		return false, ""
	}
	n := 0
	for i := range t.to.tabs {
		if t.pending(&t.After, &t.to.tabs[i]) {
			n++
		}
	}
	return n > 0, says(n > 1, "%d questions at once", n)
}

func checkRevision(t *Trial) (applies bool, wrong string) {
	if t.s.disbelieves(&t.leg.Listing) && (asks(t.Event) && t.Event != eventTend) && !t.leg.Listing.NoUser {
		if was := t.Was(); t.Event == authn.EventPrimary || was != nil && len(t.x.cells[cell{was.State, t.Event}]) > 0 && (t.Event != authn.EventRedeem || was.Session && t.Typed == TypedRight) {
			return true, says(!t.stale(), "an old list was believed: %v", t.Err)
		}
	}
	for _, e := range t.Effects {
		job, err := t.x.p.Job(&t.r.Account, "", e, t.listing(), t.Now)
		if err != nil || job.Activated == nil || job.Activated.Data == nil {
			continue
		}
		applies = true
		if h := t.s.holds(e.Factor); h != nil && (job.Activated.Revision <= h.revision || string(job.Activated.Data) == string(h.data)) {
			return true, says(true, "revision %d after %d", job.Activated.Revision, h.revision)
		}
	}
	return applies, ""
}

func checkShownOnce(t *Trial) (applies bool, wrong string) {
	for i := range t.s.tabs {
		g := &t.s.tabs[i]
		tx := transaction(&t.Before, g.id)
		fs := t.shown(g)
		ans, err := t.x.p.Status(t.Account, g.secret, authn.Env{Now: t.Now, Factors: fs})
		if err != nil || tx == nil {
			continue
		}
		p := &ans.Prompt
		enrolls := tx.State == authn.MFAEnrollActivate
		if (p.Secret+p.URI+p.Pairing != "" || p.Codes != nil) && !enrolls || p.Number != "" && tx.State != authn.MFAChallenge {
			return true, says(true, "in %s, the answer has what is shown while a factor is enrolled, or asked", tx.State)
		}
		if asked := enrolls || tx.State == authn.MFAChallenge; asked && tx.Factor == g.hand.ID && t.x.kind(g.hand.Type) == byDevice && p.Replied != said[g.reply] {
			return true, says(true, "the device said %q, and the answer says that it has %s", g.reply, p.Replied)
		}
		if ans.Factor.Data != nil || slices.ContainsFunc(ans.Factors, func(f authn.Factor) bool { return f.Data != nil }) {
			return true, "the answer has what the Directory keeps"
		}
		text := fmt.Sprintf("%+v", *ans)
		for _, s := range t.secrets(g) {
			if applies = true; s != "" && strings.Contains(text, s) {
				return true, "the answer prints a secret"
			}
		}
	}
	return applies, ""
}

// said is what answers call what a device says.
var said = map[Typed]string{TypedRight: "approved", TypedWrong: "rejected", TypedNo: "rejected", typedElsewhere: "withdrawn"}

// typedElsewhere is what a device has said that another sign-in asks instead.
const typedElsewhere Typed = "elsewhere"

// secrets are what no answer may print.
func (t *Trial) secrets(g *tab) (list []string) {
	for _, h := range append(slices.Clone(t.s.held), held{app: g.app, codes: g.codes}) {
		if h.app.key != "" {
			list = append(list, string(h.app.code(h.app.at(t.Now))))
		}
		for _, c := range h.codes {
			list = append(list, string(c))
		}
	}
	return list
}

// checkFacts takes the step without what the Directory, the Limiter and the Verifier say,
// and with all of it.
func checkFacts(t *Trial) (applies bool, wrong string) {
	if t.Payload == nil || t.stale() {
		return false, ""
	}
	x, r, env := t.x, &t.x.scratch, t.env
	env.ListLater, env.LimitLater, env.Factors, env.NoUser, env.Verdict, env.Needed = true, true, nil, false, nil, nil
	for told := 0; ; told++ {
		err := x.p.Step(t.Account, t.g.secret, t.Payload, env, r)
		lack, ok := err.(*authn.Lack)
		if !ok {
			return told > 0, t.same(r, err)
		}
		switch {
		case told > 4 || r.Changed || !errors.Is(err, authn.ErrUnavailable) || *t.Account != *t.was:
			return true, says(true, "something was decided, or it lacks what it was told: %v", err)
		case lack.Factors || lack.Check != nil || lack.Password != nil || lack.Gate != "":
			if !t.supply(lack, &env) {
				return true, says(true, "it lacks what it was told: %v", err)
			}
		case lack.Attempt.Event != t.Event || !env.LimitLater:
			return true, says(true, "the Limiter is asked about %s", lack.Attempt.Event)
		default:
			env.LimitLater = false
		}
	}
}
