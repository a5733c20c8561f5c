package authntest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// What users hold to prove factors to which nothing is sent, and what their Directory
// keeps of these.

// held is what proves one factor, and what the Directory has of it.
type held struct {
	id    string
	app   app
	codes []authn.Code // of a list
	step  int64        // of the app: the last that was used; 0 is none
	spent uint16       // of the list: a bit for each code that was used

	data, before    []byte // as the Directory took them last, and before that
	revision, older uint32
	taken           time.Time // when; zero: not on this path
}

// holds finds what proves a factor; nil if the user has nothing.
func (s *spot) holds(id string) *held {
	for i := range s.held {
		if s.held[i].id == id {
			return &s.held[i]
		}
	}
	return nil
}

// hold is holds, and makes room.
func (s *spot) hold(id string) *held {
	if h := s.holds(id); h != nil {
		return h
	}
	s.held = append(s.held, held{id: id})
	return &s.held[len(s.held)-1]
}

// takes has the Directory keep a factor, unless it has a newer one.
func (s *spot) takes(f *authn.Factor) {
	h := s.hold(f.ID)
	if len(f.Data) == 0 || f.Revision <= h.revision {
		return
	}
	h.before, h.older = h.data, h.revision
	h.data, h.revision, h.taken = f.Data, f.Revision, s.now
}

// unused is the first code of the list that was not used, and used is the last that
// was; "" is none.
func (h *held) unused() authn.Code {
	for i, c := range h.codes {
		if h.spent&(1<<i) == 0 {
			return c
		}
	}
	return ""
}

func (h *held) used() (code authn.Code) {
	for i, c := range h.codes {
		if h.spent&(1<<i) != 0 {
			code = c
		}
	}
	return code
}

// place is where the list has a code, or -1.
func (h *held) place(code authn.Code) int {
	return slices.IndexFunc(h.codes, func(c authn.Code) bool { return bareCode(c) == bareCode(code) })
}

// bareCode is a code without what does not count.
func bareCode(c authn.Code) string { return strings.ToUpper(strings.ReplaceAll(string(c), "-", "")) }

// list is what the Directory says with a Listing: of factors with Data, what it keeps.
func (o *Options) list(l *Listing, s *spot) []authn.Factor {
	fs := l.Factors
	for i := range l.Factors {
		k := o.kind(l.Factors[i].Type)
		if k == byMessage || k == byDevice {
			continue
		}
		if len(fs) > 0 && &fs[0] == &l.Factors[0] {
			fs = slices.Clone(fs)
		}
		f, h := &fs[i], s.holds(l.Factors[i].ID)
		if h == nil {
			h = new(held)
		}
		f.Data, f.Revision = h.data, h.revision
		if s.isStale(l, h) {
			f.Data, f.Revision = h.before, h.older
		}
		if f.Status == authn.Active && f.Data == nil && k != byResponse {
			f.Status = authn.NotSetUp
		}
		if f.Status == authn.NotSetUp {
			f.Data = nil
		}
	}
	return fs
}

// isStale says that the Listing has a factor as it was before what the Directory took
// in the last day.
func (s *spot) isStale(l *Listing, h *held) bool {
	return l.Stale && h.before != nil && s.now.Before(h.taken.Add(oneDay))
}

// disbelieves says that a Listing is stale for a factor that it has as active, of which
// nothing newer is owed.
func (s *spot) disbelieves(l *Listing) bool {
	return slices.ContainsFunc(l.Factors, func(f authn.Factor) bool {
		h := s.holds(f.ID)
		owed := slices.ContainsFunc(s.handed, func(o authn.Factor) bool { return o.ID == f.ID })
		return h != nil && f.Status == authn.Active && s.isStale(l, h) && !owed
	})
}

// enrolled are the factors that users have from the start.
func (o *Options) enrolled() (fs []authn.Factor) {
	for _, f := range o.Listings[0].Factors {
		if k := o.kind(f.Type); f.Status == authn.Active && (k == byApp || k == byList) {
			fs = append(fs, f)
		}
	}
	return fs
}

// endow gives a user what the first Listing has as active.
func (x *explorer) endow(s *spot) error {
	for _, f := range x.enrolled() {
		var h held
		var err error
		if uri := x.Apps[f.ID]; uri != "" && f.Data != nil {
			h = held{id: f.ID, data: f.Data, revision: f.Revision}
			h.app, err = readApp(uri)
		} else {
			h, err = x.enroll(s.user, f)
		}
		if err != nil {
			return fmt.Errorf("authntest: the factor %q of %s cannot be enrolled before: %w", f.ID, s.user, err)
		}
		s.held = append(s.held, h)
	}
	return nil
}

// enroll has the machine enroll a factor on an account that is thrown away.
func (x *explorer) enroll(user string, f authn.Factor) (h held, err error) {
	f.Status, f.Data, f.Required = authn.NotSetUp, nil, false
	env := authn.Env{Now: start.Add(-oneDay), Factors: []authn.Factor{f}, Entropy: entropy(-2, len(x.spots)), Needed: x.needed(new(Listing))}
	secret := authn.TokenSecret(env.Entropy[16:48])
	var a authn.Account
	var r authn.Result
	do := func(ev authn.Event) {
		if err == nil {
			err = x.p.Step(&a, secret, ev, env, &r)
			a = r.Account
		}
	}
	err = x.p.Begin(&a, authn.Login{User: user}, env, &r)
	a = r.Account
	do(authn.Enroll{Type: f.Type})
	if err != nil {
		return h, err
	}
	ans, err := x.p.Status(&a, secret, env)
	if err != nil {
		return h, err
	}
	h = held{id: f.ID, codes: ans.Prompt.Codes}
	code := h.unused()
	if h.app, err = readApp(ans.Prompt.URI); err == nil {
		code = h.app.code(h.app.at(env.Now))
	}
	err = nil
	do(authn.Activate{Code: code})
	for _, e := range x.p.Effects(&r) {
		if e.Name != handOver || err != nil {
			continue
		}
		var job authn.Job
		if job, err = x.p.Job(&a, "", e, env.Factors, env.Now); err == nil {
			h.data, h.revision = job.Activated.Data, job.Activated.Revision
		}
	}
	return h, err
}
