package secrets

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

const aYear = 365 * 24 * time.Hour

var (
	ctx     = context.Background()
	errDown = errors.New("the network is down")
)

// TestCanaries checks H1 and known mistake 59. It takes users through all kinds of
// events and faults, collects all output of the library except mails, and searches
// it for every code, token, key and address in every form.
func TestCanaries(t *testing.T) {
	places, secrets := everything(t)
	for _, name := range []string{"stored", "store keys", "answers", "refusals", "assertions", "errors", "panics", "audit", "events", "inspected", "mails", "setup", "effects", "JSON", "slog", "diagrams", "checks", "kept", "handed in", "verdicts"} {
		if places[name] == nil || places[name].Len() < 100 {
			t.Errorf("nothing was collected in %q", name)
		}
	}
	cs := canaries(secrets)
	for name, b := range places {
		found := leaks(b.Bytes(), cs)
		if slices.Contains([]string{"answers", "refusals", "panics", "JSON", "slog"}, name) { // an answer shows its user the domain
			found = slices.DeleteFunc(found, func(f string) bool { return strings.HasPrefix(f, "domain in ") })
		}
		if len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
	t.Logf("%d secrets in %d forms, %d places", len(secrets), len(cs), len(places))
}

// TestCanariesSing checks that the search finds a secret in every form in every
// place.
func TestCanariesSing(t *testing.T) {
	places, secrets := everything(t)
	p := &spill{secrets: secrets}
	seen := 0
	for what, s := range map[string]string{"code": string(p.code()), "key": secrets["key"], "address": secrets["address"]} {
		cs := canaries(map[string]string{what: s})
		for _, f := range forms {
			for before := range 3 { // base64 depends on the position modulo three
				plant := f.whole(strings.Repeat("x", before) + s + "y")
				for name, b := range places {
					at := b.Len() / 2
					if found := leaks(slices.Concat(b.Bytes()[:at], []byte(plant), b.Bytes()[at:]), cs); !slices.Contains(found, what+" in "+f.name) {
						t.Errorf("the search does not find %s in %s in %s", what, f.name, name)
					}
					seen++
				}
			}
		}
	}
	if want := 3 * len(forms) * 3 * len(places); seen != want {
		t.Errorf("%d of %d secrets were planted", seen, want)
	}
}

// sinks has the output of a run, by place.
type sinks map[string]*bytes.Buffer

func (s sinks) at(place string) *bytes.Buffer {
	if s[place] == nil {
		s[place] = new(bytes.Buffer)
	}
	return s[place]
}

// put writes a value in every way that a host might print it.
func (s sinks) put(place string, values ...any) {
	text, lines := slog.New(slog.NewTextHandler(s.at("slog"), nil)), slog.New(slog.NewJSONHandler(s.at("slog"), nil))
	for _, v := range values {
		fmt.Fprintf(s.at(place), "%v\n%+v\n%#v\n%q\n%s\n%x\n", v, v, v, v, v, v)
		j, err := json.Marshal(v)
		fmt.Fprintf(s.at("JSON"), "%s %v\n", j, err)
		text.Info("here", "value", v)
		lines.Info("here", "value", v)
	}
}

func (s sinks) err(err error) {
	for ; err != nil; err = errors.Unwrap(err) {
		var r *authn.Refusal
		if errors.As(err, &r) && r == err {
			s.put("refusals", r, *r, r.Answer)
		}
		s.put("errors", err)
	}
}

// watched is a store whose records are collected.
type watched struct {
	authn.Store
	sinks
}

func (w watched) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	fmt.Fprintf(w.at("store keys"), "%s\n", key)
	w.at("stored").Write(r.Value)
	return w.Store.Save(ctx, key, old, r)
}

// spill is a run with all kinds of events and faults.
type spill struct {
	sinks
	*testhost.Host
	secrets map[string]string
	wreck   string // the port that panics
}

func (p *spill) secret(what, s string) {
	if s == "" {
		return
	}
	p.secrets[fmt.Sprintf("%s %d", what, len(p.secrets))] = s
	if b, err := base64.RawURLEncoding.DecodeString(s); err == nil && what == "token" {
		p.secrets[fmt.Sprintf("secret of token %d", len(p.secrets))] = string(b[:32])
	}
}

