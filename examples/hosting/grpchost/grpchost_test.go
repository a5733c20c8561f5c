package grpchost_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/grpchost"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	pb "github.com/authnfsm/authn/examples/hosting/signinpb"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

// dial serves a host and returns its client.
func dial(t *testing.T, store authn.Store) (pb.SignInClient, *authn.Service, *memsender.Sender) {
	svc, mail := try.Service(t, store, nil)
	srv := grpchost.New(&grpchost.Server{Service: svc, Check: func(ctx context.Context, name, password string) (string, bool) {
		l, err := try.Check(ctx, name, authn.Secret(password))
		return l.User, err == nil
	}})
	l := bufconn.Listen(1 << 16)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	cc, err := grpc.NewClient("passthrough:host", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cc.Close()
		srv.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return pb.NewSignInClient(cc), svc, mail
}

func TestSignIn(t *testing.T) {
	c, svc, mail := dial(t, new(memstore.Store))
	a, err := c.Begin(t.Context(), &pb.Password{Name: "ada", Password: try.Password})
	if err != nil || a.State != string(authn.MFARequired) {
		t.Fatal(a, err)
	}

	// Lost: the refusal says where the sign-in stands, and what is allowed.
	_, err = c.Do(t.Context(), &pb.Event{Token: a.Token, Event: "verify", Code: "123456"})
	st := status.Convert(err)
	if st.Code() != codes.FailedPrecondition || len(st.Details()) != 1 {
		t.Fatal(err)
	}
	a, ok := st.Details()[0].(*pb.Answer)
	if !ok || a.Allowed[0].Event != "challenge" {
		t.Fatal(st.Details())
	}

	a, err = c.Do(t.Context(), &pb.Event{Token: a.Token, Event: a.Allowed[0].Event, Factor: a.Factors[0].Id})
	if err != nil || a.State != string(authn.MFAChallenge) {
		t.Fatal(a, err)
	}
	_, err = c.Do(t.Context(), &pb.Event{Token: a.Token, Event: "resend"})
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted {
		t.Error(err)
	} else if wait, ok := st.Details()[1].(*errdetails.RetryInfo); !ok || wait.RetryDelay.AsDuration() <= 0 {
		t.Error(st.Details())
	}
	a, err = c.Do(t.Context(), &pb.Event{Token: a.Token, Event: "verify", Code: try.Wrong(mail, try.Ada)})
	if err != nil || a.Outcome != string(authn.WrongCode) {
		t.Fatal(a, err)
	}
	a, err = c.Do(t.Context(), &pb.Event{Token: a.Token, Event: "verify", Code: try.Code(mail, try.Ada)})
	if err != nil || a.State != string(authn.Success) {
		t.Fatal(a, err)
	}
	if who, err := svc.Redeem(t.Context(), authn.SessionToken(a.Session)); err != nil || who.User != "ada" {
		t.Error(who, err)
	}
}

func TestCodes(t *testing.T) {
	c, _, _ := dial(t, storetest.Faulty(new(memstore.Store), storetest.Nth(storetest.Save, 2, storetest.Fault{Err: errors.New("down")})))
	a, err := c.Begin(t.Context(), &pb.Password{Name: "ada", Password: try.Password})
	if err != nil {
		t.Fatal(err)
	}
	for want, do := range map[codes.Code]func() error{
		codes.Unauthenticated: func() error {
			_, err := c.Begin(t.Context(), &pb.Password{Name: "ada", Password: "guess"})
			return err
		},
		codes.ResourceExhausted: func() error { // nobody's 16 KiB are read before the password
			_, err := c.Begin(t.Context(), &pb.Password{Name: "ada", Password: strings.Repeat("x", 16<<10)})
			return err
		},
		codes.InvalidArgument: func() error {
			_, err := c.Do(t.Context(), &pb.Event{Token: a.Token, Event: "dance"})
			return err
		},
		codes.Unavailable: func() error {
			_, err := c.Do(t.Context(), &pb.Event{Token: a.Token, Event: "cancel"})
			return err
		},
	} {
		if err := do(); status.Code(err) != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if _, err := c.Do(t.Context(), &pb.Event{Token: "stale", Event: "cancel"}); status.Code(err) != codes.Unauthenticated {
		t.Error(err)
	}
}
