package operate_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/operate"
)

func sorted(ss []string) []string {
	slices.Sort(ss)
	return ss
}

// Exit codes, and who is told what to do next.
func TestExitCodes(t *testing.T) {
	r := newRig(t)
	r.town()
	ada, err := r.svc.Account(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code  int
		args  string
		texts []string
	}{
		{0, "show ada", nil},
		{0, "show -json ada", []string{`"state":"MFA_CHALLENGE"`}},
		{0, "show ada -json", []string{`"state":"MFA_CHALLENGE"`}},
		{0, "show -account " + ada.Account, []string{"user      ada"}},
		{0, "show -h", []string{"Usage: authnctl show USER"}},
		{0, "help", []string{"doctor"}},
		{0, "help reseal", []string{"authnctl reseal -dry"}},
		{0, "list", []string{"7 accounts"}},
		{0, "reseal", []string{"7 accounts, 0 sealed anew"}},
		{0, "explain -format mermaid ada", []string{"stateDiagram-v2", "class MFA_CHALLENGE lit", "1 wrong code"}},
		{0, "explain -format dot ada", []string{"digraph", "lit"}},
		{2, "", []string{"Usage"}},
		{2, "shew ada", []string{`no command "shew"`}},
		{2, "show", []string{"name the user"}},
		{2, "show ada bob", []string{`unexpected argument "bob"`}},
		{2, "show -account " + ada.Account + " ada", []string{"unexpected argument"}},
		{2, "show -account 12", []string{"40 hexadecimal digits"}},
		{2, "show -account " + strings.Repeat("0", 40), []string{`tenant "shop"`}},
		{2, "show -nothing ada", []string{"-nothing"}},
		{2, "show " + strings.Repeat("a", 129), []string{"cannot be a user id"}},
		{2, "unlock ada", []string{"-reason"}},
		{2, "list -state MFA_CHALLENG", []string{"MFA_CHALLENGE"}},
		{2, "list -owes letters", []string{"send code"}},
		{2, "explain -format svg ada", []string{"dot"}},
		{3, "tend", []string{"operate.Tool"}},
		{3, "revoke ada", []string{"not confirmed"}},
		{4, "show nobody", []string{"no record of nobody", "list"}},
		{4, "unlock -yes -reason x nobody", []string{"no record of nobody"}},
		{4, "explain nobody", nil},
		{4, "explain ada -transaction 00", []string{"audit log"}},
		{4, "explain gus", []string{"no sign-in"}},
	} {
		r.want(c.code, strings.Fields(c.args), c.texts...)
	}
	r.tool.Keys = nil
	r.want(1, []string{"show", "ada"}, "Keys")
	r.want(5, []string{"doctor"}, "fail  open", "Keys")
}

// Nothing has a secret or an address: not the text, not JSON, not an error. What the
// commands change is not looked at here.
func TestNoSecrets(t *testing.T) {
	r := newRig(t)
	r.town()
	for _, k := range [][]byte{secret("1"), secret("pseudonym")} {
		r.secrets(string(k), hex.EncodeToString(k), base64.StdEncoding.EncodeToString(k), fmt.Sprint(k))
	}
	if len(r.seen) < 25 {
		t.Errorf("only %d secrets", len(r.seen))
	}
	users := []string{"ada", "bob o'neil", "carol", "dora", "erin", "fay", "gus", "nobody"}
	for _, u := range users {
		for _, c := range []string{"show", "explain"} {
			r.run(c, u)
			r.run(c, "-json", u)
		}
		r.run("explain", "-format", "dot", u)
		r.run("explain", "-format", "mermaid", u)
	}
	for _, c := range []string{"list", "list -json", "reseal -dry", "reseal -json", "doctor -all", "doctor -json", "tend"} {
		r.run(strings.Fields(c)...)
	}
	for _, u := range users {
		r.run("revoke", "-yes", u)
		r.run("unlock", "-yes", "-json", "-reason", "why", u)
		r.run("erase", "-yes", u)
	}
	r.tool.Keys = []authn.Key{{ID: 7, Secret: secret("7")}}
	r.run("list")
	if n := r.out.Len(); n < 20_000 {
		t.Errorf("only %d bytes were looked at", n)
	}
}

