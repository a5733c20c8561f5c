package contest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

const aYear = 365 * 24 * time.Hour

var ctx = context.Background()

// contest is a situation and the clients that compete in it.
type contest struct {
	name      string
	schedules int // number of interleavings of the clients' calls
	outcomes  int // number of different results of sequential orders
	situation func(testing.TB) *stage
	clients   clients
}

type clients []client

// client performs an action on a separate node with a separate clock, and returns
// the answer.
type client struct {
	do    func(*arena, *authn.Service) (*authn.Answer, error)
	clock func(*stage) time.Time
}

// stage is a situation: a host, and what the clients know at the start.
type stage struct {
	*testhost.Host
	user     string
	answer   *authn.Answer      // of the shared transaction
	code     authn.Code         // of that transaction
	codes    []authn.Code       // of a list
	claimed  []authn.Code       // of claims, by transaction
	approval authn.Secret       // the token of the user's other device
	tokens   []authn.StateToken // of all transactions
	vault    *testhost.Vault    // the host's passwords, if it changes them
	terms    *testhost.Guard    // of its gate
}

// arena runs a contest many times.
type arena struct {
	*stage
	clients clients
	records map[string]authn.Record
	sockets []socket         // of the clients, and one to inspect the result
	nodes   []*authn.Service // likewise
	users   map[string][]authn.Factor
	mail    *memsender.Sender
	begun   []authn.StateToken   // new state tokens, by client
	won     []authn.SessionToken // session tokens, by client
}

// socket is a node's store, which can be replaced.
type socket struct{ authn.Store }

func (s *socket) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return s.Store.(authn.Sweeper).Due(ctx, before, limit)
}