// step sends an event and collects the output.
func (p *spill) step(token authn.StateToken, ev authn.Event) *authn.Answer {
	p.put("events", ev, authn.WithKey("a key", ev))
	a, err := p.Do(ctx, token, ev)
	return p.hear(a, err)
}

func (p *spill) hear(a *authn.Answer, err error) *authn.Answer {
	p.err(err)
	var r *authn.Refusal
	if errors.As(err, &r) && r.Answer != nil {
		a = r.Answer
	}
	if a != nil {
		p.secret("token", string(a.Token))
		p.secret("token", string(a.Session))
		p.secret("app secret", string(a.Prompt.Secret))
		p.secret("token", string(a.Prompt.Pairing))
		for _, c := range a.Prompt.Codes {
			p.secret("recovery code", strings.ReplaceAll(string(c), "-", ""))
			p.secret("recovery code, as shown,", string(c))
		}
		if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(a.Prompt.Secret)); err == nil {
			p.secret("app secret, raw,", string(raw))
		}
		p.put("answers", a, *a)
	}
	return a
}

func (p *spill) Send(ctx context.Context, m authn.Message) error {
	p.secret("code", string(m.Code))
	p.secret("token", string(m.Approval))
	m.To, m.User = "", "" // a message has an address; everything else may be printed
	p.put("mails", m)
	if p.wreck == "mailer" {
		panic(fmt.Sprintf("%s to the canary.mailbox", string(m.Code)))
	}
	return nil
}

func (p *spill) Audit(_ context.Context, e authn.AuditEvent) error {
	p.put("audit", e)
	return nil
}

func (p *spill) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	if p.wreck == "directory" {
		panic(p.World.FactorsOf(user))
	}
	return p.World.Factors(ctx, user)
}

func (p *spill) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	return p.World.Activated(ctx, key, user, f)
}

// keyUses lists the purposes for which keys are derived. TestKeyUses of the root
// checks that the list is complete.
var keyUses = []string{"code", "session", "seal", "once", "account", "token", "recipient", "challenge", "data", "mark", "factor", "approval", "form", "device", "claim", "name", "mailbox", "hand over", "link", "passkey"}

// everything returns all output of a run, and the secrets that must not be in it.
func everything(t *testing.T) (sinks, map[string]string) {
	p := &spill{sinks: sinks{}, secrets: map[string]string{}}
	p.Host = testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		d.Move("ada", "canary.mailbox@hidden-domain.example")
		d.Move("grace", "canary.mailbox@hidden-domain.example")
		c.Store, c.Mailer, c.Directory, c.Auditor = watched{&d.Store, p.sinks}, p, p, p
		c.Policy = authn.Policy{Digits: 12, LockEvery: 5}
		c.Types = []authn.FactorType{
			{Name: "acme:push", Channel: "push", Methods: []string{"swk"}, Awaited: true},
			{Name: "acme:answer", Methods: []string{"kba"}, Verifier: p, AtOnce: true},
		}
		c.Senders = map[string]authn.Sender{"push": p}
		c.Questions = quiz{p}
		c.Passwords, c.Gates = archive{p}, []authn.Gate{{State: "TERMS", Keeper: porter{p}}}
	})
	p.secrets["address"], p.secrets["mailbox"], p.secrets["domain"] = "canary.mailbox@hidden-domain.example", "canary.mailbox", "hidden-domain"
	p.secrets["key"], p.secrets["pseudonym key"] = string(p.Config.Keys[0].Secret), string(p.Config.PseudonymKey)
	m, err := authn.NewMachine(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	p.put("setup", p.Config, &p.Config, p.Config.Keys, p.Config.Keys[0], m, p.Service)
	for i, secret := range [][]byte{p.Config.Keys[0].Secret, p.Config.PseudonymKey} {
		for _, use := range keyUses {
			sub, err := hkdf.Key(sha256.New, secret, nil, "authn/v1/"+use, sha256.Size)
			if err != nil {
				t.Fatal(err)
			}
			p.secrets[fmt.Sprint("derived key ", i, use)] = string(sub)
		}
	}
	p.signIns()
	p.kinds(t)
	p.hosted(t, m)
	p.claims(t)
	p.lockOut()
	p.faults(t)
	p.effects(t, m)
	p.pictures(t)
	return p.sinks, p.secrets
}

