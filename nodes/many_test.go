package nodes

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/places"
)

// skew is how far each of two clocks is off, in opposite directions.
const skew = 2 * time.Second

// guessable has no wait between wrong codes, so that the tries of the code
// alone stand against those who guess.
var guessable = authn.Policy{Digits: 8, NoBackoff: true}

// A pair is two nodes on one store, in processes of their own: the clock of
// the first is behind, that of the second ahead.
type pair struct {
	*world
	visitor
	nodes [2]*process
	calls int // made by one
}

func newPair(t *testing.T, store, spoil string, policy authn.Policy) *pair {
	t.Helper()
	w := newWorld(t, store)
	p := &pair{world: w, visitor: visitor{user: regulars, now: epoch, inbox: w.post, phone: people(w.config.People)}}
	w.config.Policy = policy
	for i := range p.nodes {
		p.nodes[i] = p.start(t, i, spoil)
	}
	return p
}

func (p *pair) start(t *testing.T, i int, spoil string) *process {
	c := p.config
	c.Ahead, c.Spoil = skew*time.Duration(2*i-1), spoil
	return c.start(t)
}

// onBoth runs a test on stores that are servers.
func onBoth(t *testing.T, policy authn.Policy, f func(*testing.T, *pair)) {
	for _, store := range []string{"PostgreSQL", "Redis"} {
		t.Run(store, func(t *testing.T) {
			f(t, newPair(t, places.Durable[store](t), "", policy))
		})
	}
}

// node is one of the nodes, as a server.
func (p *pair) node(i int) server {
	return func(now time.Time, rs ...request) ([]reply, error) { return p.nodes[i].serve(now, 0, rs...) }
}

// one makes a call at a node and says how it turned out. Where a busy server did not
// answer in time it is made again, with its key.
func (p *pair) one(t *testing.T, i int, r request) (reply, string) {
	t.Helper()
	if p.calls++; r.Key == "" {
		r.Key = fmt.Sprint("call ", p.calls)
	}
	for range 10 {
		rs, err := p.node(i)(p.now, r)
		if err != nil {
			t.Fatal(err)
		}
		if rs[0].Tally[unavailable] > 0 {
			continue
		}
		for what := range rs[0].Tally {
			return rs[0], what
		}
	}
	return reply{}, unavailable
}

// are says that the callers were told what is wanted. A node that does not know whether a
// save took place says that it is unavailable.
func are(got, want map[string]int) bool {
	unsure := got[unavailable]
	for what, n := range want {
		if got[what] > n {
			return false
		}
		unsure -= n - got[what]
	}
	for what := range got {
		if _, ok := want[what]; !ok && what != unavailable {
			return false
		}
	}
	return unsure == 0
}

// challenged walks to the code, at a node.
func (p *pair) challenged(t *testing.T, i int) {
	t.Helper()
	if err := p.walk(p.node(i), paths[0], 0, 2); err != nil {
		t.Fatal(err)
	}
}

// all lets the callers of both nodes go at once. It returns how often each
// thing was said, for each of the requests.
func (p *pair) all(t *testing.T, rs ...request) []map[string]int {
	t.Helper()
	var replies [2][]reply
	var errs [2]error
	var wg sync.WaitGroup
	for i := range p.nodes {
		wg.Go(func() { replies[i], errs[i] = p.node(i)(p.now, rs...) })
	}
	wg.Wait()
	tallies := make([]map[string]int, len(rs))
	for i := range rs {
		tallies[i] = map[string]int{}
		for n := range p.nodes {
			if errs[n] != nil {
				t.Fatal(errs[n])
			}
			for what, times := range replies[n][i].Tally {
				tallies[i][what] += times
			}
			if s := replies[n][i].Session; s != "" {
				p.session = s
			}
		}
	}
	return tallies
}

func (p *pair) verify(code string, callers int) request {
	return request{Event: "verify", Token: p.token, Code: code, Callers: callers}
}

var (
	success  = string(authn.Success)
	finished = authn.ErrFinished.Error()
	tooSoon  = authn.ErrTooSoon.Error()
	noCode   = authn.ErrNoCode.Error()
	used     = authn.ErrUsed.Error()
	waiting  = authn.ErrWaiting.Error()
)

// A thousand right codes at once are one sign-in, and a hundred redemptions
// one session.
func TestManyRight(t *testing.T) {
	onBoth(t, authn.Policy{}, func(t *testing.T, p *pair) {
		p.challenged(t, 0)
		got := p.all(t, p.verify(p.inbox.code(p.user), 500))[0]
		if want := map[string]int{success: 1, finished: 999}; !are(got, want) {
			t.Errorf("1,000 right codes: %v", got)
		}
		got = p.all(t, request{Event: "redeem", Token: p.session, Callers: 50})[0]
		if want := map[string]int{redeemed: 1, finished: 99}; !are(got, want) {
			t.Errorf("100 redemptions: %v", got)
		}
	})
}

