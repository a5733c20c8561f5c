package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/okta"
	"golang.org/x/sync/errgroup"
)

const httpBare = "sign-in over HTTP, requests/s : a bare handler"

const connections = 4

// A site is a handler on a loopback listener, and its clients.
type site struct {
	name   string
	server *httptest.Server
	shots  []shot
	conns  []io.Closer
	codes  func(user string) string
	users  int
}

func newSite(name string, h http.Handler, codes func(string) string) (*site, error) {
	s := &site{name: name, server: httptest.NewServer(h), codes: codes}
	for range connections {
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
	return contestant{name: s.name, unit: connections * requestsPerSignIn, run: func(n int) error {
		each := n / (connections * requestsPerSignIn)
		var g errgroup.Group
		for i, do := range s.shots {
			first := s.users + i*each
			g.Go(func() error {
				for j := range each {
					if err := exchange(do, "user"+strconv.Itoa(first+j), s.codes); err != nil {
						return err
					}
				}
				return nil
			})
		}
		s.users += connections * each
		return g.Wait()
	}}
}

// overHTTP compares the handler with one that reads and writes the same JSON.
func overHTTP(p *plan) (*section, error) {
	sec := &section{title: "Over HTTP", text: httpText}
	h := newHost()
	svc, err := h.service(new(memstore.Store))
	if err != nil {
		return nil, err
	}
	handler, err := okta.New(okta.Config{Service: svc, Passwords: h, Sessions: h, BaseURL: "https://id.example.com"})
	if err != nil {
		return nil, err
	}
	mailed := func(user string) string { return string(h.code(user)) }
	plain, err := record(handler, mailed)
	if err != nil {
		return nil, err
	}
	real, err := newSite("okta, on authn.Service", handler, mailed)
	if err != nil {
		return nil, err
	}
	p.later(real.close)
	moved, err := newSite("a bare handler, same JSON", plain, func(string) string { return plainCode })
	if err != nil {
		return nil, err
	}
	p.later(moved.close)
	ours, theirs := real.requests(), moved.requests()
	laps, err := race([]contestant{ours, theirs}, p.laps, 5*p.lap)
	if err != nil {
		return nil, err
	}
	t := table{caption: "a request", head: []string{"", "requests/s", "spread", "time", "CPU time, both ends", "bytes", "allocations"}}
	for _, l := range laps {
		rate := spreadOf(rates(l.of(wall)))
		t.add(l.name, fmt.Sprintf("%.0f", rate.mid), percent(rate), nanos(spreadOf(l.of(wall)).mid), nanos(spreadOf(l.of(cpu)).mid),
			fmt.Sprintf("%.0f", spreadOf(l.of(size)).mid), fmt.Sprint(round(spreadOf(l.of(allocs)).mid)))
	}
	sec.tables = append(sec.tables, t)
	sec.find(httpBare, paired(laps[1].of(wall), laps[0].of(wall)), &ours)
	return sec, nil
}

// rates converts nanoseconds for one operation into operations per second.
func rates(ns []float64) []float64 {
	rs := make([]float64, len(ns))
	for i, x := range ns {
		rs[i] = 1e9 / x
	}
	return rs
}

const httpText = `Complete sign-ins of five requests (password, challenge, a wrong code, the right code, session), alternately against the okta handler and a bare
handler, over loopback connections of a minimal client. The bare handler decodes the same requests and encodes the same responses with encoding/json,
and does nothing else.`