// code returns the last code that was mailed.
func (p *spill) code() (c authn.Code) {
	last := -1
	for what, s := range p.secrets {
		var n int
		if k, _ := fmt.Sscanf(what, "code %d", &n); k == 1 && n > last {
			last, c = n, authn.Code(s)
		}
	}
	return c
}

func (p *spill) signIns() {
	a := p.hear(p.Begin(ctx, authn.Login{User: "ada"}))
	p.step(a.Token, authn.Verify{Code: "123456"})
	p.step(a.Token, authn.Challenge{Factor: "ada-mail"})
	p.step(a.Token, authn.Resend{})
	p.step(a.Token, authn.Verify{Code: testhost.OtherCode(p.code())})
	p.step(a.Token, authn.Verify{Code: p.code() + "x"})
	p.step(a.Token, authn.Verify{Code: p.code()[1:]})
	p.hear(p.Do(ctx, a.Token, authn.Challenge{Factor: string(p.code())})) // a secret in place of a name
	p.step(a.Token+"A", authn.Cancel{})
	p.hear(p.Status(ctx, a.Token))
	_, err := authn.ParseEvent(string(p.code()), authn.Fields{Factor: string(a.Token), Code: p.code()})
	p.err(err)
	a = p.step(a.Token, authn.Verify{Code: p.code()})
	as, err := p.Redeem(ctx, a.Session)
	p.put("assertions", as, *as)
	p.err(err)
	_, err = p.Redeem(ctx, a.Session)
	p.err(err)
	g := p.hear(p.Begin(ctx, authn.Login{User: "grace"}))
	p.step(g.Token, authn.Enroll{Type: authn.Email})
	p.step(g.Token, authn.Activate{Code: p.code()})
}

// What the Verifier of the run has kept, and what the user answers.
const (
	keptAnswer  = "canary of what is kept"
	givenAnswer = "canary of the answer"
)

func (p *spill) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	p.put("checks", c, &c)
	return []byte("What is it?"), nil
}

func (p *spill) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	p.put("checks", c, &c)
	p.secret("challenge", string(c.Challenge[:]))
	if p.wreck == "verifier" {
		panic(string(c.Response))
	}
	return authn.Verdict{Right: string(c.Response) == givenAnswer, Data: []byte(keptAnswer)}, nil
}

// kinds enrolls and proves a factor of each kind.
func (p *spill) kinds(t *testing.T) {
	p.secrets["what is kept"], p.secrets["the answer"] = keptAnswer, givenAnswer
	for _, typ := range []string{authn.TOTP, authn.RecoveryCodes, "acme:push", "acme:answer"} {
		user := "user of " + typ
		p.World.SetFactors(user, authn.Factor{ID: "f", Type: typ, Status: authn.NotSetUp})
		a := p.hear(p.Begin(ctx, authn.Login{User: user}))
		a = p.step(a.Token, authn.Enroll{Type: typ})
		p.step(a.Token, authn.Activate{Code: "AAAAAAAAAAAAAAAA"})
		p.wreck = "verifier"
		p.step(a.Token, authn.Activate{Code: givenAnswer})
		p.wreck = ""
		var code authn.Code
		switch typ {
		case authn.TOTP:
			code = testhost.AppCode(a.Prompt.Secret, p.World.Now())
		case authn.RecoveryCodes:
			code = a.Prompt.Codes[0]
		case "acme:push":
			p.hear(p.Respond(ctx, a.Prompt.Pairing, authn.Reply{Approve: true}))
		default:
			code = givenAnswer
		}
		if a = p.step(a.Token, authn.Activate{Code: code}); a == nil || a.State != authn.Success {
			t.Fatalf("%s: %+v", typ, a)
		}
		for _, f := range p.World.FactorsOf(user) {
			p.at("kept").Write(f.Data)
			p.put("kept", f)
		}
		p.Wait(time.Minute)
		a = p.hear(p.Begin(ctx, authn.Login{User: user}))
		p.step(a.Token, authn.Verify{Factor: "f", Code: "AAAAAAAAAAAAAAAA"})
		a = p.step(a.Token, authn.Challenge{Factor: "f"})
		p.step(a.Token, authn.Verify{Code: code})
		acct, err := p.Inspect(ctx, user)
		p.put("inspected", acct, &acct)
		p.err(err)
		p.told()
		p.err(p.Revoke(ctx, user))
	}
}