// Each change is confirmed by typing the user id, does what it says, and is audited.
func TestChanges(t *testing.T) {
	begins := func(r *rig, user string) error {
		_, err := r.svc.Begin(r.Context(), authn.Login{User: user})
		return err
	}
	for _, c := range []struct {
		args  string
		user  string
		event authn.EventName
		check func(r *rig, before, after *authn.AccountInfo) bool
	}{
		{"unlock -reason ticket", "bob o'neil", "reinstate", func(r *rig, _, after *authn.AccountInfo) bool {
			return after.Failures == 0 && after.LockEnds.IsZero() && begins(r, "bob o'neil") == nil
		}},
		{"unlock -reason ticket", "carol", "reinstate", func(r *rig, before, after *authn.AccountInfo) bool {
			return before.Disabled && !after.Disabled && begins(r, "carol") == nil
		}},
		{"revoke", "dora", "revoke", func(_ *rig, before, after *authn.AccountInfo) bool {
			return before.Transactions[0].Session && after.Transactions[0].State == authn.Canceled
		}},
		{"forget", "erin", "forget_devices", func(_ *rig, before, after *authn.AccountInfo) bool {
			return len(before.Devices) == 1 && len(after.Devices) == 0
		}},
		{"erase", "fay", "erase", func(r *rig, before, after *authn.AccountInfo) bool {
			return len(before.Owed) == 1 && len(after.Owed) == 0 && after.User == ""
		}},
	} {
		t.Run(c.args+" "+c.user, func(t *testing.T) {
			r := newRig(t)
			r.town()
			look := func() *authn.AccountInfo {
				info, err := r.svc.Account(t.Context(), c.user)
				if err != nil {
					t.Fatal(err)
				}
				info.At = time.Time{}
				return &info
			}
			before := look()
			args := append(strings.Fields(c.args), c.user)
			for _, typed := range []string{"", "\n", "y\n", "yes\n", c.user + "x\n", strings.ToUpper(c.user) + "\n", "\n" + c.user + "\n"} {
				r.stdin = typed
				r.want(3, args, "Type the user id", "nothing was changed")
			}
			if now := look(); fmt.Sprint(now) != fmt.Sprint(before) || len(r.audit) > 0 {
				t.Errorf("not confirmed, and changed: %+v, audited %v", now, r.audit)
			}
			for _, way := range []string{"typed", "typed, without a line's end", "-yes", "-account"} {
				r := newRig(t)
				r.town()
				before, args := look(), args
				switch way {
				case "typed":
					r.stdin = c.user + "\r\n"
				case "-yes":
					args = append(args, "-yes")
				case "-account":
					args = append(strings.Fields(c.args), "-account", before.Account)
					fallthrough
				default:
					r.stdin = c.user
				}
				r.want(0, args, "standing")
				after, err := r.svc.Account(t.Context(), c.user)
				if err != nil || !c.check(r, before, &after) {
					t.Errorf("%s: %v: %+v", way, err, after)
				}
				if i := slices.IndexFunc(r.audit, func(e authn.AuditEvent) bool { return e.Event == c.event }); i < 0 ||
					r.audit[i].User != c.user || c.event == authn.EventReinstate && r.audit[i].Guard != "ticket" {
					t.Errorf("%s: audited %v", way, r.audit)
				}
			}
		})
	}
}

// An interrupt ends a command that waits for the user id, and nothing is changed.
func TestInterruptedConfirmation(t *testing.T) {
	r := newRig(t)
	if _, err := r.svc.Begin(t.Context(), authn.Login{User: "ada"}); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	asked, typed := io.Pipe()
	late := time.AfterFunc(10*time.Second, func() { typed.Close() })
	tool := operate.Tool{
		Open:  func(context.Context) (authn.Config, func() error, error) { return r.tool, nil, nil },
		Stdin: asked, Stdout: io.Discard, Stderr: prompted(interrupt),
	}
	if code := tool.Run(ctx, []string{"erase", "ada"}); code != 3 || !late.Stop() {
		t.Errorf("exit code %d, or it has waited for an answer", code)
	}
	typed.Close()
	if info, err := r.svc.Account(t.Context(), "ada"); err != nil || info.User != "ada" {
		t.Errorf("%+v, %v", info, err)
	}
}

// prompted does something when the user is asked.
type prompted func()

func (f prompted) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "Type the user id") {
		f()
	}
	return len(b), nil
}

// A user who was erased is named by nothing but the one who knows the id.
func TestErased(t *testing.T) {
	r := newRig(t)
	r.town()
	gus, err := r.svc.Account(t.Context(), "gus")
	if err != nil || gus.User != "" {
		t.Fatal(gus, err)
	}
	r.want(3, []string{"unlock", "-yes", "-reason", "x", "-account", gus.Account}, "was erased")
	r.want(0, []string{"unlock", "-yes", "-reason", "x", "gus"})
}

