package otelauthn

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// ocsfVersion is the version of the schema whose words these are.
const ocsfVersion = "1.9.0"

// OCSF returns an Auditor that writes records in the vocabulary of the Open
// Cybersecurity Schema Framework, version 1.9.0, to h, and then calls next, unless
// it is nil. With slog.NewJSONHandler the attributes of a record are those of an
// OCSF event, beside slog's own level and msg.
//
//	signed_in                           Authentication 3002, Logon 1, Success
//	a row that proves or chooses        Authentication 3002, Preauth 6, Success
//	a wrong code                        Authentication 3002, Logon 1, Failure, INVALID_CREDENTIALS
//	a refusal                           Authentication 3002, Preauth 6 or of "primary" Logon 1, Failure
//	a row that ends or redeems          Authentication 3002, Other 99
//	a row that locks the account        Account Change 3001, Lock 9, besides the wrong code
//	factor_activated, factor_disabled   Account Change 3001, MFA Factor Enable 10, Disable 5
//	change_password, reset_password     Account Change 3001, Password Change 3, Password Reset 4
//	reinstate, erase                    Account Change 3001, Unlock 12, Delete 6
//	anything else                       Account Change 3001, Other 99
//
// is_mfa and auth_factors are on records of codes and responses, right or wrong. The
// record of signed_in has neither: its event does not say what was proved. Both have
// the transaction's public id as metadata.correlation_uid.
//
// user.uid is the account's pseudonym. No record has a user's id, an address, a
// factor's id, a secret, the reason of "reinstate" or the text of an error.
//
// An error of h is returned, so that what is repeated is written at last; then it may
// be written twice, with the same metadata.uid. Records of success have the level
// Info, others Warn. OCSF's time takes the place of slog's.
func OCSF(h slog.Handler, next authn.Auditor) authn.Auditor {
	o := &ocsf{h: h, next: next, words: newVocabulary(), locks: words{}, over: words{}}
	for _, t := range authn.Transitions() {
		if slices.Contains(t.Then, "lock account") {
			o.locks[o.words.cause(strings.Join(t.When, ", "))] = true
		}
	}
	for _, s := range authn.NewReference().States {
		o.over[string(s.State)] = s.Terminal && s.State != authn.Success
	}
	return o
}

type ocsf struct {
	h     slog.Handler
	next  authn.Auditor
	words vocabulary
	locks words // causes that lock the account
	over  words // states in which a sign-in has ended without success
}

// Audit writes the records of an event.
func (o *ocsf) Audit(ctx context.Context, e authn.AuditEvent) error {
	var errs []error
	for _, r := range o.records(&e) {
		level := slog.LevelInfo
		if r.severity > informational {
			level = slog.LevelWarn
		}
		if o.h.Enabled(ctx, level) {
			errs = append(errs, o.h.Handle(ctx, o.record(&e, r, level)))
		}
	}
	if o.next != nil {
		errs = append(errs, o.next.Audit(ctx, e))
	}
	return errors.Join(errs...)
}

// records says what an event is in OCSF's words.
func (o *ocsf) records(e *authn.AuditEvent) []ocsfRecord {
	switch {
	case e.To != "":
		return o.step(e)
	case o.words.refusals[e.Err]:
		r := ocsfRecord{activity: preauth, severity: low, detail: refusalDetail(e.Err)}
		switch e.Event {
		case authn.EventPrimary:
			r.activity = logon
		case authn.EventChangePassword:
			r.activity = passwordChange
		case authn.EventResetPassword:
			r.activity = passwordReset
		}
		return []ocsfRecord{r}
	}
	if r, ok := reports[e.Event]; ok {
		return []ocsfRecord{r}
	}
	return []ocsfRecord{{activity: ocsfActivity{accountChange, 99, bounded(o.words.events, e.Event)}, severity: informational}}
}

// step is a row that was taken.
func (o *ocsf) step(e *authn.AuditEvent) []ocsfRecord {
	r := ocsfRecord{activity: preauth, severity: informational}
	judged := e.Event == authn.EventVerify || e.Event == authn.EventActivate || e.Event == authn.EventRespond
	if judged && e.Type != "" {
		r.factors = []ocsfFactor{factorOf(e.Type)}
	}
	switch {
	case e.Event == authn.EventChangePassword:
		r.activity = passwordChange
	case e.Event == authn.EventResetPassword:
		r.activity = passwordReset
	case e.Outcome != authn.Done:
		r.activity = logon
	case e.From == authn.Success, o.over[string(e.To)]:
		r.activity = ocsfActivity{authentication, 99, bounded(o.words.events, e.Event)}
	}
	switch e.Outcome {
	case authn.Done:
	case authn.WrongCode:
		r.severity, r.detail = low, "INVALID_CREDENTIALS"
	default:
		r.severity, r.detail = low, bounded(o.words.outcomes, e.Outcome)
	}
	if locksOut(e.To, e.Event) && o.locks[o.words.cause(e.Guard)] {
		return []ocsfRecord{r, {activity: lock, severity: medium}}
	}
	return []ocsfRecord{r}
}
