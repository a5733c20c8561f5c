package otelauthn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/otelauthn"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// people is the host's directory: everybody has a mail address and a phone that
// approves.
type people struct{}

func (people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{
		{ID: "mail", Type: authn.Email, Address: user + "@example.com", Status: authn.Active},
		{ID: "phone", Type: "push", Status: authn.Active},
	}, nil
}

func (people) Activated(context.Context, string, string, authn.Factor) error { return nil }

// phones asks a user's phone.
type phones struct{ approval authn.Secret }

func (p *phones) Send(_ context.Context, m authn.Message) error {
	p.approval = m.Approval
	return nil
}

func hostConfig(mail *memsender.Sender, push *phones) authn.Config {
	return authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte("an example: a real key is random, 32 B")}},
		PseudonymKey: []byte("an example: a real key is random and secret"),
		Store:        new(memstore.Store), Mailer: mail, Directory: people{},
		Senders: map[string]authn.Sender{"push": push},
		Types:   []authn.FactorType{{Name: "push", Channel: "push", Methods: []string{"swk"}, Awaited: true, NoNumber: true}},
		Now:     func() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) },
	}
}

// A host wraps its ports and its service. Here, what would go to a collector is
// printed: the spans of the steps, and one of the counters.
func Example() {
	ctx, mail, push := context.Background(), new(memsender.Sender), new(phones)
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))

	tel, err := otelauthn.New(otelauthn.Config{TracerProvider: traces, MeterProvider: metrics})
	if err != nil {
		panic(err)
	}
	inner, err := authn.New(tel.Ports(hostConfig(mail, push)))
	if err != nil {
		panic(err)
	}
	svc := tel.Service(inner)

	a, err := svc.Begin(ctx, authn.Login{User: "ada"})
	if err == nil {
		a, err = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	}
	if err == nil {
		a, err = svc.Do(ctx, a.Token, authn.Verify{Code: mail.Last("ada@example.com").Code})
	}
	if err == nil {
		_, err = svc.Redeem(ctx, a.Session)
	}
	if err == nil {
		_, err = svc.Tend(ctx)
	}
	if err != nil {
		panic(err)
	}

	for _, s := range spans.GetSpans() {
		if s.Name == "authn.step" {
			set := attribute.NewSet(s.Attributes...)
			event, _ := set.Value("authn.event")
			to, _ := set.Value("authn.to")
			outcome, _ := set.Value("authn.outcome")
			fmt.Println(event.AsString(), "to", to.AsString()+":", outcome.AsString())
		}
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		panic(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "authn.messages" {
			fmt.Println(m.Name, sum.DataPoints[0].Attributes.ToSlice()[0].Value.AsString(), sum.DataPoints[0].Value)
		}
	}
	// Output:
	// primary to MFA_REQUIRED: done
	// challenge to MFA_CHALLENGE: done
	// verify to SUCCESS: done
	// redeem to SUCCESS: done
	// authn.messages email 1
}

