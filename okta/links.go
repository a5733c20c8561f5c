package okta

import "github.com/authnfsm/authn"

type (
	links struct {
		Next   link   `json:"next,omitzero"`
		Resend []link `json:"resend,omitempty"` // an array: Okta's clients index it
		Prev   link   `json:"prev,omitzero"`
		Skip   link   `json:"skip,omitzero"`
		Cancel link   `json:"cancel,omitzero"`
	}
	factorLinks struct {
		Verify link `json:"verify,omitzero"`
		Enroll link `json:"enroll,omitzero"`
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
func (h *Handler) link(t *transaction, a *authn.Answer) {
	for _, w := range h.ways {
		if w.in != "" && w.in != a.State {
			continue
		}
		_, allowed := a.Allows(w.event)
		switch {
		case w.link == nextLink:
			t.Links.Next = h.to(w, string(w.event), a.Factor.ID)
		case w.link == enrollLink || w.link == verifyLink:
			h.linkFactors(t, a, w)
		case w.link == cancelLink:
			t.Links.Cancel = h.to(w, "", "")
		case !allowed:
		case w.link == resendLink:
			t.Links.Resend = []link{h.to(w, a.Factor.Type, a.Factor.ID)}
		case w.link == prevLink:
			t.Links.Prev = h.to(w, "", "")
		case w.link == skipLink:
			t.Links.Skip = h.to(w, string(w.event), "")
		}
	}
}

// linkFactors adds a link to each factor that the operation may choose.
func (h *Handler) linkFactors(t *transaction, a *authn.Answer, w way) {
	for i, f := range a.Factors {
		shown := &t.Embedded.Factors[i]
		switch {
		case w.link == verifyLink:
			shown.Links.Verify = h.to(w, "", f.ID)
		case f.Status == authn.NotSetUp:
			shown.Links.Enroll = h.to(w, "", f.ID)
		}
	}
}

func (h *Handler) to(w way, name, id string) link {
	return link{Name: name, Href: h.href(w.endpoint, id), Hints: hints{[1]string{w.method}}}
}

// alternatives describes what is allowed, as causes of an error: all of it, or
// only one event if that is named.
func (h *Handler) alternatives(a *authn.Answer, only authn.EventName) (list []cause) {
	if a == nil {
		return nil
	}
	for _, op := range a.Allowed {
		w, ok := h.wayOf(a.State, op.Event)
		if !ok || only != "" && only != op.Event {
			continue
		}
		when := "now"
		at := notBefore(op.At)
		if at != "" {
			when = "from " + at + " on"
		}
		for _, href := range h.hrefs(a, w) {
			summary := string(op.Event) + " is allowed " + when + ": " + w.method + " " + href
			if w.with != "" {
				summary += " " + w.with
			}
			list = append(list, cause{Summary: summary, Event: op.Event, Href: href, At: at})
		}
	}
	return list
}

// wayOf returns the way to an event in a state.
func (h *Handler) wayOf(state authn.State, event authn.EventName) (way, bool) {
	for _, w := range h.ways {
		if w.event == event && (w.in == "" || w.in == state) {
			return w, true
		}
	}
	return way{}, false
}

// hrefs returns where the way leads: to the factor at hand, or to each one
// that may be chosen.
func (h *Handler) hrefs(a *authn.Answer, w way) (list []string) {
	if !w.hasID() || a.Factor.ID != "" {
		return []string{h.href(w.endpoint, a.Factor.ID)}
	}
	for _, f := range a.Factors {
		list = append(list, h.href(w.endpoint, f.ID))
	}
	return list
}
