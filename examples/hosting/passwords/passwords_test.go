package passwords

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

const (
	address = "ada@example.com"
	old     = "an old password"
	fresh   = "a difference engine"
)

var at = time.Unix(1_800_000_000, 0)

// known are passwords of Ada.
func known(t testing.TB, rules Rules, atOnce int) *Passwords {
	memory = 64
	p := New(rules, atOnce)
	if err := p.Store(context.Background(), authn.Change{User: "ada", At: at, Data: hash(old)}); err != nil {
		t.Fatal(err)
	}
	return p
}

func blocked(password string) bool { return password == "password password" }

var alone = Rules{MinLength: Alone, Blocked: blocked}

func Example() {
	users, mail := new(people.Directory), new(memsender.Sender)
	users.Add("ada", address, true)
	list := New(Rules{MinLength: SecondFactor, Blocked: blocked}, 4)
	if err := list.Store(context.Background(), authn.Change{User: "ada", Data: hash(old)}); err != nil {
		panic(err)
	}
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(rand.Text() + rand.Text())}}, // a real host keeps them
		PseudonymKey: []byte(rand.Text() + rand.Text()),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    users,
		Passwords:    list,
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	right, _ := list.Match(ctx, "ada", old)
	fmt.Println("the old password is right:", right)
	// It was found in a breach, so it has to be changed.
	a, _ := svc.Begin(ctx, authn.Login{User: "ada", Password: authn.PasswordHasExpired})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: mail.Last(address).Code})
	fmt.Println(a.State)
	for _, ev := range []authn.ChangePassword{{Old: "a guess", New: fresh}, {Old: old, New: "short"}, {Old: old, New: old}, {Old: old, New: fresh}} {
		a, _ = svc.Do(ctx, a.Token, ev)
		fmt.Printf("%s %q %q\n", a.State, a.Outcome, a.Reasons)
	}
	who, _ := svc.Redeem(ctx, a.Session)
	right, _ = list.Match(ctx, who.User, fresh)
	fmt.Println("the new one is right:", right)
	// Output:
	// the old password is right: true
	// PASSWORD_EXPIRED
	// PASSWORD_EXPIRED "wrong code" []
	// PASSWORD_EXPIRED "rejected" ["it has 5 characters, and needs 8"]
	// PASSWORD_EXPIRED "rejected" ["it is the password that you have"]
	// SUCCESS "" []
	// the new one is right: true
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		old, new authn.Secret
		min      int
		want     string // "": it is right; "wrong": the old one is not
	}{
		{old, fresh, Alone, ""},
		{"", fresh, Alone, ""}, // to be reset
		{"a guess", fresh, Alone, "wrong"},
		{"a guess", "short", Alone, "wrong"},
		{old, authn.Secret(strings.Repeat("x", 14)), Alone, "it has 14 characters, and needs 15"},
		{old, authn.Secret(strings.Repeat("x", 15)), Alone, ""},
		{old, authn.Secret(strings.Repeat("é", 14)), Alone, "it has 14 characters, and needs 15"},
		{old, authn.Secret(strings.Repeat("日", 15)), Alone, ""},
		{old, "1234567", SecondFactor, "it has 7 characters, and needs 8"},
		{old, "12345678", SecondFactor, ""},
		{old, "Password Password", Alone, "others would guess it"},
		{old, "ADA", SecondFactor, "it has 3 characters, and needs 8 others would guess it"},
		{old, old, Alone, "it is the password that you have"},
		{"", old, Alone, "it is the password that you have"},
		{old, "an old pass\uff57ord", Alone, "it is the password that you have"}, // a full-width letter
		{"an old pass\uff57ord", fresh, Alone, ""},
	} {
		p := known(t, Rules{c.min, blocked}, 1)
		v, err := p.Check(t.Context(), authn.PasswordInput{User: "ada", Old: c.old, New: c.new})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(v.Reasons, " ")
		if !v.Right && !v.Rejected {
			got = "wrong"
		}
		if got != c.want || v.Right == v.Rejected && got != "wrong" || v.Right != matches(v.Data, normal(string(c.new))) {
			t.Errorf("%q %q, at least %d: %+v, want %s", c.old, c.new, c.min, v, c.want)
		}
	}
	// Who does not exist is answered as one with another password.
	if v, err := known(t, alone, 1).Check(t.Context(), authn.PasswordInput{User: "eve", Old: old, New: fresh}); err != nil || v.Right || v.Rejected {
		t.Errorf("%+v %v", v, err)
	}
}

// No password is cut off, and each has a salt of its own.
func TestHash(t *testing.T) {
	memory = 64
	long := strings.Repeat("x", 4<<10)
	h := hash(long)
	if !matches(h, long) || matches(h, long[1:]) || matches(h, long[:len(long)-1]+"y") {
		t.Error("a long password is not compared as a whole")
	}
	if slices.Equal(h, hash(long)) {
		t.Error("two hashes are the same")
	}
	for n := range len(h) {
		if matches(h[:n], long) {
			t.Errorf("%d bytes are a hash", n)
		}
	}
	if h[0]++; matches(h, long) {
		t.Error("another version is taken")
	}
}

// An older password never replaces a newer one.
func TestStore(t *testing.T) {
	for _, c := range []struct {
		at   time.Duration
		want bool
	}{{-1, false}, {0, false}, {1, true}} {
		p := known(t, alone, 1)
		if err := p.Store(t.Context(), authn.Change{User: "ada", At: at.Add(c.at), Data: hash(fresh)}); err != nil {
			t.Fatal(err)
		}
		if right, err := p.Match(t.Context(), "ada", fresh); err != nil || right != c.want {
			t.Errorf("at %v: %t %v", c.at, right, err)
		}
	}
	p := known(t, alone, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Store(ctx, authn.Change{User: "ada", At: at.Add(1), Data: hash(fresh)}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for user, want := range map[string]bool{"ada": true, "eve": false} {
		if right, err := p.Match(t.Context(), user, old); err != nil || right != want {
			t.Errorf("%s: %t %v", user, right, err)
		}
	}
}

// Only so many hashes run at a time, and nobody waits for longer than the request.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *Passwords
		var now, most atomic.Int32
		p = known(t, Rules{Alone, func(string) bool { // it is asked while a slot is taken
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return false
		}}, 2)
		in := authn.PasswordInput{User: "ada", Old: old, New: fresh}
		done := make(chan error, 5)
		for range 5 {
			go func() { _, err := p.Check(t.Context(), in); done <- err }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := p.Match(ctx, "ada", old); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a match beside two that run: %v", err)
		}
		if _, err := p.Check(ctx, in); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a check beside two that run: %v", err)
		}
		for range 5 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if most.Load() != 2 {
			t.Errorf("%d ran at once", most.Load())
		}
	})
}