// The steps of another device and the status are spans as well.
func ExampleService_Respond() {
	ctx, push, spans := context.Background(), new(phones), tracetest.NewInMemoryExporter()
	tel, err := otelauthn.New(otelauthn.Config{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	if err != nil {
		panic(err)
	}
	inner, err := authn.New(tel.Ports(hostConfig(new(memsender.Sender), push)))
	if err != nil {
		panic(err)
	}
	svc := tel.Service(inner)
	a, err := svc.Begin(ctx, authn.Login{User: "ada"})
	if err == nil {
		a, err = svc.Do(ctx, a.Token, authn.Challenge{Factor: "phone"})
	}
	if err == nil {
		_, err = svc.Respond(ctx, push.approval, authn.Reply{Approve: true})
	}
	if err == nil {
		a, err = svc.Status(ctx, a.Token)
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(a.State)
	steps := 0
	for _, s := range spans.GetSpans() {
		if s.Name == "authn.step" {
			steps++
		}
	}
	fmt.Println(steps, "steps")
	// Output:
	// MFA_CHALLENGE
	// 4 steps
}

// byAddress finds ada by her address.
type byAddress struct{ authn.Directory }

func (d byAddress) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	if c.Name != "ada@example.com" {
		return authn.Subject{}, authn.ErrNoUser
	}
	return authn.Subject{User: "ada", Address: string(c.Name)}, nil
}

// A claim is a span, and so is the opening of its link.
func ExampleService_Claim() {
	ctx, mail, spans := context.Background(), new(memsender.Sender), tracetest.NewInMemoryExporter()
	tel, err := otelauthn.New(otelauthn.Config{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	if err != nil {
		panic(err)
	}
	cfg := hostConfig(mail, new(phones))
	cfg.Directory = byAddress{cfg.Directory}
	inner, err := authn.New(tel.Ports(cfg))
	if err != nil {
		panic(err)
	}
	svc := tel.Service(inner)
	a, err := svc.Claim(ctx, authn.Claim{Name: "ada@example.com", For: authn.PurposeUnlock})
	if err == nil {
		fmt.Println(a.State)
		err = svc.Wait(ctx)
	}
	if err == nil {
		a, err = svc.Open(ctx, mail.Last("ada@example.com").Link, "")
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(a.State)
	for _, s := range spans.GetSpans() {
		if s.Name == "authn.step" {
			for _, x := range s.Attributes {
				if x.Key == "authn.event" {
					fmt.Println(x.Value.AsString())
				}
			}
		}
	}
	// Output:
	// RECOVERY_CHALLENGE
	// SUCCESS
	// claim
	// open
}

// Passkeys that are refused are steps too. This host has no type of factor that signs in
// alone.
func ExampleService_BeginPasskey() {
	ctx, spans := context.Background(), tracetest.NewInMemoryExporter()
	tel, err := otelauthn.New(otelauthn.Config{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	if err != nil {
		panic(err)
	}
	inner, err := authn.New(tel.Ports(hostConfig(new(memsender.Sender), new(phones))))
	if err != nil {
		panic(err)
	}
	_, err = tel.Service(inner).BeginPasskey(ctx, authn.PasskeyLogin{Type: "webauthn"})
	fmt.Println(err)
	for _, x := range spans.GetSpans()[0].Attributes {
		if x.Key == "authn.event" || x.Key == "authn.refusal" {
			fmt.Println(x.Key, x.Value.AsString())
		}
	}
	// Output:
	// authn: passkey: not allowed in this state
	// authn.refusal not allowed in this state
	// authn.event passkey
}

// An audit log in OCSF's words, as JSON. It needs no provider of OpenTelemetry. The
// example prints a few attributes of each record.
func ExampleOCSF() {
	var log bytes.Buffer // a host's is a file, or what a log shipper reads
	cfg := hostConfig(new(memsender.Sender), new(phones))
	cfg.Auditor = otelauthn.OCSF(slog.NewJSONHandler(&log, nil), nil)
	svc, err := authn.New(cfg)
	if err != nil {
		panic(err)
	}
	a, err := svc.Begin(context.Background(), authn.Login{User: "ada"})
	if err == nil {
		_, err = svc.Do(context.Background(), a.Token, authn.Challenge{Factor: "pager"})
	}
	fmt.Println(err)
	for records := json.NewDecoder(&log); records.More(); {
		var r struct {
			Type   int    `json:"type_uid"`
			Class  string `json:"class_name"`
			What   string `json:"activity_name"`
			Status string `json:"status"`
			Detail string `json:"status_detail"`
		}
		if err := records.Decode(&r); err != nil {
			panic(err)
		}
		fmt.Printf("%d %s, %s: %s %q\n", r.Type, r.Class, r.What, r.Status, r.Detail)
	}
	// Output:
	// authn: challenge in MFA_REQUIRED: factor is not offered here (not offered)
	// 300206 Authentication, Preauth: Success ""
	// 300206 Authentication, Preauth: Failure "factor is not offered here"
}
