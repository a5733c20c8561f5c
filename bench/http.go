package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/okta"
	"golang.org/x/sync/errgroup"
)

const (
	httpBare  = "sign-in over HTTP, requests/s : a bare handler"
	httpApp   = "sign-in by an app over HTTP, requests/s : a bare handler"
	httpPolls = "polls of a phone over HTTP, requests/s : a bare handler"
)

const connections = 4

// A site is a handler on a loopback listener, and its clients.
type site struct {
	name   string
	server *httptest.Server
	shots  []shot
	conns  []io.Closer
	codes  func(user string) string
	users  int
	visit  visit
}

func newSite(name string, h http.Handler, v visit, codes func(string) string, clients int) (*site, error) {
	s := &site{name: name, server: httptest.NewServer(h), visit: v, codes: codes}
	for range clients {
		do, c, err := dial(s.server.Listener.Addr().String())
		if err != nil {
			s.close()
			return nil, err
		}
		s.shots, s.conns = append(s.shots, do), append(s.conns, c)
	}
	return s, nil
}

func (s *site) close() {
	for _, c := range s.conns {
		c.Close()
	}
	s.server.Close()
}

// requests returns a contestant that makes n requests, on all connections at
// once.
func (s *site) requests() contestant {
	unit := len(s.shots) * s.visit.requests
	return contestant{name: s.name, unit: unit, run: func(n int) error {
		each := n / unit
		var g errgroup.Group
		for i, do := range s.shots {
			first := s.users + i*each
			g.Go(func() error {
				for j := range each {
					if err := s.visit.make(do, "user"+strconv.Itoa(first+j), s.codes); err != nil {
						return err
					}
				}
				return nil
			})
		}
		s.users += len(s.shots) * each
		return g.Wait()
	}}
}

// overHTTP compares the handler with one that reads and writes the same JSON.
func overHTTP(p *plan) (*section, error) {
	sec := &section{title: "Over HTTP", text: httpText}
	h := newHost()
	app, err := newHolders(h, authn.TOTP)
	if err != nil {
		return nil, err
	}
	phone, err := newHolders(h, push.Name)
	if err != nil {
		return nil, err
	}
	for _, x := range []struct {
		name, what string
		dir        authn.Directory
		visit      visit
		codes      func(string) string
	}{
		{httpBare, "a request of a sign-in by e-mail", h, byMail, func(user string) string { return string(h.code(user)) }},
		{httpApp, "a request of a sign-in by an app", app, byApp, func(string) string { return string(appCode()) }},
		{httpPolls, "a poll of a phone", phone, polls, func(string) string { return "" }},
	} {
		ours, laps, err := p.servedHTTP(h, x.dir, x.visit, x.codes)
		if err != nil {
			return nil, err
		}
		t := table{caption: x.what, head: []string{"", "requests/s", "spread", "time", "CPU time, both ends", "bytes", "allocations"}}
		for _, l := range laps {
			rate := spreadOf(rates(l.of(wall)))
			t.add(l.name, fmt.Sprintf("%.0f", rate.mid), percent(rate), nanos(spreadOf(l.of(wall)).mid), nanos(spreadOf(l.of(cpu)).mid),
				fmt.Sprintf("%.0f", spreadOf(l.of(size)).mid), fmt.Sprint(round(spreadOf(l.of(allocs)).mid)))
		}
		sec.tables = append(sec.tables, t)
		sec.find(x.name, paired(laps[1].of(wall), laps[0].of(wall)), &ours)
	}
	return sec, nil
}

// servedHTTP lets the clients of a handler and those of a bare one make visits in turn.
func (p *plan) servedHTTP(h *host, dir authn.Directory, v visit, codes func(string) string) (ours contestant, laps []series, err error) {
	svc, err := authn.New(authn.Config{
		Tenant: tenant, Keys: keys(), PseudonymKey: pseudonymKey, Store: new(memstore.Store), Mailer: h, Directory: dir, Now: h.clock,
		Types: []authn.FactorType{push}, Senders: map[string]authn.Sender{push.Channel: h},
		Policy: authn.Policy{SessionLife: okta.SessionLife},
	})
	if err != nil {
		return ours, nil, err
	}
	handler, err := okta.New(okta.Config{
		Service: svc, Passwords: h, Sessions: h, BaseURL: "https://id.example.com",
		Types: map[string]okta.FactorType{push.Name: {Type: "push"}},
	})
	if err != nil {
		return ours, nil, err
	}
	plain, err := record(handler, v, codes)
	if err != nil {
		return ours, nil, err
	}
	real, err := newSite("okta, on authn.Service", handler, v, codes, connections)
	if err != nil {
		return ours, nil, err
	}
	p.later(real.close)
	moved, err := newSite("a bare handler, same JSON", plain, v, func(string) string { return plainCode }, connections)
	if err != nil {
		return ours, nil, err
	}
	p.later(moved.close)
	ours = real.requests()
	laps, err = race([]contestant{ours, moved.requests()}, p.laps, 5*p.lap)
	return ours, laps, err
}

// holders is a host whose users have one factor each, which is no address: an app or a
// phone.
type holders struct {
	*host
	kind string
	seal *authn.Service
	kept sync.Map // authn.Factor, by user
}

func newHolders(h *host, kind string) (*holders, error) {
	svc, err := h.service(new(memstore.Store))
	return &holders{host: h, kind: kind, seal: svc}, err
}

// Factors implements [authn.Directory].
func (h *holders) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	f, ok := h.kept.Load(user)
	if !ok {
		own := authn.Factor{ID: "emf1", Type: h.kind, Status: authn.Active}
		if h.kind == authn.TOTP {
			var err error
			if own, err = h.seal.Import(user, own, appURI); err != nil {
				return nil, err
			}
		}
		f, _ = h.kept.LoadOrStore(user, own)
	}
	return []authn.Factor{f.(authn.Factor)}, nil
}

// rates converts nanoseconds for one operation into operations per second.
func rates(ns []float64) []float64 {
	rs := make([]float64, len(ns))
	for i, x := range ns {
		rs[i] = 1e9 / x
	}
	return rs
}

const httpText = `Complete sign-ins (password, challenge if a code is sent, a wrong code, the right code, session), and a password and a challenge with 98 polls of a
phone that does not answer, alternately against the okta handler and a bare handler, over loopback connections of a minimal client. The bare handler decodes
the same requests and encodes the same responses with encoding/json, and does nothing else.`
