package nodes

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/places"
)

// many are the callers of each node for each of two transactions.
const many = 150

// comes lets somebody arrive, and add a factor where the path does so, until the
// session is there.
func (p *pair) comes(t *testing.T, user string) {
	t.Helper()
	path := pathOf(kind(user))
	p.visitor = visitor{user: user, now: p.now, inbox: p.inbox, phone: p.phone}
	steps := 0
	for path.factor != "" && steps < len(path.steps) && (steps == 0 || path.steps[steps-1].event != "redeem") {
		steps++
	}
	if err := p.walk(p.node(0), path, 0, steps); err != nil {
		t.Fatal(err)
	}
	p.now = p.now.Add(time.Minute)
}

// tab begins a transaction at a node, and tabs one at each.
func (p *pair) tab(t *testing.T, i int) (token string) {
	t.Helper()
	r, what := p.one(t, i, request{Event: "primary", User: p.user})
	if r.Token == "" {
		t.Fatalf("a sign-in begins with %s, %s", what, r.Err)
	}
	return r.Token
}

func (p *pair) tabs(t *testing.T) (tokens [2]string) {
	t.Helper()
	return [2]string{p.tab(t, 0), p.tab(t, 1)}
}

func proof(token, factor, code string, callers int) request {
	return request{Event: "verify", Token: token, Factor: factor, Code: code, Callers: callers}
}

// race lets the callers of both nodes prove a factor in both transactions, and
// returns how often that worked.
func (p *pair) race(t *testing.T, tabs [2]string, factor string, codes [2]string) (wins [2]int, said []map[string]int) {
	t.Helper()
	said = p.all(t, proof(tabs[0], factor, codes[0], many), proof(tabs[1], factor, codes[1], many))
	return [2]int{said[0][success], said[1][success]}, said
}

// once checks that one code that was submitted in two transactions was taken once. Who
// has loaded the record before that, and asks the Directory after it, hears that the
// code is used, in the transaction that it has finished.
func once(t *testing.T, said []map[string]int) {
	t.Helper()
	won, lost := said[0], said[1]
	if lost[finished] > 0 {
		won, lost = lost, won
	}
	won[finished] += won[used]
	delete(won, used)
	if !are(won, map[string]int{success: 1, finished: 2*many - 1}) || !are(lost, map[string]int{used: 2 * many}) {
		t.Errorf("one code in two transactions: %v", said)
	}
}

// Hundreds who submit one code of an app, in two transactions and at two nodes, are one
// sign-in.
func TestManyAppCodes(t *testing.T) {
	onBoth(t, authn.Policy{}, func(t *testing.T, p *pair) {
		p.comes(t, appUsers)
		code := shown(&p.visitor)
		_, said := p.race(t, p.tabs(t), appID, [2]string{code, code})
		once(t, said)
		for i := range p.nodes {
			if _, what := p.one(t, i, proof(p.tab(t, i), appID, code, 1)); what != used {
				t.Errorf("at node %d the code is answered with %s", i, what)
			}
		}
	})
}

// The same holds of a recovery code. Two codes at once are two sign-ins, and none of
// the two is good again.
func TestManyRecoveryCodes(t *testing.T) {
	onBoth(t, authn.Policy{}, func(t *testing.T, p *pair) {
		p.comes(t, listUsers)
		_, said := p.race(t, p.tabs(t), listID, [2]string{p.list[0], p.list[0]})
		once(t, said)
		p.now = p.now.Add(time.Minute)
		_, said = p.race(t, p.tabs(t), listID, [2]string{p.list[1], p.list[2]})
		for _, got := range said {
			if got[success]+got[unavailable] == 0 || got[success] > 1 {
				t.Errorf("two codes in two transactions: %v", said)
			}
		}
		if err := p.has(t, 4, 3); err != nil {
			t.Error(err)
		}
	})
}

