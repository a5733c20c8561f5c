package grpchost_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/examples/hosting/grpchost"
	pb "github.com/authnfsm/authn/examples/hosting/signinpb"
)

// Whatever clients do, over connections, and whatever fails meanwhile.
func TestAnyHistory(t *testing.T) { authntest.Run(t, openHost) }

// caller is a front end that calls the host and makes the sessions.
type caller struct {
	c     pb.SignInClient
	svc   *authn.Service
	mu    sync.Mutex
	users []string // of sessions
}

func openHost(t testing.TB, p authntest.Ports) authntest.Host {
	svc, err := authn.New(p.Config())
	if err != nil {
		t.Fatal(err)
	}
	srv := grpchost.New(&grpchost.Server{Service: svc, Check: func(_ context.Context, name, password string) (string, bool) {
		return name, password == authntest.Password
	}})
	l := bufconn.Listen(1 << 16)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	cc, err := grpc.NewClient("passthrough:host", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close(); srv.Stop(); <-done })
	return &caller{c: pb.NewSignInClient(cc), svc: svc}
}

func (h *caller) Start(user string) authntest.Seen {
	return read(h.c.Begin(context.Background(), &pb.Password{Name: user, Password: authntest.Password}))
}

func (h *caller) Do(token string, r authntest.Request) authntest.Seen {
	return read(h.c.Do(context.Background(), &pb.Event{Token: token, Event: r.Event, Factor: r.Factor, Code: r.Code}))
}

// Redeem is the front end's own call.
func (h *caller) Redeem(session string) authntest.Seen {
	a, err := h.svc.Redeem(context.Background(), authn.SessionToken(session))
	if err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.users = append(h.users, a.User)
	}
	return authntest.See(nil, err)
}

func (h *caller) Sessions() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.users)
}

// read reads an answer, or the one that a refusal carries.
func read(a *pb.Answer, err error) authntest.Seen {
	st := status.Convert(err)
	s := authntest.Seen{Class: authntest.Class(st.Message()), Raw: fmt.Sprint(st, a)}
	if st.Code() == codes.Unavailable {
		s.Class = authntest.Unavailable
	}
	for _, d := range st.Details() {
		if carried, ok := d.(*pb.Answer); ok {
			a = carried
		}
	}
	if err == nil {
		s.Class = authntest.Class(a.Outcome)
	}
	if a == nil {
		return s
	}
	s.State, s.Token, s.Session = a.State, a.Token, a.Session
	for _, m := range a.Allowed {
		s.Allowed = append(s.Allowed, m.Event)
	}
	return s
}
