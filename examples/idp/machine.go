package main

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// machineView is what /machine shows of a visitor's sign-in.
type machineView struct {
	State   authn.State
	Picture template.HTML
	Answer  *authn.Answer // nil: there is nothing under way
	Allowed []allowedView
	Steps   []stepView
}

type allowedView struct {
	Event string
	At    time.Time
	Leads string
}

type stepView struct {
	step
	Since string // the sign-in began
	Why   string
}

func (p *provider) machinePage(w http.ResponseWriter, r *http.Request) {
	v, err := p.look(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.show(w, r, "machine", "Machine", v)
}

// look finds out where the visitor's sign-in stands. The service is asked; a
// transaction that it does not know any more ended as the trace tells.
func (p *provider) look(r *http.Request) (v machineView, err error) {
	tr := new(trace)
	if name := visitor(r.Context()); name != "" {
		if tr, err = p.tracer.of(r.Context(), name); err != nil {
			return v, err
		}
	}
	token := stateToken(r)
	a, err := p.svc.Status(r.Context(), token)
	switch {
	case err == nil:
		v.State, v.Answer = a.State, a
		v.Allowed = allowedOf(a)
	case errors.Is(err, authn.ErrFinished):
		v.State = tr.ended(token != "")
	default:
		return v, err
	}
	var rows []authn.Transition
	for _, s := range tr.Steps {
		row := rowOf(s)
		if row != nil && s.Refused == "" {
			rows = append(rows, *row)
		}
		sv := stepView{step: s, Since: since(s.At.Sub(tr.Steps[0].At))}
		if row != nil {
			sv.Why = row.Why
		}
		v.Steps = append(v.Steps, sv)
	}
	slices.Reverse(v.Steps)
	v.Picture, err = picture(v.State, rows)
	return v, err
}

var table = authn.Transitions()

// rowOf is the line of the table that a step has taken, or been refused by.
func rowOf(s step) *authn.Transition {
	from := s.From
	if s.Event == "primary" {
		from = authn.Unauthenticated
	}
	for i := range table {
		t := &table[i]
		if t.From == from && string(t.Event) == s.Event && strings.Join(t.When, ", ") == s.Guard && (t.Refuse != nil) == (s.Refused != "") {
			return t
		}
	}
	return nil
}

// allowedOf says what may come next, and where the table leads from here.
func allowedOf(a *authn.Answer) (list []allowedView) {
	for _, x := range a.Allowed {
		var to []string
		stays := false
		for _, t := range table {
			if t.From != a.State || t.Event != x.Event || t.Refuse != nil {
				continue
			}
			if s := string(t.To); t.To != t.From && !slices.Contains(to, s) {
				to = append(to, s)
			}
			stays = stays || t.To == t.From
		}
		if stays {
			to = append(to, "stays")
		}
		list = append(list, allowedView{string(x.Event), x.At, strings.Join(to, ", ")})
	}
	return list
}

func since(d time.Duration) string {
	s := int(d / time.Second)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
