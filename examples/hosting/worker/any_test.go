package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/worker"
)

// Whatever front ends put on the queue, and whatever fails meanwhile.
func TestAnyHistory(t *testing.T) {
	nc := connect(t)
	authntest.Run(t, func(t testing.TB, p authntest.Ports) authntest.Host {
		svc, err := authn.New(p.Config())
		if err != nil {
			t.Fatal(err)
		}
		q := &queue{nc: nc, subject: "authn.test." + nats.NewInbox(), svc: svc}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		for range 2 {
			go func() { done <- worker.Run(ctx, nc, q.subject, svc, q.report) }()
		}
		t.Cleanup(func() {
			stop()
			for range 2 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
		return q
	})
}

// queue is a front end: it makes the sessions.
type queue struct {
	nc      *nats.Conn
	subject string
	svc     *authn.Service
	users   []string // of sessions

	mu       sync.Mutex
	reported string
}

func (q *queue) report(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reported += err.Error() + "\n"
}

// Dialect: each request has an ID, which is its idempotency key. With two
// workers and one queue a request may wait for another.
func (q *queue) Dialect() authntest.Dialect { return authntest.Dialect{Keys: true, Serial: true} }

func (q *queue) Start(user string) authntest.Seen { return q.ask(worker.Request{User: user}) }

func (q *queue) Do(token string, r authntest.Request) authntest.Seen {
	return q.ask(worker.Request{ID: r.Key, Token: token, Event: r.Event, Factor: r.Factor, Code: r.Code})
}

func (q *queue) Redeem(session string) authntest.Seen {
	a, err := q.svc.Redeem(context.Background(), authn.SessionToken(session))
	if err == nil {
		q.users = append(q.users, a.User)
	}
	return authntest.See(nil, err)
}

func (q *queue) Sessions() []string { return slices.Clone(q.users) }

// ask sends a request, again until a worker is there.
func (q *queue) ask(r worker.Request) authntest.Seen {
	if r.ID == "" {
		r.ID = nats.NewInbox() // drawn for each request
	}
	b, err := json.Marshal(r)
	if err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	var m *nats.Msg
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if m, err = q.nc.Request(q.subject, b, 5*time.Second); !errors.Is(err, nats.ErrNoResponders) {
			break
		}
	}
	var a worker.Reply
	if err == nil {
		err = json.Unmarshal(m.Data, &a)
	}
	if err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	s := try.Seen(a.View)
	s.Token, s.Session, s.Raw = a.Token, a.Session, string(m.Data)
	if a.Fault != "" {
		s.Class = authntest.Class(a.Fault)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s.Log, q.reported = q.reported, ""
	return s
}
