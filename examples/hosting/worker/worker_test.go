package worker_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/worker"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// front is a front end, with two workers behind its queue.
type front struct {
	t       *testing.T
	nc      *nats.Conn
	subject string
	svc     *authn.Service
	mail    *memsender.Sender
}

// connect connects to the server, or skips the test if there is none.
func connect(t *testing.T) *nats.Conn {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		if os.Getenv("AUTHN_TEST_SERVICES") == "required" {
			t.Fatal(err)
		}
		t.Skipf("start a NATS server on %s: %v", nats.DefaultURL, err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func open(t *testing.T) *front {
	nc := connect(t)
	svc, mail := try.Service(t, new(memstore.Store), nil)
	f := &front{t, nc, "authn.test." + nats.NewInbox(), svc, mail}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	for range 2 {
		go func() { done <- worker.Run(ctx, nc, f.subject, svc, func(err error) { t.Error(err) }) }()
	}
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return f
}

// ask sends a request, again until a worker is there, and wants that state.
func (f *front) ask(q worker.Request, state authn.State) (r worker.Reply) {
	f.t.Helper()
	b, err := json.Marshal(q)
	if err != nil {
		f.t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; {
		m, err := f.nc.Request(f.subject, b, time.Second)
		if err == nil {
			if err = json.Unmarshal(m.Data, &r); err != nil || r.State != state {
				f.t.Fatalf("%s: %s %v, want %s", q.ID, m.Data, err, state)
			}
			return r
		}
		if time.Now().After(end) {
			f.t.Fatal(err)
		}
	}
}

func TestSignIn(t *testing.T) {
	f := open(t)
	r := f.ask(worker.Request{ID: "1", User: "ada"}, authn.MFARequired)
	challenge := worker.Request{ID: "2", Token: r.Token, Event: "challenge", Factor: r.Factors[0].ID}
	f.ask(challenge, authn.MFAChallenge)

	// The queue delivers twice: the event is done once.
	f.ask(challenge, authn.MFAChallenge)
	if n := len(f.mail.All()); n != 1 {
		t.Errorf("%d mails", n)
	}
	wrong := worker.Request{ID: "3", Token: r.Token, Event: "verify", Code: try.Wrong(f.mail, try.Ada)}
	left := f.ask(wrong, authn.MFAChallenge).TriesLeft
	if again := f.ask(wrong, authn.MFAChallenge).TriesLeft; again != left {
		t.Errorf("a repetition cost a try: %d, then %d", left, again)
	}
	right := worker.Request{ID: "4", Token: r.Token, Event: "verify", Code: try.Code(f.mail, try.Ada)}
	first, second := f.ask(right, authn.Success), f.ask(right, authn.Success)
	if first.Session == "" || first.Session != second.Session {
		t.Error("a repetition gives the same session token")
	}
	if who, err := f.svc.Redeem(t.Context(), authn.SessionToken(first.Session)); err != nil || who.User != "ada" {
		t.Error(who, err)
	}
}

func TestRefusals(t *testing.T) {
	f := open(t)
	for want, q := range map[string]worker.Request{
		authn.ErrMalformed.Error(): {User: "ada"}, // no ID
		authn.ErrNoUser.Error():    {ID: "1", User: "nobody"},
		authn.ErrFinished.Error():  {ID: "2", Token: "stale", Event: "cancel"},
	} {
		if r := f.ask(q, ""); !strings.Contains(r.Refused, want) {
			t.Errorf("got %+v, want %s", r, want)
		}
	}
	r := f.ask(worker.Request{ID: "3", User: "ada"}, authn.MFARequired)
	r = f.ask(worker.Request{ID: "4", Token: r.Token, Event: "verify", Code: "123456"}, authn.MFARequired)
	if r.Allowed[0].Event != "challenge" || r.Token == "" {
		t.Errorf("a refusal is no place to go on from: %+v", r)
	}
}