// list has the accounts that the conditions select, and no others.
func TestList(t *testing.T) {
	r := newRig(t)
	r.town()
	otherTenant(t, r)
	for args, want := range map[string]string{
		"":                          " ada bob o'neil carol dora erin fay",
		"-locked":                   "bob o'neil carol",
		"-disabled":                 "carol",
		"-state MFA_CHALLENGE":      "ada fay",
		"-state mfa_challenge":      "ada fay",
		"-state SUCCESS":            "dora",
		"-state PASSWORD_WARN":      "",
		"-owes any":                 "fay",
		"-owes send-code":           "fay",
		"-state SUCCESS -locked":    "",
		"-sealed 1 -disabled":       "carol",
		"-sealed 2":                 "",
		"-state SUCCESS -limit 100": "dora",
	} {
		out := r.want(0, append([]string{"list", "-json"}, strings.Fields(args)...))
		var users []string
		for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
			var info authn.AccountInfo
			if err := json.Unmarshal(lines.Bytes(), &info); err != nil || len(info.Account) != 40 {
				t.Fatal(err, lines.Text())
			}
			users = append(users, info.User)
		}
		if got := strings.Join(sorted(users), " "); got != want {
			t.Errorf("list %s: %q, want %q", args, got, want)
		}
	}
	r.now = r.now.Add(time.Hour) // who is disabled is locked for ever
	if out := r.want(0, []string{"list", "-locked"}, "1 account"); !strings.Contains(out, "carol") {
		t.Errorf("-locked, after the locks:\n%s", out)
	}
	if out := r.want(0, []string{"list", "-limit", "2"}, "2 accounts"); strings.Count(out, "\n") != 2 {
		t.Errorf("-limit 2:\n%s", out)
	}
}

// otherTenant adds a record of another tenant to the store.
func otherTenant(t *testing.T, r *rig) {
	t.Helper()
	cfg := r.cfg
	cfg.Tenant = "another"
	svc, err := authn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Begin(t.Context(), authn.Login{User: "zoe"}); err != nil {
		t.Fatal(err)
	}
}

// Flags come anywhere; behind "--" a user id may look like one.
func TestFlags(t *testing.T) {
	r := newRig(t)
	r.wrong("-json", 3)
	r.want(0, []string{"show", "--", "-json"}, "user      -json", "authnctl unlock -reason 'who asked, and how you know' -- -json")
	r.want(0, []string{"unlock", "-yes", "-reason", "x", "--", "-json"})
	if out := r.want(0, []string{"show", "-json", "--", "-json"}); !json.Valid([]byte(out)) {
		t.Error(out)
	}
	r.want(2, []string{"show", "--", "-json", "-json"}, "unexpected")
}

// What Open holds is given up, its errors have their exit code, and flags of the program
// are those of every command.
func TestOpen(t *testing.T) {
	r := newRig(t)
	ended := 0
	var errOpen error
	tool := operate.Tool{
		Name: "signinctl", Stdout: &r.out, Stderr: &r.out, Stdin: strings.NewReader(""),
		Open: func(context.Context) (authn.Config, func() error, error) {
			return r.tool, func() error { ended++; return nil }, errOpen
		},
	}
	if code := tool.Run(t.Context(), []string{"list"}); code != 0 || ended != 1 {
		t.Error(code, ended)
	}
	errOpen = errors.New("no such store")
	if code := tool.Run(t.Context(), []string{"list"}); code != 1 || ended != 2 {
		t.Error(code, ended)
	}
	errOpen = fmt.Errorf("%w: -store is missing", operate.ErrUsage)
	if code := tool.Run(t.Context(), []string{"list"}); code != 2 {
		t.Error(code)
	}
	if !strings.Contains(r.out.String(), "signinctl: no such store") {
		t.Error(r.out.String())
	}
}

// A program that does not know the host's states and policy says so where it matters, and
// loses nothing of them.
func TestLessThanTheHost(t *testing.T) {
	r := newRig(t)
	r.cfg.Gates = []authn.Gate{{State: "TERMS", Keeper: new(testhost.Guard)}}
	r.open()
	a, code := r.begin("hal")
	if a, err := r.svc.Do(t.Context(), a.Token, authn.Verify{Code: code}); err != nil || a.State != "TERMS" {
		t.Fatal(a, err)
	}
	r.want(0, []string{"show", "hal"}, "TERMS")
	r.want(0, []string{"list", "-state", "terms"}, "1 account")
	r.want(0, []string{"explain", "hal"}, "● TERMS", "pass ─→ ")

	r.tool.Gates = nil
	r.want(0, []string{"show", "hal"}, "GATE", "which this program does not know")
	r.want(2, []string{"list", "-state", "terms"}, "no state is called TERMS")
	r.want(0, []string{"explain", "hal"}, "● GATE")

	r = newRig(t)
	r.town()
	r.tool.Policy = authn.Policy{}
	r.tool.Keys = append([]authn.Key{{ID: 2, Secret: secret("2")}}, r.tool.Keys...)
	r.want(0, []string{"reseal"}, "7 sealed anew")
	r.cfg.Keys = r.tool.Keys
	svc, err := authn.New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // as it is, and after the host has looked at what is due
		erin, err := svc.Account(t.Context(), "erin")
		if err != nil || len(erin.Devices) != 1 || erin.SealedBy != 2 {
			t.Errorf("%+v, %v", erin, err)
		}
		r.now = r.now.Add(time.Hour)
		if _, err := svc.Tend(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
