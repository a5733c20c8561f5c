// Package grpchost is a host on gRPC.
package grpchost

import (
	"context"
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/authnfsm/authn"
	pb "github.com/authnfsm/authn/examples/hosting/signinpb"
)

// Server implements the service of signin.proto.
type Server struct {
	pb.UnimplementedSignInServer
	Service *authn.Service
	Check   func(ctx context.Context, name, password string) (user string, ok bool)
}

// maxMessage is many times what a request needs, in bytes: whoever sends one
// has shown no password yet.
const maxMessage = 16 << 10

// New returns a gRPC server that serves s, with its options.
func New(s *Server, opts ...grpc.ServerOption) *grpc.Server {
	srv := grpc.NewServer(append([]grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessage)}, opts...)...)
	pb.RegisterSignInServer(srv, s)
	return srv
}

// Begin checks the password and opens a transaction.
func (s *Server) Begin(ctx context.Context, p *pb.Password) (*pb.Answer, error) {
	user, ok := s.Check(ctx, p.Name, p.Password)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, "wrong name or password")
	}
	return answer(s.Service.Begin(ctx, authn.Login{User: user}))
}

// Do hands an event over.
func (s *Server) Do(ctx context.Context, e *pb.Event) (*pb.Answer, error) {
	ev, err := authn.ParseEvent(e.Event, authn.Fields{Factor: e.Factor, Code: authn.Code(e.Code)})
	if err != nil {
		return answer(nil, err)
	}
	return answer(s.Service.Do(ctx, authn.StateToken(e.Token), ev))
}

// answer turns what the service returned into gRPC's terms. A refusal carries
// the answer as a detail, so that a client goes on from there.
func answer(a *authn.Answer, err error) (*pb.Answer, error) {
	var refusal *authn.Refusal
	switch {
	case err == nil:
		return message(a), nil
	case !errors.As(err, &refusal):
		return nil, status.Error(codes.Unavailable, "try again")
	}
	st := status.New(codeOf(err), refusal.Err.Error())
	var details []protoadapt.MessageV1
	if refusal.Answer != nil {
		details = append(details, protoadapt.MessageV1Of(message(refusal.Answer)))
	}
	if !refusal.RetryAt.IsZero() {
		wait := durationpb.New(time.Until(refusal.RetryAt))
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: wait}))
	}
	if with, err := st.WithDetails(details...); err == nil {
		st = with
	}
	return nil, st.Err()
}

func codeOf(err error) codes.Code {
	switch {
	case errors.Is(err, authn.ErrFinished):
		return codes.Unauthenticated // begin again
	case errors.Is(err, authn.ErrTooSoon):
		return codes.ResourceExhausted
	case errors.Is(err, authn.ErrMalformed):
		return codes.InvalidArgument
	case errors.Is(err, authn.ErrLocked), errors.Is(err, authn.ErrNoFactor), errors.Is(err, authn.ErrNoUser):
		return codes.PermissionDenied
	}
	return codes.FailedPrecondition // the details say what is allowed
}

func message(a *authn.Answer) *pb.Answer {
	m := &pb.Answer{
		State: string(a.State), Outcome: string(a.Outcome), Token: string(a.Token), Session: string(a.Session),
		TriesLeft: int32(a.TriesLeft),
	}
	for _, x := range a.Allowed {
		move := &pb.Move{Event: string(x.Event)}
		if !x.At.IsZero() {
			move.At = timestamppb.New(x.At)
		}
		m.Allowed = append(m.Allowed, move)
	}
	for _, f := range a.Factors {
		m.Factors = append(m.Factors, &pb.Factor{Id: f.ID, Type: f.Type, Address: f.Address})
	}
	return m
}