// has says that the Directory has a revision of the list in which the first codes are
// used and the others are not. It uses up one more.
func (p *pair) has(t *testing.T, revision, gone int) error {
	t.Helper()
	f, err := p.phone.newest(p.user, listID)
	if err != nil || int(f.Revision) != revision {
		return fmt.Errorf("the Directory has revision %d, not %d, %v", f.Revision, revision, err)
	}
	for i := range p.nodes {
		tab := p.tab(t, i)
		for _, code := range p.list[:gone] {
			if _, what := p.one(t, i, proof(tab, listID, code, 1)); what != used {
				return fmt.Errorf("at node %d a used code is answered with %s", i, what)
			}
		}
	}
	r, what := p.one(t, 0, proof(p.tab(t, 0), listID, p.list[gone], 1))
	if what != success || r.Left != len(p.list)-gone-1 {
		return fmt.Errorf("a new code is answered with %s and leaves %d", what, r.Left)
	}
	return nil
}

// A node that is slow to tell the Directory is overtaken by another one, and its older
// news changes nothing when it comes.
func TestManyHandOvers(t *testing.T) {
	for _, store := range []string{"PostgreSQL", "Redis"} {
		t.Run(store, func(t *testing.T) {
			if err := overtaken(t, places.Durable[store](t), "slow"); err != nil {
				t.Error(err)
			}
		})
	}
}

// overtaken lets the first node, which is slow, use up one code, and the second node
// another one before the Directory knows of the first.
func overtaken(t *testing.T, store, spoil string) error {
	t.Helper()
	p := newPair(t, store, spoil, authn.Policy{})
	p.nodes[1] = p.start(t, 1, "")
	p.comes(t, listUsers)
	tabs := p.tabs(t)
	var first string
	var wg sync.WaitGroup
	wg.Go(func() { _, first = p.one(t, 0, proof(tabs[0], listID, p.list[0], 1)) })
	for p.revision(t) < 2 { // until it is saved
		time.Sleep(time.Millisecond)
	}
	_, second := p.one(t, 1, proof(tabs[1], listID, p.list[1], 1))
	wg.Wait()
	if first != success || second != success {
		return fmt.Errorf("two codes are answered with %s and %s", first, second)
	}
	if n := len(distinct(p.phone.told(p.user, activated))); n != 3 {
		return fmt.Errorf("the Directory was told %d times", n)
	}
	return p.has(t, 3, 2)
}

// revision is that of the list which the record owes to the Directory, or which the
// Directory has.
func (p *pair) revision(t *testing.T) int {
	t.Helper()
	f, err := p.phone.newest(p.user, listID)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.survivor.svc.Inspect(t.Context(), p.user)
	if err != nil {
		t.Fatal(err)
	}
	n := int(f.Revision)
	for _, e := range a.View().Owed {
		if e.Name == "hand over factor" {
			n++
		}
	}
	return n
}

// Those who ask whether the phone has answered write nothing, however many they are.
// Of hundreds of answers one is taken, at the node that did not ask, and of hundreds
// who ask then one signs in.
func TestManyPolls(t *testing.T) {
	onBoth(t, authn.Policy{}, func(t *testing.T, p *pair) {
		token, saves := p.asked(t, pushUsers), 0
		var mu sync.Mutex
		for _, n := range p.nodes {
			n.told = func(save) {
				mu.Lock()
				defer mu.Unlock()
				saves++
			}
		}
		poll := proof(token, "", "", many)
		if got := p.all(t, poll)[0]; !are(got, map[string]int{waiting: 2 * many}) || saves != 0 {
			t.Errorf("%d polls: %v, and %d saves", 2*many, got, saves)
		}
		answer := request{Event: "respond", Token: p.newest().code, Code: p.number, Callers: many}
		if got := p.all(t, answer)[0]; !are(got, map[string]int{string(authn.MFAChallenge): 1, noCode: 2*many - 1}) {
			t.Errorf("%d answers of the phone: %v", 2*many, got)
		}
		if got := p.all(t, poll)[0]; !are(got, map[string]int{success: 1, finished: 2*many - 1}) {
			t.Errorf("%d polls of an approval: %v", 2*many, got)
		}

		// Those who ask meanwhile.
		p.user = pushUsers + "2"
		poll.Token, poll.Callers, poll.Patient = p.asked(t, p.user), 20, true
		answer.Token, answer.Code, answer.Callers = p.newest().code, p.number, 1
		got := p.all(t, poll, answer)
		if delete(got[0], waiting); !are(got[0], map[string]int{success: 1, finished: 39}) || got[1][noCode]+got[1][finished] != 1 {
			t.Errorf("40 polls beside two answers: %v", got)
		}
	})
}

