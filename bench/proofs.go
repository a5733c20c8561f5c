package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

const (
	appRight   = "right code of an app : right code by e-mail"
	pollAllocs = "poll of another device: allocations beyond Status"
	listed32   = "choosing one of 32 factors, through Service : the only one"
)

// An app is an authenticator app.
const (
	appSecret = "12345678901234567890"
	appURI    = "otpauth://totp/acme:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
)

// appCode is the code of the app at the start.
func appCode() authn.Code {
	h := hmac.New(sha1.New, []byte(appSecret))
	binary.Write(h, binary.BigEndian, start.Unix()/30)
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return authn.Code(fmt.Sprintf("%06d", n%1_000_000))
}

var push = authn.FactorType{Name: "acme:push", Channel: "push", Methods: []string{"swk"}, Awaited: true}

// proofs compares the kinds of proof with a code that was sent.
func proofs(p *plan) (*section, error) {
	m, err := authn.NewMachine(authn.Config{Tenant: tenant, Keys: keys(), PseudonymKey: pseudonymKey, Types: []authn.FactorType{push}})
	if err != nil {
		return nil, err
	}
	mail, err := newChallenged(m, user)
	if err != nil {
		return nil, err
	}
	app, err := begunWithApp(m)
	if err != nil {
		return nil, err
	}
	cs := []contestant{
		{name: "a code of an app", run: times(app)},
		{name: "a code by e-mail", run: times(mail.step(m, authn.Verify{Code: mail.code}, authn.Success))},
	}
	sec := &section{title: "Kinds of proof", text: proofsText}
	laps, err := race(cs, p.laps, p.lap)
	if err != nil {
		return nil, err
	}
	sec.tables = append(sec.tables, costs("a right code", laps))
	sec.find(appRight, paired(laps[0].of(cpu), laps[1].of(cpu)), &cs[0])

	poll, status, err := waiting(m)
	if err != nil {
		return nil, err
	}
	cs = []contestant{{name: "a poll", run: times(poll)}, {name: "Machine.Status", run: times(status)}}
	if laps, err = race(cs, p.laps, p.lap); err != nil {
		return nil, err
	}
	sec.tables = append(sec.tables, costs("waiting for another device", laps))
	sec.find(pollAllocs, []float64{max(0, round(spreadOf(laps[0].of(allocs)).mid-spreadOf(laps[1].of(allocs)).mid))}, &cs[0])

	cs = []contestant{chooses(32), chooses(1)}
	if laps, err = race(cs, p.laps, p.lap); err != nil {
		return nil, err
	}
	sec.tables = append(sec.tables, costs("choosing a factor", laps))
	sec.find(listed32, paired(laps[0].of(cpu), laps[1].of(cpu)), &cs[0])
	return sec, nil
}

// begunWithApp returns a step with the right code of an app, in MFA_REQUIRED.
func begunWithApp(m *authn.Machine) (func() error, error) {
	svc, err := newHost().service(new(memstore.Store))
	if err != nil {
		return nil, err
	}
	f, err := svc.Import(user, authn.Factor{ID: "app", Type: authn.TOTP}, appURI)
	if err != nil {
		return nil, err
	}
	e := environment("", 0)
	e.Factors = []authn.Factor{f}
	var r authn.Result
	if err := m.Begin(&r.Account, authn.Login{User: user}, e, &r); err != nil {
		return nil, err
	}
	c := &challenged{account: r.Account, handle: authn.TokenSecret(e.Entropy[16:48]), env: e}
	return c.step(m, authn.Verify{Factor: "app", Code: appCode()}, authn.Success), nil
}

// waiting returns a poll, and a look at the same transaction.
func waiting(m *authn.Machine) (poll, status func() error, err error) {
	e := environment("", 0)
	e.Factors = []authn.Factor{{ID: "phone", Type: push.Name, Status: authn.Active}}
	h := authn.TokenSecret(e.Entropy[16:48])
	var r authn.Result
	if err = m.Begin(&r.Account, authn.Login{User: user}, e, &r); err == nil {
		err = m.Step(&r.Account, h, authn.Challenge{Factor: "phone"}, e, &r)
	}
	a := r.Account
	poll = func() error {
		if err := m.Step(&a, h, authn.Verify{}, e, &r); !errors.Is(err, authn.ErrWaiting) {
			return fmt.Errorf("a poll: %v", err)
		}
		return nil
	}
	status = func() error {
		_, err := m.Status(&a, h, e)
		return err
	}
	return poll, status, err
}

// crowd is a host whose users have n factors each.
type crowd struct {
	*host
	n int
}

// Factors implements [authn.Directory].
func (c crowd) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	fs := make([]authn.Factor, c.n)
	for i := range fs {
		fs[i] = factorOf(user)
		fs[i].ID, fs[i].Address = fmt.Sprint("emf", i), fmt.Sprint(i, fs[i].Address)
	}
	return fs, nil
}

// chooses returns a contestant that challenges the last of n factors, each time in
// another user's transaction.
func chooses(n int) contestant {
	c := crowd{newHost(), n}
	var svc *authn.Service
	var tokens []authn.StateToken
	ctx := context.Background()
	return contestant{
		name: fmt.Sprint("one of ", n),
		prepare: func(k int) (err error) {
			svc, err = authn.New(authn.Config{
				Tenant: tenant, Keys: keys(), PseudonymKey: pseudonymKey, Store: new(memstore.Store), Mailer: c, Directory: c, Now: c.clock,
			})
			tokens = tokens[:0]
			for i := 0; err == nil && i < k; i++ {
				var a *authn.Answer
				if a, err = svc.Begin(ctx, authn.Login{User: fmt.Sprint("user-", i)}); err == nil {
					tokens = append(tokens, a.Token)
				}
			}
			return err
		},
		run: func(k int) error {
			for i := range k {
				if _, err := svc.Do(ctx, tokens[i], authn.Challenge{Factor: fmt.Sprint("emf", n-1)}); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

const proofsText = `A code of an authenticator app is judged with three HMAC-SHA-1, and its secret is opened with AES-GCM. A poll is a refused verify: it writes nothing.
With 32 factors, the Directory's list is made, checked and searched; the pseudonym of an address is computed for the chosen factor only.`
