package operate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/operate"
)

// A rig is a host with accounts, and an operator's program on the same store.
type rig struct {
	*testing.T
	now   time.Time
	store *memstore.Store
	mail  *mailer
	cfg   authn.Config // of the host
	svc   *authn.Service
	tool  authn.Config // of the program
	stdin string
	seen  []string // every secret that there was
	out   strings.Builder
	audit []authn.AuditEvent
}

// secret makes a key that is the same in every run, so that pseudonyms are.
func secret(name string) []byte {
	b := sha256.Sum256([]byte("a key of these tests: " + name))
	return b[:]
}

var policy = authn.Policy{BackoffFrom: 10, LockEvery: 3, DisableAfter: 6, Remember: 30 * 24 * time.Hour}

func newRig(t *testing.T) *rig {
	r := &rig{
		T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		store: new(memstore.Store), mail: new(mailer),
	}
	r.cfg = authn.Config{
		Tenant: "shop", Keys: []authn.Key{{ID: 1, Secret: secret("1")}}, PseudonymKey: secret("pseudonym"),
		Store: r.store, Mailer: r.mail, Directory: directory{}, Policy: policy, Now: func() time.Time { return r.now },
	}
	r.open()
	return r
}

// open makes the host's service, and a program that has none of its ports.
func (r *rig) open() {
	svc, err := authn.New(r.cfg)
	if err != nil {
		r.Fatal(err)
	}
	r.svc, r.tool = svc, r.cfg
	r.tool.Mailer, r.tool.Directory, r.tool.Auditor = nil, nil, authn.Auditor(auditor{r})
	r.tool.Store = &clocked{r, r.store, r.store, r.store, 0, nil}
}

type auditor struct{ *rig }

func (a auditor) Audit(_ context.Context, e authn.AuditEvent) error {
	a.rig.audit = append(a.rig.audit, e)
	return nil
}

// mailer is a mailbox whose server may be down.
type mailer struct {
	memsender.Sender
	down bool
}

func (m *mailer) Send(ctx context.Context, msg authn.Message) error {
	if m.down {
		return errors.New("down: " + msg.To)
	}
	return m.Sender.Send(ctx, msg)
}

// directory has users with an address that nothing may show.
type directory struct{}

func (directory) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: address(user), Status: authn.Active}}, nil
}

func (directory) Activated(context.Context, string, string, authn.Factor) error { return nil }

// address is a canary.
func address(user string) string { return "canary-" + strings.Trim(user, "b o'") + "@hidden.example" }

// secrets notes what no output may have.
func (r *rig) secrets(ss ...string) {
	for _, s := range ss {
		if s != "" {
			r.seen = append(r.seen, s)
		}
	}
}

// begin begins a sign-in and sends a code.
func (r *rig) begin(user string) (*authn.Answer, authn.Code) {
	r.Helper()
	a, err := r.svc.Begin(r.Context(), authn.Login{User: user})
	if err != nil {
		r.Fatal(err)
	}
	r.secrets(string(a.Token), address(user))
	if a, err = r.svc.Do(r.Context(), a.Token, authn.Challenge{Factor: "mail"}); err != nil {
		r.Fatal(err)
	}
	code := r.mail.Last(address(user)).Code
	r.secrets(string(code))
	return a, code
}

// wrong submits wrong codes.
func (r *rig) wrong(user string, n int) {
	r.Helper()
	a, code := r.begin(user)
	for range n {
		if _, err := r.svc.Do(r.Context(), a.Token, authn.Verify{Code: other(code)}); err != nil {
			r.Fatal(err)
		}
	}
}

// verify submits the right code.
func (r *rig) verify(user string, remember bool) *authn.Answer {
	r.Helper()
	a, code := r.begin(user)
	a, err := r.svc.Do(r.Context(), a.Token, authn.Verify{Code: code, Remember: remember})
	if err != nil || a.State != authn.Success {
		r.Fatal(a, err)
	}
	r.secrets(string(a.Session), string(a.Device))
	return a
}

func other(code authn.Code) authn.Code {
	return authn.Code('0'+(code[0]-'0'+1)%10) + code[1:]
}

// town makes an account of each kind.
func (r *rig) town() {
	r.Helper()
	r.wrong("carol", 3)
	r.wrong("gus", 3)
	if err := r.svc.Erase(r.Context(), "gus"); err != nil {
		r.Fatal(err)
	}
	r.now = r.now.Add(35 * time.Minute)
	r.wrong("carol", 3) // is disabled
	as := r.verify("erin", true)
	if _, err := r.svc.Redeem(r.Context(), as.Session); err != nil {
		r.Fatal(err)
	}
	r.wrong("bob o'neil", 3) // is locked
	r.now = r.now.Add(5 * time.Minute)
	r.verify("dora", false)
	r.wrong("ada", 1)
	if _, err := r.svc.Tend(r.Context()); err != nil {
		r.Fatal(err)
	}
	r.mail.down = true
	a, err := r.svc.Begin(r.Context(), authn.Login{User: "fay"})
	if err != nil {
		r.Fatal(err)
	}
	if _, err := r.svc.Do(r.Context(), a.Token, authn.Challenge{Factor: "mail"}); err != nil {
		r.Fatal(err)
	}
	r.secrets(string(a.Token), address("fay"))
	r.mail.down = false
	r.now = r.now.Add(30 * time.Second)
}

// run runs a command, and looks for secrets in all that it says.
func (r *rig) run(args ...string) (code int, stdout, stderr string) {
	r.Helper()
	var out, errs bytes.Buffer
	tool := operate.Tool{
		Open:  func(context.Context) (authn.Config, func() error, error) { return r.tool, nil, nil },
		Stdin: strings.NewReader(r.stdin), Stdout: &out, Stderr: &errs,
	}
	code = tool.Run(r.Context(), args)
	r.out.WriteString(out.String() + errs.String())
	for _, s := range r.seen {
		if strings.Contains(out.String()+errs.String(), s) {
			r.Errorf("%q: a secret or an address is in what it says:\n%s%s", args, &out, &errs)
		}
	}
	return code, out.String(), errs.String()
}

// want runs a command that must end with this code, and have these texts in its output,
// or in what it says about an error.
func (r *rig) want(code int, args []string, texts ...string) string {
	r.Helper()
	got, out, errs := r.run(args...)
	if got != code {
		r.Errorf("%q: exit code %d, want %d\n%s%s", args, got, code, out, errs)
	}
	for _, text := range texts {
		if !strings.Contains(out+errs, text) {
			r.Errorf("%q: no %q in\n%s%s", args, text, out, errs)
		}
	}
	return out
}