// Ten thousand guesses at once are five, and whoever has the right code gets a
// verdict.
func TestManyWrong(t *testing.T) {
	onBoth(t, guessable, func(t *testing.T, p *pair) {
		p.challenged(t, 0)
		code := p.inbox.code(p.user)
		got := p.all(t, p.verify(otherCode(code), 5000))[0]
		if !are(got, map[string]int{wrongCode: 5, noCode: 9995}) {
			t.Errorf("10,000 guesses: %v", got)
		}
		if a := p.account(t); a.count("tries") != 5 || a.count("failures") != 5 {
			t.Errorf("after five guesses: %s", a)
		}
		if _, what := p.one(t, 1, p.verify(code, 1)); what != noCode {
			t.Errorf("the right code after five guesses: %s", what)
		}

		// A new code, and the one who has it among those who guess.
		p.now = p.now.Add(time.Minute)
		if _, what := p.one(t, 0, request{Event: "resend", Token: p.token}); what != string(authn.MFAChallenge) {
			t.Fatalf("resend: %s", what)
		}
		rightful := p.verify(p.inbox.code(p.user), 1)
		rightful.Patient = true
		both := p.all(t, p.verify(otherCode(rightful.Code), 1000), rightful)
		guesses, verdicts := both[0], both[1]
		unsure := verdicts[unavailable]
		delete(verdicts, unavailable)
		if n := verdicts[success] + verdicts[noCode] + verdicts[finished]; n != 2 || verdicts[success] > 1 {
			t.Errorf("two with the right code: %v", verdicts)
		}
		if n := guesses[wrongCode] + guesses[string(authn.LockedOut)]; n > 5 || verdicts[success] == 0 && n+guesses[unavailable]+unsure < 5 {
			t.Errorf("%d guesses were counted, %v, beside %v", n, guesses, verdicts)
		}
	})
}

// Resends at once, on the very edge of the cool-down by one clock and before it
// by the other, are one mail with one code.
func TestManyResends(t *testing.T) {
	onBoth(t, authn.Policy{Digits: 8}, func(t *testing.T, p *pair) {
		p.challenged(t, 1)
		old := p.inbox.code(p.user)
		resend := request{Event: "resend", Token: p.token, Callers: 100}
		for _, burst := range []struct {
			after time.Duration // the one before; the cool-down ends at 30 s by the clock that is ahead
			want  int
		}{{27 * time.Second, 0}, {4 * time.Second, 1}} {
			p.now = p.now.Add(burst.after)
			got := p.all(t, resend)[0]
			if !are(got, map[string]int{string(authn.MFAChallenge): burst.want, tooSoon: 200 - burst.want}) {
				t.Errorf("200 resends: %v, want %d mails", got, burst.want)
			}
		}
		letters := p.inbox.letters(p.user)
		if len(letters) != 2 || letters[1].generation != 2 || letters[0].id == letters[1].id {
			t.Fatalf("%d mails: %+v", len(letters), letters)
		}
		if got := p.account(t).count("sends"); got != 2 {
			t.Errorf("%d sends", got)
		}
		if _, what := p.one(t, 0, p.verify(old, 1)); what != wrongCode {
			t.Errorf("the old code: %s", what)
		}
		if _, what := p.one(t, 1, p.verify(letters[1].code, 1)); what != success {
			t.Errorf("the new code: %s", what)
		}
	})
}

// A code that is late by one clock stays late by the other, and what was good
// by one is used up by the other.
func TestClocksApart(t *testing.T) {
	onBoth(t, authn.Policy{}, func(t *testing.T, p *pair) {
		for _, c := range []struct {
			first         int // node
			wants, wants2 string
		}{{1, lateCode, noCode}, {0, success, finished}} {
			p.user = fmt.Sprint("old", c.first)
			p.challenged(t, 0) // its code ends at now - skew + 5 min
			p.now = p.now.Add(5*time.Minute - skew)
			right := p.verify(p.inbox.code(p.user), 1)
			if _, what := p.one(t, c.first, right); what != c.wants {
				t.Errorf("at node %d: %s, want %s", c.first, what, c.wants)
			}
			if _, what := p.one(t, 1-c.first, right); what != c.wants2 {
				t.Errorf("then at the other: %s, want %s", what, c.wants2)
			}
		}
	})
}

// The tests are seen to speak: on a store that races, one code signs in more
// than once.
func TestManySpeak(t *testing.T) {
	p := newPair(t, places.PostgreSQL(t), "racy", authn.Policy{})
	for round := range 20 {
		p.user = fmt.Sprint("old", round)
		p.challenged(t, 0)
		if p.all(t, p.verify(p.inbox.code(p.user), 100))[0][success] > 1 {
			return
		}
	}
	t.Error("a store that races looks right")
}

func (p *pair) account(t *testing.T) account {
	t.Helper()
	a, err := p.survivor.account(t.Context(), p.user)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
