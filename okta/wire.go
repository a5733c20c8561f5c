package okta

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/authnfsm/authn"
)

// The bodies of answers, member for member as Okta's clients read them.
type (
	transaction struct {
		StateToken    string      `json:"stateToken,omitempty"`
		Type          string      `json:"type,omitempty"`
		ExpiresAt     string      `json:"expiresAt,omitempty"`
		Status        authn.State `json:"status,omitempty"`
		RelayState    string      `json:"relayState,omitempty"`
		FactorResult  string      `json:"factorResult,omitempty"`
		ChallengeType string      `json:"challengeType,omitempty"`
		FactorType    string      `json:"factorType,omitempty"`
		RecoveryToken string      `json:"recoveryToken,omitempty"`
		SessionToken  string      `json:"sessionToken,omitempty"`
		Recovery      string      `json:"recoveryType,omitempty"`
		Embedded      embedded    `json:"_embedded"`
		Links         links       `json:"_links,omitzero"`
		Authn         extensions  `json:"authn"`
	}
	embedded struct {
		User      user            `json:"user,omitzero"`
		Factors   []factor        `json:"factors,omitempty"`
		Kinds     []factorKind    `json:"factorTypes,omitempty"`
		Factor    factor          `json:"factor,omitzero"`
		Challenge json.RawMessage `json:"challenge,omitempty"`
		Policy    any             `json:"policy,omitempty"`
		Target    *target         `json:"target,omitempty"`
		Device    string          `json:"deviceActivationStatus,omitempty"`
	}
	user struct {
		ID      string   `json:"id"`
		Profile *Profile `json:"profile,omitempty"`

		Question *userQuestion `json:"recovery_question,omitempty"`
	}
	// policy says whether a device may be remembered.
	policy struct {
		Allow     bool     `json:"allowRememberDevice"`
		Minutes   int      `json:"rememberDeviceLifetimeInMinutes"`
		ByDefault bool     `json:"rememberDeviceByDefault"`
		Factors   struct{} `json:"factorsPolicyInfo"`
	}

	// extensions is what this package tells beyond Okta, in the member "authn".
	extensions struct {
		Allowed     []allowed      `json:"allowed"`
		Factors     []laterFactor  `json:"factors,omitempty"`
		TriesLeft   int            `json:"triesLeft,omitempty"` // at least 1 in a live transaction
		ResendAt    string         `json:"resendAt,omitempty"`
		CodeExpires string         `json:"codeExpiresAt,omitempty"`
		Generation  int            `json:"generation,omitempty"`
		Delivery    authn.Delivery `json:"delivery,omitempty"`
		Until       string         `json:"lockedUntil,omitempty"`
		Codes       []string       `json:"codes,omitempty"`
		CodesLeft   int            `json:"codesLeft,omitempty"`
		Pairing     string         `json:"pairing,omitempty"`
		Device      string         `json:"deviceToken,omitempty"`
		Password    string         `json:"passwordExpiresAt,omitempty"`
		Now         string         `json:"now,omitempty"`
	}
	allowed struct {
		Event authn.EventName `json:"event"`
		At    string          `json:"at,omitempty"`
	}
	laterFactor struct {
		ID string `json:"id"`
		At string `json:"at"`
	}
)

// A look is how Okta shows a state, as far as the answer itself does not tell.
type look struct {
	factorResult, challengeType string
	policy                      func(*exchange, *authn.Answer) any
	offers                      bool // factors to enroll
}

// looks has the states with a look of their own. Any other state shows what
// its answer holds.
var looks = map[authn.State]look{
	authn.MFAEnroll:       {offers: true},
	authn.MFARequired:     {policy: showRememberPolicy},
	authn.MFAChallenge:    {policy: showRememberPolicy, factorResult: "CHALLENGE", challengeType: "FACTOR"},
	authn.PasswordWarn:    {policy: showPasswordPolicy},
	authn.PasswordExpired: {policy: showPasswordPolicy},
	authn.PasswordReset:   {policy: showPasswordPolicy},
}

