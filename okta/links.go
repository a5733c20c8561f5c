package okta

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/authnfsm/authn"
)

type (
	links struct {
		Next   link `json:"next,omitzero"`
		Resend any  `json:"resend,omitempty"` // an array, which Okta's clients index, and in RECOVERY_CHALLENGE one link
		Prev   link `json:"prev,omitzero"`
		Skip   link `json:"skip,omitzero"`
		Cancel link `json:"cancel,omitzero"`
	}
	factorLinks struct {
		Verify    link `json:"verify,omitzero"`
		Enroll    link `json:"enroll,omitzero"`
		Questions link `json:"questions,omitzero"`
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
)

// A way is an operation and the endpoint that it is reached at. A Handler has
// the ways of the whole table, since the table leads to the functions that
// answer, and these must not lead back to it.
type way struct {
	*endpoint
	*operation
}

// ways lists the operations that answers and errors may name.
func ways(all []endpoint) (list []way) {
	for i := range all {
		e := &all[i]
		for j := range e.does {
			if o := &e.does[j]; o.event != "" && o.link != nowhere {
				list = append(list, way{e, o})
			}
		}
	}
	return list
}

// link adds the links of what may come next. The way forward, which is next or
// a link of each factor, stands as long as the state lasts, and cancel stands
// in every answer: Okta's clients expect them. Any other link stands only while
// its operation is allowed, now or later, since Okta's widget shows a button
// for it; the member "authn" tells when.
func (x *exchange) link(t *transaction, a *authn.Answer) {
	for _, w := range x.h.ways {
		if !x.h.has(w.operation, a.State) {
			continue
		}
		_, allowed := a.Allows(w.event)
		switch {
		case w.link == nextLink:
			t.Links.Next = x.forward(t, a, w)
		case w.link == enrollLink || w.link == verifyLink:
			x.linkFactors(t, a, w)
		case w.link == cancelLink && a.State == authn.Success && !allowed: // nothing is left to cancel
		case w.link == cancelLink:
			t.Links.Cancel = x.to(w, "", "")
		case !allowed:
		case w.link == resendLink && a.State == authn.RecoveryChallenge:
			t.Links.Resend = x.to(w, t.FactorType, t.FactorType)
		case w.link == resendLink:
			t.Links.Resend = []link{x.to(w, t.Embedded.Factor.Type, a.Factor.ID)}
		case w.link == prevLink:
			t.Links.Prev = x.to(w, "", "")
		case w.link == skipLink:
			t.Links.Skip = x.to(w, string(w.event), "")
		}
	}
}

// forward is the link next. Where another device answers, it is to ask again, and
// once there is nothing to wait for, to begin again: a request that asks never
// does that.
func (x *exchange) forward(t *transaction, a *authn.Answer, w way) link {
	of := a.Factor.ID
	switch w.in {
	case anyGate:
		of = string(a.State)
	case authn.RecoveryChallenge:
		of = t.FactorType
	}
	next := x.to(w, cmp.Or(w.name, string(w.event)), of)
	switch {
	case !x.h.types.form(a.Factor).polls:
	case t.FactorResult == waiting:
		if next.Name = "poll"; w.event == authn.EventActivate {
			next.Href += pollSuffix
		}
	case w.event == authn.EventVerify:
		next.Href += resendSuffix
	}
	return next
}

// linkFactors adds a link to each factor that the operation may choose, and to all
// of a type if one challenge is for all of them.
func (x *exchange) linkFactors(t *transaction, a *authn.Answer, w way) {
	several := map[string]int{}
	for i, f := range a.Factors {
		shown := &t.Embedded.Factors[i]
		switch {
		case w.link == verifyLink:
			shown.Links.Verify = x.to(w, "", f.ID)
			if several[shown.Type]++; several[shown.Type] == 2 && formOf(shown.Type).anyOf {
				k := factorKind{Type: shown.Type}
				k.Links.Next = x.to(w, string(authn.EventVerify), shown.Type)
				t.Embedded.Kinds = append(t.Embedded.Kinds, k)
			}
		case f.Status == authn.NotSetUp:
			shown.Links.Enroll = x.to(w, "", f.ID)
			if shown.Type == questionType && x.h.hasQuestions() {
				shown.Links.Questions = link{Href: x.base() + questionsPath, Hints: hints{[1]string{http.MethodGet}}}
			}
		}
	}
}

func (x *exchange) to(w way, name, id string) link {
	return link{Name: name, Href: x.href(w.endpoint, id), Hints: hints{[1]string{w.method}}}
}

// alternatives describes what is allowed, as causes of an error: all of it, or
// only one event if that is named.
func (x *exchange) alternatives(a *authn.Answer, only authn.EventName) (list []cause) {
	if a == nil {
		return nil
	}
	for _, op := range a.Allowed {
		w, ok := x.h.wayOf(a.State, op.Event)
		if !ok || only != "" && only != op.Event {
			continue
		}
		when := "now"
		at := notBefore(op.At)
		if at != "" {
			when = "from " + at + " on"
		}
		for _, f := range x.choices(a, w) {
			href := x.href(w.endpoint, f.ID)
			summary := string(op.Event) + " is allowed " + when + ": " + w.method + " " + href
			if with := x.with(w, f); with != "" {
				summary += " " + with
			}
			list = append(list, cause{Summary: summary, Event: op.Event, Href: href, At: at})
		}
	}
	return list
}

// wayOf returns the way to an event in a state.
func (h *Handler) wayOf(state authn.State, event authn.EventName) (way, bool) {
	for _, w := range h.ways {
		if w.event == event && h.has(w.operation, state) {
			return w, true
		}
	}
	return way{}, false
}

// choices are the factors that the way leads to: the one at hand, or each one that
// may be chosen, or proved at once. Of a way that names none there is one, the zero.
// A way to a gate has the gate in the place of a factor.
func (x *exchange) choices(a *authn.Answer, w way) (list []authn.Factor) {
	switch {
	case w.in == anyGate:
		return []authn.Factor{{ID: string(a.State)}}
	case !w.hasID(), a.Factor.ID != "":
		return []authn.Factor{a.Factor}
	}
	for _, f := range a.Factors {
		switch of := x.h.types.form(f); {
		case w.event == authn.EventVerify && !of.direct, w.event == authn.EventChallenge && of.owned():
		default:
			list = append(list, f)
		}
	}
	return list
}

// with says what a request brings besides the state token.
func (x *exchange) with(w way, f authn.Factor) string {
	if own := x.h.types.form(f).with; own != "" && isEntry(w.event) {
		return own
	}
	return w.with
}

// href is the endpoint's address for a factor; the id counts only where the
// path has one.
func (x *exchange) href(e *endpoint, id string) string {
	before, after, hasID := strings.Cut(e.path, "{id}")
	if !hasID {
		return x.base() + e.path
	}
	return x.base() + before + url.PathEscape(id) + after
}

// base is what links begin with. The Host header selects it from the list, and
// is never used itself.
func (x *exchange) base() string {
	if x.h.cfg.BaseURL != "" || len(x.h.bases) == 0 {
		return x.h.cfg.BaseURL
	}
	return x.h.bases[strings.ToLower(x.r.Host)]
}
