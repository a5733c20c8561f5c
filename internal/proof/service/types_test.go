package service

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

var (
	adasPhone = authn.Factor{ID: "phone", Type: authn.SMS, Address: "+14155551234", Status: authn.Active}
	adasMail  = authn.Factor{ID: "mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}
	adasVoice = authn.Factor{ID: "voice", Type: authn.Call, Address: "+14155551234", Status: authn.NotSetUp}
)

// pager is a type of factor of the host's own.
var pager = authn.FactorType{
	Name: "acme:pager", Channel: "pager", Methods: []string{"otp"},
	Canonical: func(s string) (string, error) {
		if len(s) != 4 {
			return "", errors.New("a pager has four digits")
		}
		return s, nil
	},
	Mask: func(s string) string { return "pager ..." + s[3:] },
}

// A code by text message, by voice, or by a channel of the host's own is a factor
// like one by e-mail: chosen, sent, proved and named in the assertion.
func TestChannels(t *testing.T) {
	own := authn.Factor{ID: "own", Type: "acme:pager", Address: "1234", Status: authn.Active}
	for _, c := range []struct {
		f                  authn.Factor
		channel, mask, amr string
	}{
		{adasMail, "email", "a...a@example.com", "[pwd otp]"},
		{adasPhone, "sms", "+1 XXX-XXX-1234", "[pwd sms]"},
		{adasVoice, "call", "+1 XXX-XXX-1234", "[pwd tel]"},
		{own, "pager", "pager ...4", "[pwd otp]"},
	} {
		var sent []authn.Message
		d := testhost.New(t, func(d *testhost.Host, cfg *authn.Config) {
			cfg.Senders = map[string]authn.Sender{"sms": cfg.Mailer, "call": cfg.Mailer, "pager": cfg.Mailer}
			cfg.Types = []authn.FactorType{pager}
		})
		c.f.Status = authn.Active
		d.World.SetFactors("ada", c.f)
		a := d.MustBegin(t, "ada")
		if len(a.Factors) != 1 || a.Factors[0].Address != c.mask || a.Factors[0].Type != c.f.Type {
			t.Fatalf("%s: %+v", c.f.Type, a.Factors)
		}
		a = d.MustDo(t, a.Token, authn.Challenge{Factor: c.f.ID})
		sent = d.World.Messages("ada")
		if len(sent) != 1 || sent[0].Channel != c.channel || sent[0].To != c.f.Address || a.Factor.Address != c.mask {
			t.Fatalf("%s: %+v, %+v", c.f.Type, sent, a.Factor)
		}
		a = d.MustDo(t, a.Token, authn.Verify{Code: sent[0].Code})
		who, err := d.Redeem(t.Context(), a.Session)
		if err != nil || fmt.Sprint(who.Methods) != c.amr || fmt.Sprint(who.Channels) != "["+c.channel+"]" {
			t.Errorf("%s: %+v, %v", c.f.Type, who, err)
		}
		c.f.Status = authn.NotSetUp
		d.World.SetFactors("eve", c.f)
		e := d.MustBegin(t, "eve")
		d.MustDo(t, e.Token, authn.Enroll{Type: c.f.Type})
		if e = d.MustDo(t, e.Token, authn.Activate{Code: d.Last("eve").Code}); e.State != authn.Success {
			t.Errorf("%s: enrolled: %s", c.f.Type, e.State)
		}
	}
}

// A type whose channel has no sender is not known: it cannot be proved, and an
// active factor of it protects.
func TestTypeWithoutSender(t *testing.T) {
	d := testhost.New(t, nil)
	d.World.SetFactors("ada", adasPhone)
	if _, err := d.Begin(t.Context(), authn.Login{User: "ada", Require: authn.RequireIfActive}); !errors.Is(err, authn.ErrNoFactor) {
		t.Errorf("%v", err)
	}
	d.World.SetFactors("ada", adasPhone, adasMail, adasVoice)
	if a := d.MustBegin(t, "ada"); len(a.Factors) != 1 || a.Factors[0].ID != "mail" {
		t.Errorf("%+v", a.Factors)
	}
}

// A type that leaves the configuration is offered no more; what was proved with it
// is not believed, and a sign-in under way goes on with another factor.
func TestTypeIsDropped(t *testing.T) {
	d := testhost.New(t, func(d *testhost.Host, cfg *authn.Config) { cfg.Senders = map[string]authn.Sender{"sms": cfg.Mailer} })
	d.World.SetFactors("ada", adasPhone, adasMail)
	a := d.MustBegin(t, "ada")
	d.MustDo(t, a.Token, authn.Challenge{Factor: "phone"})
	code := d.Last("ada").Code
	done := d.MustBegin(t, "ada")
	d.MustDo(t, done.Token, authn.Challenge{Factor: "phone"})
	done = d.MustDo(t, done.Token, authn.Verify{Code: d.Last("ada").Code})
	d.Config.Senders = nil
	d.Service = d.Open(t)
	if _, err := d.Redeem(t.Context(), done.Session); !errors.Is(err, authn.ErrNotOffered) {
		t.Errorf("redeemed with a type that is not known any more: %v", err)
	}
	now := testhost.OK(t)(d.Status(t.Context(), a.Token))
	if now.State != authn.MFAChallenge || now.Factor.ID != "phone" || now.Factor.Address != "" {
		t.Errorf("%+v", now)
	}
	if _, err := d.Do(t.Context(), a.Token, authn.Verify{Code: code}); !errors.Is(err, authn.ErrNoCode) {
		t.Errorf("a code of a type that is not known any more: %v", err)
	}
	d.Wait(time.Minute)
	d.MustDo(t, a.Token, authn.Previous{})
	now = d.MustDo(t, a.Token, authn.Challenge{Factor: "mail"})
	if now = d.MustDo(t, now.Token, authn.Verify{Code: d.Last("ada").Code}); now.State != authn.Success {
		t.Errorf("%+v", now)
	}
}

// A bad list of types or senders is an error of New that names the entry.
func TestTypesAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *authn.Config)
		says   string
	}{
		"no name":          {func(c *authn.Config) { c.Types[0].Name = "" }, "Name"},
		"name with blanks": {func(c *authn.Config) { c.Types[0].Name = "a b" }, "Name"},
		"name too long":    {func(c *authn.Config) { c.Types[0].Name = strings.Repeat("x", 25) }, "Name"},
		"no channel":       {func(c *authn.Config) { c.Types[0].Channel = "" }, "either a Channel or a Verifier"},
		"no methods":       {func(c *authn.Config) { c.Types[0].Methods = nil }, "Methods"},
		"an empty method":  {func(c *authn.Config) { c.Types[0].Methods = []string{""} }, "Methods"},
		"long methods":     {func(c *authn.Config) { c.Types[0].Methods = []string{strings.Repeat("x", 65)} }, "Methods"},
		"no canonical":     {func(c *authn.Config) { c.Types[0].Canonical = nil }, "lacks"},
		"no mask":          {func(c *authn.Config) { c.Types[0].Mask = nil }, "lacks"},
		"twice":            {func(c *authn.Config) { c.Types = append(c.Types, pager) }, "another acme:pager"},
		"a built-in name":  {func(c *authn.Config) { c.Types[0].Name = authn.Email }, "another email"},
		"no sender":        {func(c *authn.Config) { c.Types[0].Channel = "smoke" }, `Senders["smoke"]`},
		"unused sender":    {func(c *authn.Config) { c.Senders["drum"] = c.Mailer }, `Senders["drum"]`},
		"a nil sender":     {func(c *authn.Config) { c.Senders["sms"] = nil }, `Senders["sms"]`},
		"the Mailer's":     {func(c *authn.Config) { c.Senders["email"] = c.Mailer }, `Senders["email"]`},
	} {
		cfg := testhost.New(t, nil).Config
		cfg.Types, cfg.Senders = []authn.FactorType{pager}, map[string]authn.Sender{"pager": cfg.Mailer}
		if _, err := authn.New(cfg); err != nil {
			t.Fatal(err)
		}
		c.change(&cfg)
		if _, err := authn.New(cfg); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