// told is what operators are told about all accounts.
func (p *spill) told() {
	for info, err := range p.Accounts(ctx) {
		p.put("told", info, &info)
		p.err(err)
	}
}

func (p *spill) lockOut() {
	a := p.hear(p.Begin(ctx, authn.Login{User: "ada"}))
	p.step(a.Token, authn.Challenge{Factor: "ada-mail"})
	for range 6 {
		p.Wait(2 * time.Minute)
		p.step(a.Token, authn.Resend{})
		p.step(a.Token, authn.Verify{Code: testhost.OtherCode(p.code())})
	}
	p.hear(p.Begin(ctx, authn.Login{User: "ada"}))
	p.err(p.Reinstate(ctx, "ada", "by the test"))
	acct, err := p.Inspect(ctx, "ada")
	p.put("inspected", acct, &acct)
	p.err(err)
	p.told()
	p.err(p.Revoke(ctx, "ada"))
	_, err = p.Tend(ctx)
	p.err(err)
}

// faults runs ports that panic with secrets, and reads altered records.
func (p *spill) faults(t *testing.T) {
	p.Wait(time.Hour)
	for _, p.wreck = range []string{"mailer", "directory", ""} {
		a, err := p.Begin(ctx, authn.Login{User: "ada"})
		if p.hear(a, err); err == nil {
			a, err = p.Do(ctx, a.Token, authn.Challenge{Factor: "ada-mail"})
			p.hear(a, err)
		}
		p.put("panics", a, err)
		p.Wait(time.Hour)
	}
	for _, f := range []storetest.Fault{{Damage: storetest.Flip(77)}, {Damage: storetest.Truncate(9)}, {Panic: string(p.code())}, {Err: errDown}} {
		cfg := p.Config
		cfg.Store = storetest.Faulty(&p.Store, storetest.Always("", f))
		s, err := authn.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.Begin(ctx, authn.Login{User: "ada"})
		if err == nil {
			t.Errorf("%+v caused no error", f)
		}
		p.hear(a, err)
		p.put("panics", err)
	}
}

// effects prints the values of the machine.
func (p *spill) effects(t *testing.T, m *authn.Machine) {
	keys, err := p.Store.Due(ctx, testhost.Start.Add(2*aYear), 10)
	if err != nil || len(keys) == 0 {
		t.Fatal(err, len(keys))
	}
	for _, k := range keys {
		r, err := p.Store.Load(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Open(r.Value, k)
		if err != nil {
			t.Fatal(err)
		}
		p.put("effects", a.View(), m)
	}
	p.put("effects", authn.TokenSecret([]byte(p.secrets["key"])[:32]))
}

func (p *spill) pictures(t *testing.T) {
	draw := map[string]func(io.Writer, []authn.Transition, diagram.Options) error{
		"mermaid": diagram.Mermaid, "dot": diagram.DOT, "plantuml": diagram.PlantUML, "scxml": diagram.SCXML, "markdown": diagram.Markdown, "matrix": diagram.Matrix,
	}
	for _, name := range slices.Sorted(maps.Keys(draw)) {
		var b strings.Builder
		for _, v := range diagram.Views() {
			if err := draw[name](&b, v.Rows, v.Options); err != nil {
				t.Fatal(err)
			}
		}
		p.at("diagrams").WriteString(b.String())
	}
}
