// Package worker is a host behind a queue: any number of workers take what a
// front end puts on a subject of NATS, and answer there.
package worker

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/httphost"
)

// Request is a message of the front end: with User it begins a sign-in, else
// it carries an event for the one with Token.
type Request struct {
	ID    string `json:"id"`             // drawn for each request, and the same when it is sent again
	User  string `json:"user,omitempty"` // whose password the front end has checked
	Token string `json:"token,omitempty"`

	Event  string `json:"event,omitempty"`
	Factor string `json:"factor,omitempty"`
	Code   string `json:"code,omitempty"`
}

// Reply is what comes back. With Fault there was no verdict: the front end
// sends the same request again.
type Reply struct {
	httphost.View
	Token   string `json:"token,omitempty"`
	Session string `json:"session,omitempty"` // for whoever makes the session: Service.Redeem
	Fault   string `json:"fault,omitempty"`
}

// worker is what answers requests.
type worker struct {
	svc     *authn.Service
	subject string
	begun   jetstream.KeyValue // which sign-in a request has begun, for all workers
	claimed time.Duration      // longer than any worker takes to begin one
}

// Run takes requests from subject until ctx ends, and tends the store. The
// server needs JetStream.
func Run(ctx context.Context, nc *nats.Conn, subject string, svc *authn.Service, report func(error)) error {
	begun, err := openBegun(ctx, nc)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	w := &worker{svc, subject, begun, 30 * time.Second}
	sub, err := nc.QueueSubscribe(subject, "workers", func(m *nats.Msg) {
		b, err := json.Marshal(w.answer(ctx, m.Data))
		if err == nil {
			err = m.Respond(b)
		}
		if err != nil {
			report(err)
		}
	})
	if err != nil {
		return err
	}
	if err := nc.Flush(); err != nil { // the server knows of us
		return err
	}
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return sub.Drain()
		case <-tick.C:
			if _, err := svc.Tend(ctx); err != nil {
				report(err)
			}
		}
	}
}

// answer is one request and its reply. Under its ID a request is done once,
// however often the queue or the front end repeats it.
func (w *worker) answer(ctx context.Context, data []byte) Reply {
	var q Request
	if err := json.Unmarshal(data, &q); err != nil || q.ID == "" {
		return Reply{View: httphost.View{Error: "malformed"}}
	}
	a, err := w.do(ctx, &q)
	v, fault := httphost.NewView(a, err)
	if fault != nil {
		return Reply{Fault: authn.ErrUnavailable.Error()}
	}
	r := Reply{View: v}
	if refusal := new(authn.Refusal); errors.As(err, &refusal) {
		a = refusal.Answer
	}
	if a != nil {
		r.Token, r.Session = string(a.Token), string(a.Session)
	}
	return r
}

func (w *worker) do(ctx context.Context, q *Request) (*authn.Answer, error) {
	if q.User != "" {
		return w.begin(ctx, q)
	}
	ev, err := authn.ParseEvent(q.Event, authn.Fields{Factor: q.Factor, Code: authn.Code(q.Code)})
	if err != nil {
		return nil, err
	}
	return w.svc.Do(ctx, authn.StateToken(q.Token), authn.WithKey(q.ID, ev))
}