// answer describes what an event that was taken has led to.
func (x *exchange) answer(a *authn.Answer) (any, error) {
	switch c := outcomeCode(a); {
	case c != nil:
		return nil, x.codeFailure(c, a, x.formAt(a))
	case a.State == authn.Success && a.Session == "" && recoveryTypes[a.For] == "":
		return nil, fault(badToken, "") // a repeat, when the key of the session token is gone
	case a.State == authn.Success && a.Session != "":
		x.tie(a)
		x.keepDevice(a)
	case a.State == authn.Canceled:
		return &transaction{RelayState: x.in.relayState, Authn: extend(a)}, nil
	}
	return x.transaction(a), nil
}

// transaction is the body for a transaction that goes on, or has succeeded.
func (x *exchange) transaction(a *authn.Answer) any {
	l := looks[a.State]
	t := &transaction{
		StateToken: stateMark + string(a.Token), ExpiresAt: wireTime(a.Expires), Status: x.h.status(a.State), RelayState: x.in.relayState,
		FactorResult: l.factorResult, ChallengeType: l.challengeType, Authn: extend(a),
	}
	u := x.user(a.User)
	t.Embedded.User, t.Embedded.Device = u, x.activation
	if l.policy != nil {
		t.Embedded.Policy = l.policy(x, a)
	}
	_, optional := a.Allows(authn.EventSkip)
	optional = optional || len(a.Factors) > 1
	for _, f := range a.Factors {
		if l.offers {
			t.Embedded.Factors = append(t.Embedded.Factors, x.offerFactor(f, optional))
		} else {
			t.Embedded.Factors = append(t.Embedded.Factors, x.showFactor(f, u))
		}
	}
	t.Authn.CodesLeft, t.Authn.Pairing = a.Prompt.Left, string(a.Prompt.Pairing)
	for _, c := range a.Prompt.Codes {
		t.Authn.Codes = append(t.Authn.Codes, string(c))
	}
	if a.Factor.ID != "" {
		f := a.Factor
		f.Options = a.Prompt.Options
		t.Embedded.Factor = x.showFactor(f, u)
		x.embed(t, a)
	}
	if a.Session != "" {
		// A client that is given a state token here keeps it and believes
		// that there is something to resume.
		t.StateToken, t.SessionToken = "", sessionMark+string(a.Session)
		if x.trusted() {
			t.Authn.Device = string(a.Device)
		}
	}
	x.showRecovery(t, a)
	x.link(t, a)
	x.showStepUp(t, a)
	return x.withGate(t, a)
}

// lockedOut is what the right password gets on a locked account: where it can be unlocked,
// if it can, and no token.
func (x *exchange) lockedOut(r *authn.Refusal) *transaction {
	e := extensions{Allowed: []allowed{}, Until: notBefore(r.RetryAt), Now: wireTime(x.now(r.Answer))}
	t := &transaction{Status: authn.LockedOut, RelayState: x.in.relayState, Authn: e}
	if x.h.hasRecovery() && !r.RetryAt.IsZero() { // what the host has disabled stays so
		t.Links.Next = link{Name: "unlock", Href: x.base() + unlockPath, Hints: hints{[1]string{http.MethodPost}}}
	}
	return t
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
		Until: notBefore(a.Until), Password: wireTime(a.PasswordExpires), Now: wireTime(a.Now),
	}
	if _, ok := entry(a); ok || a.Factor.ID == "" {
		e.CodeExpires = wireTime(a.CodeExpires) // of a code that may still be entered, perhaps after another step
	}
	for _, op := range a.Allowed {
		e.Allowed = append(e.Allowed, allowed{op.Event, notBefore(op.At)})
	}
	for _, f := range a.Factors {
		if !f.At.IsZero() && !looks[a.State].offers { // those to enroll are shown without an id
			e.Factors = append(e.Factors, laterFactor{f.ID, notBefore(f.At)})
		}
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
