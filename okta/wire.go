package okta

import (
	"time"

	"github.com/authnfsm/authn"
)

// The bodies of answers, member for member as Okta's clients read them.
type (
	transaction struct {
		StateToken    string      `json:"stateToken,omitempty"`
		ExpiresAt     string      `json:"expiresAt,omitempty"`
		Status        authn.State `json:"status,omitempty"`
		RelayState    string      `json:"relayState,omitempty"`
		FactorResult  string      `json:"factorResult,omitempty"`
		ChallengeType string      `json:"challengeType,omitempty"`
		SessionToken  string      `json:"sessionToken,omitempty"`
		Embedded      embedded    `json:"_embedded"`
		Links         links       `json:"_links,omitzero"`
		Authn         extensions  `json:"authn"`
	}
	embedded struct {
		User    user     `json:"user,omitzero"`
		Factors []factor `json:"factors,omitempty"`
		Factor  factor   `json:"factor,omitzero"`
		Policy  *policy  `json:"policy,omitempty"`
	}
	user struct {
		ID      string   `json:"id"`
		Profile *Profile `json:"profile,omitempty"`
	}
	// policy says that no device is remembered.
	policy struct {
		Allow     bool     `json:"allowRememberDevice"`
		Minutes   int      `json:"rememberDeviceLifetimeInMinutes"`
		ByDefault bool     `json:"rememberDeviceByDefault"`
		Factors   struct{} `json:"factorsPolicyInfo"`
	}

	// extensions is what this package tells beyond Okta, in the member "authn".
	extensions struct {
		Allowed     []allowed      `json:"allowed"`
		TriesLeft   int            `json:"triesLeft,omitempty"` // at least 1 in a live transaction
		ResendAt    string         `json:"resendAt,omitempty"`
		CodeExpires string         `json:"codeExpiresAt,omitempty"`
		Generation  int            `json:"generation,omitempty"`
		Delivery    authn.Delivery `json:"delivery,omitempty"`
		Until       string         `json:"lockedUntil,omitempty"`
		Now         string         `json:"now,omitempty"`
	}
	allowed struct {
		Event authn.EventName `json:"event"`
		At    string          `json:"at,omitempty"`
	}
)

// A look is how Okta shows a state, as far as the answer itself does not tell.
type look struct {
	factorResult, challengeType string
	policy                      *policy
	offer                       func(f authn.Factor, optional bool) factor // shows a factor to choose; nil: showFactor
}

// looks has the states with a look of their own. Any other state shows what
// its answer holds.
var looks = map[authn.State]look{
	authn.MFAEnroll:    {offer: offerFactor},
	authn.MFARequired:  {policy: noRemembering},
	authn.MFAChallenge: {policy: noRemembering, factorResult: "CHALLENGE", challengeType: "FACTOR"},
}

var noRemembering = &policy{}

// answer describes what an event that was taken has led to.
func (x *exchange) answer(a *authn.Answer) (any, error) {
	switch {
	case a.Outcome != authn.Done:
		return nil, x.codeFailure(a)
	case a.State == authn.Success && a.Session == "":
		return nil, fault(badToken, "") // a repeat, after the session token was redeemed
	case a.State == authn.Success:
		x.remember(a)
	case a.State == authn.Canceled:
		return &transaction{Authn: extend(a)}, nil
	}
	return x.transaction(a), nil
}

// transaction is the body for a transaction that goes on, or has succeeded.
func (x *exchange) transaction(a *authn.Answer) *transaction {
	l := looks[a.State]
	t := &transaction{
		StateToken: stateMark + string(a.Token), ExpiresAt: wireTime(a.Expires), Status: a.State, RelayState: x.in.relayState,
		FactorResult: l.factorResult, ChallengeType: l.challengeType, Authn: extend(a),
	}
	t.Embedded.User, t.Embedded.Policy = x.user(a.User), l.policy
	if a.Factor.ID != "" {
		t.Embedded.Factor = showFactor(a.Factor)
	}
	_, optional := a.Allows(authn.EventSkip)
	for _, f := range a.Factors {
		shown := showFactor(f)
		if l.offer != nil {
			shown = l.offer(f, optional)
		}
		t.Embedded.Factors = append(t.Embedded.Factors, shown)
	}
	if a.Session != "" {
		// A client that is given a state token here keeps it and believes
		// that there is something to resume.
		t.StateToken, t.SessionToken = "", sessionMark+string(a.Session)
	}
	x.h.link(t, a)
	return t
}

// lockedOut is what the right password gets on a locked account.
func (x *exchange) lockedOut(r *authn.Refusal) *transaction {
	e := extensions{Allowed: []allowed{}, Until: notBefore(r.RetryAt), Now: wireTime(x.now(r.Answer))}
	return &transaction{Status: authn.LockedOut, RelayState: x.in.relayState, Authn: e}
}

func (x *exchange) user(id string) user {
	u := user{ID: id, Profile: x.profile}
	if u.Profile == nil && id != "" && x.h.cfg.Profile != nil {
		u.Profile, _ = x.h.cfg.Profile(x.r.Context(), id) // without a profile the answer is as good
	}
	return u
}

// extend makes the member "authn".
func extend(a *authn.Answer) extensions {
	e := extensions{
		Allowed: make([]allowed, 0, len(a.Allowed)), TriesLeft: a.TriesLeft, Generation: a.Generation, Delivery: a.Delivery,
		CodeExpires: wireTime(a.CodeExpires), Until: notBefore(a.Until), Now: wireTime(a.Now),
	}
	for _, op := range a.Allowed {
		e.Allowed = append(e.Allowed, allowed{op.Event, notBefore(op.At)})
	}
	if at, ok := a.Allows(authn.EventResend); ok {
		if e.ResendAt = notBefore(at); at.IsZero() {
			e.ResendAt = e.Now
		}
	}
	return e
}

const timeForm = "2006-01-02T15:04:05.000Z"

// wireTime is for ends: cut to the millisecond, it is never too late.
func wireTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeForm)
}

// notBefore is for beginnings: rounded up, it is never too early.
func notBefore(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return wireTime(t.Add(time.Millisecond - 1))
}
