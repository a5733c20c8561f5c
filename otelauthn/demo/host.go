package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/otelauthn"
	"github.com/prometheus/client_golang/prometheus"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// A host is one in memory, whose mailboxes it reads itself.
type host struct {
	svc   *otelauthn.Service
	mail  *memsender.Sender
	spans *tracetest.InMemoryExporter // of the last sign-in
	ahead time.Duration               // of the clock: nobody has to wait
	users int
}

// newHost makes a host whose metrics are in the registry.
func newHost(registry *prometheus.Registry) (*host, error) {
	metrics, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	h := &host{mail: new(memsender.Sender), spans: tracetest.NewInMemoryExporter()}
	tel, err := otelauthn.New(otelauthn.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(h.spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics)),
	})
	if err != nil {
		return nil, err
	}
	var secret, pseudonym [32]byte
	rand.Read(secret[:])
	rand.Read(pseudonym[:])
	inner, err := authn.New(tel.Ports(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: secret[:]}}, PseudonymKey: pseudonym[:],
		Store: new(memstore.Store), Mailer: h, Directory: h, Now: h.now,
	}))
	if err != nil {
		return nil, err
	}
	h.svc = tel.Service(inner)
	return h, nil
}

func (h *host) now() time.Time { return time.Now().Add(h.ahead) }

// Factors gives everybody a mail address.
func (h *host) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: user + "@example.com", Status: authn.Active}}, nil
}

// Activated does nothing: nobody enrolls a factor.
func (h *host) Activated(context.Context, string, string, authn.Factor) error { return nil }

// Send delivers all but one message in twenty.
func (h *host) Send(ctx context.Context, m authn.Message) error {
	if mathrand.N(20) == 0 {
		return errors.New("the mail server is busy")
	}
	return h.mail.Send(ctx, m)
}

// signIn signs in a user who makes up to three mistakes, or gives up.
func (h *host) signIn(ctx context.Context) error {
	h.spans.Reset()
	h.users++
	user := fmt.Sprint("user-", h.users)
	a, err := h.svc.Begin(ctx, authn.Login{User: user})
	if err == nil {
		a, err = h.svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	}
	code := h.mail.Last(user + "@example.com").Code
	if err != nil || code == "" { // it was not delivered
		return err
	}
	for range mathrand.N(4) {
		if _, err := h.svc.Do(ctx, a.Token, authn.Verify{Code: otherThan(code)}); err != nil {
			return err
		}
	}
	h.ahead += time.Duration(mathrand.N(40)) * time.Second
	if mathrand.N(10) == 0 {
		if _, err := h.svc.Do(ctx, a.Token, authn.Cancel{}); err != nil {
			return err
		}
	} else if a, err = h.svc.Do(ctx, a.Token, authn.Verify{Code: code}); err != nil {
		return h.refused(err)
	} else if _, err = h.svc.Redeem(ctx, a.Session); err != nil {
		return err
	}
	_, err = h.svc.Tend(ctx)
	return err
}

// refused passes over a refusal, such as that of a back-off: it is on the dashboard.
func (*host) refused(err error) error {
	if r := new(authn.Refusal); errors.As(err, &r) {
		return nil
	}
	return err
}

func otherThan(code authn.Code) authn.Code {
	b := []byte(code)
	b[0] = '0' + '9' - b[0]
	return authn.Code(b)
}