func (c *contest) open(t testing.TB) *arena {
	a := &arena{stage: c.situation(t), clients: c.clients, records: map[string]authn.Record{}, users: map[string][]authn.Factor{}}
	for _, user := range []string{"ada", "grace"} {
		a.users[user] = a.World.FactorsOf(user)
	}
	keys, err := a.Store.Due(ctx, testhost.Start.Add(aYear), 100)
	if err != nil || len(keys) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, k := range keys {
		if a.records[k], err = a.Store.Load(ctx, k); err != nil {
			t.Fatal(err)
		}
	}
	n, now, last := len(c.clients), a.World.Now(), time.Time{}
	a.sockets, a.nodes = make([]socket, n+1), make([]*authn.Service, n+1)
	for i := range a.nodes {
		cfg := a.Config
		cfg.Store, cfg.Auditor, cfg.Mailer = &a.sockets[i], nil, testhost.SendFunc(func(ctx context.Context, m authn.Message) error { return a.mail.Send(ctx, m) })
		at := now
		if i < n && c.clients[i].clock != nil {
			at = c.clients[i].clock(a.stage)
		}
		if at.After(last) {
			last = at
		}
		if i == n {
			at = last
		}
		cfg.Now = func() time.Time { return at }
		if a.nodes[i], err = authn.New(cfg); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// fill copies the records of the situation to a store.
func (a *arena) fill(s authn.Store) {
	for k, r := range a.records {
		if err := s.Save(ctx, k, 0, r); err != nil {
			panic(err)
		}
	}
}

// serial returns the different outcomes of all sequential orders of the clients.
func (a *arena) serial() (all []string) {
	for pick := range storetest.Schedules() {
		s := new(memstore.Store)
		a.start(s)
		told, left := make([]string, len(a.clients)), []int{}
		for i := range a.clients {
			left = append(left, i)
		}
		for len(left) > 0 {
			j := pick(len(left))
			told[left[j]] = a.run(left[j], s)
			left = slices.Delete(left, j, j+1)
		}
		if got := a.outcome(told, s); !slices.Contains(all, got) {
			all = append(all, got)
		}
	}
	return all
}

// play runs the contest once, on an empty store.
func (a *arena) play(s authn.Store, pick func(int) int) (outcome string, turns []storetest.Turn) {
	a.start(s)
	told, fs := make([]string, len(a.clients)), make([]func(authn.Store), len(a.clients))
	for i := range fs {
		fs[i] = func(s authn.Store) { told[i] = a.run(i, s) }
	}
	turns = storetest.Interleave(s, pick, fs...)
	return a.outcome(told, s), turns
}

func (a *arena) start(s authn.Store) {
	a.fill(s)
	a.World.Forget() // contests are many
	if a.vault != nil {
		a.vault.Forget()
		a.terms.Forget()
	}
	for user, fs := range a.users {
		a.World.SetFactors(user, fs...)
	}
	a.mail, a.begun, a.won = new(memsender.Sender), make([]authn.StateToken, len(a.clients)), make([]authn.SessionToken, len(a.clients))
}

func (a *arena) run(i int, s authn.Store) string {
	a.sockets[i].Store = s
	ans, err := a.clients[i].do(a, a.nodes[i])
	if ans != nil {
		a.won[i] = ans.Session
		if !slices.Contains(a.tokens, ans.Token) {
			a.begun[i] = ans.Token
		}
	}
	return a.told(ans, err)
}

// told returns an answer or an error as text without random parts. It omits the
// delivery state, which depends on other clients until the end.
func (a *arena) told(ans *authn.Answer, err error) string {
	var r *authn.Refusal
	words := fmt.Sprint(err)
	if errors.As(err, &r) {
		ans = r.Answer
		words += since(" from ", r.RetryAt)
	}
	if ans == nil {
		return words
	}
	words += fmt.Sprintf("; %s %q, %d tries, generation %d, a token: %t, a session: %t", ans.State, ans.Outcome, ans.TriesLeft, ans.Generation, ans.Token != "", ans.Session != "")
	words += since(", now ", ans.Now) + since(", ends ", ans.Expires) + since(", code until ", ans.CodeExpires) + since(", locked until ", ans.Until) + "; allowed"
	for _, x := range ans.Allowed {
		words += " " + string(x.Event) + since(" at ", x.At)
	}
	return words
}

func since(what string, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fmt.Sprint(what, at.Sub(testhost.Start))
}

// random matches an id, or the saved time, which a Tend without work changes too.
var random = regexp.MustCompile(`[0-9a-f]{32}|saved=\S+`)

// outcome returns everything observable after a contest.
func (a *arena) outcome(told []string, s authn.Store) string {
	var b strings.Builder
	for i, x := range told {
		fmt.Fprintf(&b, "client %d: %s\n", i, x)
	}
	look := a.nodes[len(a.clients)]
	a.sockets[len(a.clients)].Store = s
	acct, err := look.Inspect(ctx, a.user)
	fmt.Fprintf(&b, "record: %s %v\n", random.ReplaceAllString(acct.String(), "…"), err)
	for i, token := range slices.Concat(a.tokens, a.begun) {
		if token != "" {
			ans, err := look.Status(ctx, token)
			fmt.Fprintf(&b, "token %d: %s", i, a.told(ans, err))
			if err == nil {
				fmt.Fprintf(&b, "; mail %q", ans.Delivery)
			}
			b.WriteString("\n")
		}
	}
	for i, session := range a.won {
		if session != "" {
			_, err := a.spare(s).Redeem(ctx, session)
			fmt.Fprintf(&b, "session of client %d: %v\n", i, err)
		}
	}
	if a.vault != nil {
		fmt.Fprintf(&b, "password: %q, passed:", a.vault.Kept(a.user))
		for _, c := range a.terms.Passes() {
			fmt.Fprintf(&b, " %q%s", c.Data, since(" at ", c.At))
		}
		b.WriteString("\n")
	}
	codes := []authn.Code{a.code}
	for _, m := range a.mail.All() {
		fmt.Fprintf(&b, "mail: %s to %s, generation %d%s%s\n", m.Kind, m.To, m.Generation, since(", code until ", m.Expires), since(", locked until ", m.Until))
		if m.Kind == authn.CodeMessage {
			codes = append(codes, m.Code)
		}
	}
	for i, code := range codes {
		fmt.Fprintf(&b, "code %d: %s\n", i, a.worth(authn.Verify{Code: code}, s))
	}
	for i, code := range a.codes[:min(2, len(a.codes))] {
		fmt.Fprintf(&b, "recovery code %d: %s\n", i, a.worth(authn.Verify{Factor: "list", Code: code}, s))
	}
	return b.String()
}

// spare returns a service on a copy of the records.
func (a *arena) spare(s authn.Store) *authn.Service {
	spare := new(memstore.Store)
	keys, _ := s.(authn.Sweeper).Due(ctx, testhost.Start.Add(aYear), 100)
	for _, k := range keys {
		if r, err := s.Load(ctx, k); err == nil {
			spare.Save(ctx, k, 0, r)
		}
	}
	a.sockets[len(a.clients)].Store = spare
	return a.nodes[len(a.clients)]
}

// worth returns the result of verifying a code on a copy of the records.
func (a *arena) worth(ev authn.Event, s authn.Store) string {
	look := a.spare(s)
	var all []string
	for _, token := range slices.Concat(a.tokens, a.begun) {
		if token == "" {
			continue
		}
		if ans, err := look.Do(ctx, token, ev); err != nil {
			all = append(all, fmt.Sprint(err))
		} else {
			all = append(all, fmt.Sprint(ans.State, ans.Outcome))
		}
	}
	return strings.Join(all, ", ")
}
