package okta

import (
	"net/url"
	"slices"
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
	factor struct {
		ID         string        `json:"id,omitempty"`
		Type       string        `json:"factorType"`
		Provider   string        `json:"provider"`
		Vendor     string        `json:"vendorName"`
		Status     string        `json:"status,omitempty"`
		Enrollment string        `json:"enrollment,omitempty"`
		Profile    factorProfile `json:"profile,omitzero"`
		Links      factorLinks   `json:"_links,omitzero"`
	}
	factorProfile struct {
		Email string `json:"email"`
	}
	factorLinks struct {
		Verify link `json:"verify,omitzero"`
		Enroll link `json:"enroll,omitzero"`
	}
	// policy says that no device is remembered.
	policy struct {
		Allow     bool     `json:"allowRememberDevice"`
		Minutes   int      `json:"rememberDeviceLifetimeInMinutes"`
		ByDefault bool     `json:"rememberDeviceByDefault"`
		Factors   struct{} `json:"factorsPolicyInfo"`
	}
	links struct {
		Next   link   `json:"next,omitzero"`
		Resend []link `json:"resend,omitempty"` // an array: Okta's clients index it
		Prev   link   `json:"prev,omitzero"`
		Skip   link   `json:"skip,omitzero"`
		Cancel link   `json:"cancel,omitzero"`
	}
	link struct {
		Name  string `json:"name,omitempty"`
		Href  string `json:"href"`
		Hints hints  `json:"hints"`
	}
	// hints has exactly one method: a client makes no function of a link
	// with none or two.
	hints struct {
		Allow [1]string `json:"allow"`
	}

	// extensions is what we say beyond Okta, in the member "authn".
	extensions struct {
		Allowed     []allowed      `json:"allowed"`
		TriesLeft   *int           `json:"triesLeft,omitempty"`
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

const providerName = "OKTA" // of every factor: Okta's widget shows no other

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
	h := x.h
	t := &transaction{
		StateToken: stateMark + string(a.Token), ExpiresAt: wireTime(a.Expires), Status: a.State, RelayState: x.in.relayState,
		Links: links{Cancel: postTo("", h.cfg.BaseURL+authnPath+"/cancel")},
		Authn: extend(a),
	}
	t.Embedded.User = x.user(a.User)
	switch a.State {
	case authn.MFARequired:
		t.Embedded.Policy = noRemembering
		for _, f := range a.Factors {
			w := shownFactor(f)
			w.Links = factorLinks{Verify: postTo("", h.factorHref(f.ID, "/verify"))}
			t.Embedded.Factors = append(t.Embedded.Factors, w)
		}
	case authn.MFAChallenge:
		t.FactorResult, t.ChallengeType = "CHALLENGE", "FACTOR"
		t.Embedded.Policy = noRemembering
		h.atHand(t, a, "verify", "/verify", "/verify/resend")
	case authn.MFAEnroll:
		h.toEnroll(t, a)
	case authn.MFAEnrollActivate:
		h.atHand(t, a, "activate", "/lifecycle/activate", "/lifecycle/resend")
	case authn.Success:
		// A client that is given a state token here keeps it and believes
		// that there is something to resume.
		t.StateToken, t.SessionToken = "", sessionMark+string(a.Session)
	}
	return t
}

// atHand adds the factor that a code was sent for, and where to go from here.
func (h *Handler) atHand(t *transaction, a *authn.Answer, next, op, resend string) {
	t.Embedded.Factor = shownFactor(a.Factor)
	t.Links.Next = postTo(next, h.factorHref(a.Factor.ID, op))
	t.Links.Prev = postTo("", h.cfg.BaseURL+authnPath+"/previous")
	// Published as long as a code may be asked for at all; when is in authn.
	if _, ok := a.Allows("resend"); ok {
		t.Links.Resend = []link{postTo(a.Factor.Type, h.factorHref(a.Factor.ID, resend))}
	}
}

// toEnroll adds what may be enrolled. Okta's widget offers its one button for
// a factor that is REQUIRED, and wants a skip link for one that is OPTIONAL.
func (h *Handler) toEnroll(t *transaction, a *authn.Answer) {
	_, optional := a.Allows("skip")
	if optional {
		t.Links.Skip = postTo("skip", h.cfg.BaseURL+authnPath+"/skip")
	}
	for _, f := range a.Factors {
		w := factor{Type: f.Type, Provider: providerName, Vendor: providerName, Status: f.Status.String(), Enrollment: "OPTIONAL"}
		if f.Required || !optional {
			w.Enrollment = "REQUIRED"
		}
		if f.Status == authn.NotSetUp {
			w.Links = factorLinks{Enroll: postTo("", h.cfg.BaseURL+authnPath+"/factors")}
		}
		t.Embedded.Factors = append(t.Embedded.Factors, w)
	}
}

// lockedOut is what the right password gets on a locked account.
func (x *exchange) lockedOut(r *authn.Refusal) *transaction {
	e := extensions{Allowed: []allowed{}, Until: notBefore(r.RetryAt), Now: wireTime(x.h.cfg.Now())}
	return &transaction{Status: authn.LockedOut, RelayState: x.in.relayState, Authn: e}
}

func shownFactor(f authn.Factor) factor {
	w := factor{ID: f.ID, Type: f.Type, Provider: providerName, Vendor: providerName}
	if f.Type == authn.Email {
		w.Profile = factorProfile{Email: f.Address} // masked by the machine
	}
	return w
}

func (x *exchange) user(id string) user {
	u := user{ID: id, Profile: x.profile}
	if u.Profile == nil && id != "" && x.h.cfg.Profile != nil {
		u.Profile, _ = x.h.cfg.Profile(x.r.Context(), id) // decoration: its failure fails nothing
	}
	return u
}

func postTo(name, href string) link {
	return link{Name: name, Href: href, Hints: hints{[1]string{"POST"}}}
}

func (h *Handler) factorHref(id, op string) string {
	return h.cfg.BaseURL + factorsPath + url.PathEscape(id) + op
}

// extend makes the member "authn".
func extend(a *authn.Answer) (e extensions) {
	e = extensions{
		Allowed: make([]allowed, 0, len(a.Allowed)), Generation: a.Generation, Delivery: a.Delivery,
		CodeExpires: wireTime(a.CodeExpires), Until: notBefore(a.Until), Now: wireTime(a.Now),
	}
	for _, x := range a.Allowed {
		e.Allowed = append(e.Allowed, allowed{x.Event, notBefore(x.At)})
		if x.Event == "resend" {
			e.ResendAt = notBefore(x.At)
			if x.At.IsZero() {
				e.ResendAt = e.Now
			}
		}
	}
	switch a.State {
	case authn.MFAEnroll, authn.MFAEnrollActivate, authn.MFARequired, authn.MFAChallenge:
		e.TriesLeft = &a.TriesLeft
	}
	return e
}

// operations describes what is allowed, as causes of an error; only those
// named, if any are.
func (h *Handler) operations(a *authn.Answer, only ...authn.EventName) (cs []cause) {
	if a == nil {
		return nil
	}
	for _, op := range a.Allowed {
		if len(only) > 0 && !slices.Contains(only, op.Event) {
			continue
		}
		for _, href := range h.hrefs(a, op.Event) {
			c := cause{Event: op.Event, Href: href, At: notBefore(op.At)}
			when := "now"
			if c.At != "" {
				when = "from " + c.At + " on"
			}
			c.Summary = string(op.Event) + " is allowed " + when + ": POST " + href + advice[op.Event]
			cs = append(cs, c)
		}
	}
	return cs
}

// advice says what goes with a request besides the state token.
var advice = map[authn.EventName]string{
	"enroll":    " with factorType and provider",
	"activate":  " with the passCode",
	"challenge": " without a passCode: one is sent",
	"verify":    " with the passCode",
	"redeem":    " with the sessionToken",
}

// hrefs says where an event goes.
func (h *Handler) hrefs(a *authn.Answer, event authn.EventName) []string {
	base, id := h.cfg.BaseURL, a.Factor.ID
	switch event {
	case "challenge":
		var list []string
		for _, f := range a.Factors {
			list = append(list, h.factorHref(f.ID, "/verify"))
		}
		return list
	case "enroll":
		return []string{base + authnPath + "/factors"}
	case "activate":
		return []string{h.factorHref(id, "/lifecycle/activate")}
	case "verify":
		return []string{h.factorHref(id, "/verify")}
	case "resend":
		if a.State == authn.MFAEnrollActivate {
			return []string{h.factorHref(id, "/lifecycle/resend")}
		}
		return []string{h.factorHref(id, "/verify/resend")}
	case "redeem":
		return []string{base + sessionsPath}
	}
	return []string{base + authnPath + "/" + string(event)}
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
