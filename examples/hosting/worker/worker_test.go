package worker_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/examples/hosting/worker"
	"github.com/authnfsm/authn/internal/servers"
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
	users   *people.Directory
}

// connect connects to the server for tests, or skips the test if there is none.
func connect(t *testing.T) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(servers.Named(t, servers.NATS))
	if err != nil {
		servers.Missing(t, "the server for tests does not answer, or has no JetStream: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func open(t *testing.T) *front { return openWith(t, nil) }

func openWith(t *testing.T, audit authn.Auditor) *front {
	nc := connect(t)
	users, mail := new(people.Directory), new(memsender.Sender)
	users.Add("ada", try.Ada, true)
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: try.Key()}}, PseudonymKey: try.Key(),
		Store: new(memstore.Store), Mailer: mail, Directory: users, Auditor: audit,
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t, nc, "authn.test." + nats.NewInbox(), svc, mail, users}
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

// begins counts the sign-ins that were begun.
type begins struct{ n atomic.Int64 }

func (b *begins) Audit(_ context.Context, e authn.AuditEvent) error {
	if e.Event == authn.EventPrimary {
		b.n.Add(1)
	}
	return nil
}

// A request that begins a sign-in is done once, however often it comes and
// whichever worker has it: no further sign-in takes the place of one in use.
func TestBeginOnce(t *testing.T) {
	n := new(begins)
	f := openWith(t, n)
	q := worker.Request{ID: "1", User: "ada"}
	first := f.ask(q, authn.MFARequired)
	for range 5 {
		if again := f.ask(q, authn.MFARequired); again.Token != first.Token {
			t.Error("a repetition began another sign-in")
		}
	}
	f.ask(worker.Request{ID: "2", Token: first.Token, Event: "challenge", Factor: "mail"}, authn.MFAChallenge)
	if again := f.ask(q, authn.MFAChallenge); again.Token != first.Token {
		t.Error("a late repetition is not answered from where the sign-in stands")
	}
	if r := f.ask(worker.Request{ID: "1", User: "grace"}, ""); r.Error != "key_reused" {
		t.Errorf("the same ID for another user: %+v", r)
	}
	if got := n.n.Load(); got != 1 {
		t.Errorf("%d sign-ins were begun", got)
	}

	// Both workers at once.
	b, err := json.Marshal(worker.Request{ID: "3", User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	replies := make(chan worker.Reply)
	for range 8 {
		go func() {
			var r worker.Reply
			if m, err := f.nc.Request(f.subject, b, 10*time.Second); err != nil || json.Unmarshal(m.Data, &r) != nil {
				r.Fault = "no reply"
			}
			replies <- r
		}()
	}
	token := ""
	for range 8 {
		r := <-replies
		switch {
		case r.Fault == authn.ErrUnavailable.Error(): // sent again later
		case r.State != authn.MFARequired, token != "" && r.Token != token:
			t.Errorf("got %+v", r)
		default:
			token = r.Token
		}
	}
	if got := f.ask(worker.Request{ID: "3", User: "ada"}, authn.MFARequired).Token; got != token {
		t.Error("another sign-in")
	}
	if got := n.n.Load(); got != 2 {
		t.Errorf("%d sign-ins were begun", got)
	}
}

// What was refused was not begun: the same request may succeed later.
func TestBeginRefused(t *testing.T) {
	f := openWith(t, nil)
	q := worker.Request{ID: "1", User: "late"}
	for range 2 {
		if r := f.ask(q, ""); r.Error != "no_user" {
			t.Errorf("got %+v", r)
		}
	}
	f.users.Add("late", "late@example.com", true)
	f.ask(q, authn.MFARequired)
}

func TestRefusals(t *testing.T) {
	f := open(t)
	for want, q := range map[string]worker.Request{
		"malformed": {User: "ada"}, // no ID
		"no_user":   {ID: "1", User: "nobody"},
		"finished":  {ID: "2", Token: "stale", Event: "cancel"},
	} {
		if r := f.ask(q, ""); r.Error != want {
			t.Errorf("got %+v, want %s", r, want)
		}
	}
	r := f.ask(worker.Request{ID: "3", User: "ada"}, authn.MFARequired)
	r = f.ask(worker.Request{ID: "4", Token: r.Token, Event: "verify", Code: "123456"}, authn.MFARequired)
	if r.Allowed[0].Event != "challenge" || r.Token == "" {
		t.Errorf("a refusal is no place to go on from: %+v", r)
	}
}