// asked walks to the question to the phone, at the first node.
func (p *pair) asked(t *testing.T, user string) (token string) {
	t.Helper()
	p.visitor = visitor{user: user, now: p.now, inbox: p.inbox, phone: p.phone}
	if err := p.walk(p.node(0), pathOf(pushUsers), 0, 2); err != nil {
		t.Fatal(err)
	}
	return p.token
}

// A code of an app that is over by one clock, or has not come by the other, is used
// once, whichever node judges first; what the first one has saved binds the second.
func TestClocksApartApp(t *testing.T) {
	onBoth(t, authn.Policy{}, func(t *testing.T, p *pair) {
		for _, c := range []struct {
			edge  time.Duration // when it is judged, from the beginning of its time step
			first int           // node: the second is ahead
			want  [2]string     // at the first, then at the other
		}{
			{60 * time.Second, 0, [2]string{success, wrongCode}},
			{60 * time.Second, 1, [2]string{wrongCode, wrongCode}},
			{-30 * time.Second, 0, [2]string{wrongCode, success}},
			{-30 * time.Second, 1, [2]string{success, used}},
		} {
			p.comes(t, fmt.Sprintf("%s%d-%.0f", appUsers, c.first, c.edge.Seconds()))
			tabs := p.tabs(t)
			p.now = p.now.Add(3 * time.Minute).Truncate(30 * time.Second)
			code := p.appCode(p.now.Add(-c.edge))
			for i, want := range c.want {
				n := (c.first + i) % 2
				if _, what := p.one(t, n, proof(tabs[n], appID, code, 1)); what != want {
					t.Errorf("%v from its step, node %d first: at node %d %s, want %s", c.edge, c.first, n, what, want)
				}
			}
		}
	})
}

// The tests are seen to speak: on a store that races, one code of an app or of a list,
// and one approval, sign in more than once; and a Directory that does not look at the
// Revision ends up with an older one.
func TestManyTypesSpeak(t *testing.T) {
	p := newPair(t, places.PostgreSQL(t), "racy", authn.Policy{})
	for user, twice := range map[string]func() int{
		appUsers: func() int {
			code := shown(&p.visitor)
			wins, _ := p.race(t, p.tabs(t), appID, [2]string{code, code})
			return wins[0] + wins[1]
		},
		listUsers: func() int {
			wins, _ := p.race(t, p.tabs(t), listID, [2]string{p.list[0], p.list[0]})
			return wins[0] + wins[1]
		},
		pushUsers: func() int {
			token := p.asked(t, p.user)
			p.one(t, 1, request{Event: "respond", Token: p.newest().code, Code: p.number})
			return p.all(t, proof(token, "", "", many))[0][success]
		},
	} {
		wins := 0
		for round := 0; round < 20 && wins < 2; round++ {
			p.comes(t, fmt.Sprint(user, round))
			wins = twice()
		}
		if wins < 2 {
			t.Errorf("%s: a store that races looks right", user)
		}
	}
	if err := overtaken(t, places.PostgreSQL(t), "slow and careless"); err == nil {
		t.Error("a Directory that takes every revision looks right")
	} else {
		t.Log(err)
	}
}
