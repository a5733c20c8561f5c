// Package worker is a host behind a queue: any number of workers take what a
// front end puts on a subject of NATS, and answer there.
package worker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/view"
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
	view.View
	Token   string `json:"token,omitempty"`
	Session string `json:"session,omitempty"` // for whoever makes the session: Service.Redeem
	Fault   string `json:"fault,omitempty"`
}

// Run takes requests from subject until ctx ends, and tends the store.
func Run(ctx context.Context, nc *nats.Conn, subject string, svc *authn.Service, report func(error)) error {
	sub, err := nc.QueueSubscribe(subject, "workers", func(m *nats.Msg) {
		b, err := json.Marshal(answer(ctx, svc, m.Data))
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

// answer is one request and its reply. Under its ID an event is done once,
// however often the queue or the front end repeats it.
func answer(ctx context.Context, svc *authn.Service, data []byte) Reply {
	var q Request
	if err := json.Unmarshal(data, &q); err != nil || q.ID == "" {
		return Reply{View: view.View{Refused: authn.ErrMalformed.Error()}}
	}
	a, err := do(ctx, svc, &q)
	v, a, err := view.Of(a, err)
	if err != nil {
		return Reply{Fault: authn.ErrUnavailable.Error()}
	}
	r := Reply{View: v}
	if a != nil {
		r.Token, r.Session = string(a.Token), string(a.Session)
	}
	return r
}

func do(ctx context.Context, svc *authn.Service, q *Request) (*authn.Answer, error) {
	if q.User != "" {
		return svc.Begin(ctx, authn.Login{User: q.User})
	}
	ev, err := authn.ParseEvent(q.Event, q.Factor, authn.Code(q.Code))
	if err != nil {
		return nil, err
	}
	return svc.Do(ctx, authn.StateToken(q.Token), authn.WithKey(q.ID, ev))
}
