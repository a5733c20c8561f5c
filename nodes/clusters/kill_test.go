package clusters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

const (
	visitors = 240 // sign in at once
	inFlight = 200 // of them at least have not finished when the leader is killed
	guessers = 12  // of the visitors only guess
	moved    = 30  // visitors have made a step after the first ones when it is killed
)

// TestLeaderKilled kills the leader of a cluster of three while hundreds sign in at
// three nodes, each a service with a client of its own, and then the whole cluster.
// Nothing that was answered is lost, nothing counts twice, no budget is exceeded.
func TestLeaderKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("three members, all of which are killed")
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel() // each kind waits for elections most of the time
			c := startCluster(t, k, 3)
			const name = "killed"
			f := newFleet(t)
			for range c.members {
				f.add(c.store(t, name))
			}
			all := f.visitors()
			f.each(all, (*visitor).begin)
			f.ahead.Store(int64(time.Minute)) // over the cool-down

			leader, err := c.findLeader(name) // before the rush, in which it would take long
			if err != nil {
				t.Fatal(err)
			}
			step := make(chan struct{}, visitors)
			killed := make(chan struct{})
			go func() {
				defer close(killed)
				for range moved {
					<-step
				}
				f.atKill = visitors - f.finished.Load()
				c.kill(leader)
			}()
			start := time.Now()
			f.each(all, func(v *visitor) error { return v.signIn(step) })
			<-killed
			c.start(leader)
			f.proveLate(all)
			t.Logf("%d sign-ins were in flight when the leader was killed; %d answers were lost; %v", f.atKill, f.lost.Load(), time.Since(start))
			if f.atKill < inFlight {
				t.Errorf("only %d sign-ins were in flight", f.atKill)
			}

			// A crash of all: what was answered is on their disks.
			for i := range c.members {
				c.kill(i)
			}
			for i := range c.members {
				c.start(i)
			}
			c.store(t, name) // waits until there is a leader
			f.each(all, (*visitor).redeemLate)
			f.each(all, (*visitor).over)
			f.ahead.Add(int64(time.Minute))
			f.tend()
			for _, v := range all {
				v.check(t)
			}
		})
	}
}

// signIn takes a visitor from the first code to the end, unless the second one does not
// come. Everything is done at all nodes at once, and repeated, with the same key, until
// there is an answer.
func (v *visitor) signIn(step chan<- struct{}) error {
	if err := v.thrice("resend", func(int) authn.Event { return authn.Resend{} }); err != nil {
		return err
	}
	v.granted++
	step <- struct{}{}
	if !v.hasCode() {
		return nil
	}
	return v.prove()
}

// proveLate is for those whose code did not come: where an answer is lost, so may be the
// attempt to send a code. A node that tends makes another one after a minute; else the
// user asks again.
func (f *fleet) proveLate(all []*visitor) {
	f.t.Helper()
	for range 3 {
		all = slices.DeleteFunc(slices.Clone(all), (*visitor).hasCode)
		if len(all) == 0 {
			return
		}
		f.t.Logf("%d codes did not come", len(all))
		f.ahead.Add(int64(time.Minute))
		f.tend()
		f.each(all, func(v *visitor) error {
			if !v.unsure {
				return errors.New("every answer came, and the code did not")
			}
			if !f.tends {
				if got, err := v.try(v.home, func(ctx context.Context, s *authn.Service) (*authn.Answer, error) {
					return s.Do(ctx, v.token, authn.WithKey(fmt.Sprint("again", v.granted), authn.Resend{}))
				}); err != nil || got != string(authn.MFAChallenge) {
					return errors.Join(errors.New("asks again: "+got), err)
				}
				v.granted++
			}
			if !v.hasCode() {
				return nil
			}
			return v.prove()
		})
	}
	f.t.Errorf("%d codes never came", len(all))
}

// prove guesses, submits the right code, and redeems the session token.
func (v *visitor) prove() error {
	wrong := v.code()
	wrong = string('0'+(wrong[0]-'0'+1)%10) + wrong[1:]
	rounds := 1 // of guesses, three each
	if v.guesses {
		rounds = 4
	}
	for i := range rounds {
		if err := v.thrice("guess"+string(rune('0'+i)), func(int) authn.Event { return authn.Verify{Code: authn.Code(wrong)} }); err != nil {
			return err
		}
	}
	right := v.code()
	err := v.thrice("verify", func(int) authn.Event { return authn.Verify{Code: authn.Code(right)} })
	if err == nil && !v.late && !v.spent() {
		err = v.redeem()
	}
	v.f.finished.Add(1)
	return err
}

func (v *visitor) redeemLate() error {
	if !v.late || v.spent() {
		return nil
	}
	return v.redeem()
}

// spent says that the tries of the code are used up. Each event that is repeated after
// another one counts again, since a transaction knows the last key only.
func (v *visitor) spent() bool { return v.guesses || v.unsure && v.told["verify "+noCode] > 0 }

// over says that nothing can be used again.
func (v *visitor) over() error {
	if v.spent() {
		return nil
	}
	for i := range v.f.nodes {
		if got, err := v.try(i, func(ctx context.Context, s *authn.Service) (*authn.Answer, error) {
			_, err := s.Redeem(ctx, v.session)
			return nil, err
		}); err != nil || got != finished {
			return errors.Join(errors.New("the session token works again: "+got), err)
		}
		if got, err := v.try(i, func(ctx context.Context, s *authn.Service) (*authn.Answer, error) {
			return s.Do(ctx, v.token, authn.Verify{Code: authn.Code(v.code())})
		}); err != nil || got != finished {
			return errors.Join(errors.New("the code works again: "+got), err)
		}
	}
	return nil
}

// check holds what the visitor was told to the policy.
func (v *visitor) check(t *testing.T) {
	t.Helper()
	n := v.told
	want := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s: %d, want %d; told %v", v.user, what, got, want, n)
		}
	}
	want("resends that were granted", n["resend "+string(authn.MFAChallenge)], 1)
	want("resends that were too soon", n["resend "+tooSoon], 2)
	if got := v.f.mail.codes(v.user); got != v.granted && (got > v.granted || !v.unsure) {
		t.Errorf("%s: codes that were sent: %d of %d; told %v", v.user, got, v.granted, n)
	}
	wrong := 0
	for what, times := range n {
		if len(what) > 7 && what[:5] == "guess" && what[7:] == wrongCode {
			wrong += times
		}
	}
	if v.spent() {
		// The record has them all: one whose answer was lost may not be among those that
		// were told.
		acct, err := v.f.nodes[0].Inspect(t.Context(), v.user)
		if err != nil {
			t.Error(err)
		}
		want("guesses that were counted", len(acct.View().WrongCodes), 5)
		if wrong > 5 || wrong < 5 && !v.unsure {
			t.Errorf("%s: guesses that were told wrong: %d; told %v", v.user, wrong, n)
		}
		want("right codes that were taken", n["verify "+string(authn.Success)], 0)
		want("right codes after five guesses", n["verify "+noCode], 3)
		return
	}
	if wrong != 3 && (wrong > 5 || !v.unsure) {
		t.Errorf("%s: guesses that were told wrong: %d; told %v", v.user, wrong, n)
	}
	want("right codes that were taken", n["verify "+string(authn.Success)], 1)
	want("right codes that were too late", n["verify "+finished], 2)
	// A redemption has no key, so its answer may be lost, but it is never given twice.
	if got := n["redeem "+redeemed]; got != 1 && (got != 0 || !v.unsure) {
		t.Errorf("%s: the session token was taken %d times; told %v", v.user, got, n)
	}
	want("session tokens that were refused", n["redeem "+finished], 3-n["redeem "+redeemed])
	if got := v.f.trail.signedIn(v.user); got > 1 || v.f.tends && got != 1 {
		t.Errorf("%s: %d sign-ins were audited", v.user, got)
	}
}

// redeem tries at all nodes at once.
func (v *visitor) redeem() error {
	session := v.session
	return v.all("redeem", func(i int) (string, error) {
		return v.try(i, func(ctx context.Context, s *authn.Service) (*authn.Answer, error) {
			who, err := s.Redeem(ctx, session)
			if err == nil && who.User != v.user {
				err = errors.New("it is the token of " + who.User)
			}
			return nil, err
		})
	})
}

// thrice sends an event at all nodes at once, each under a key of its own.
func (v *visitor) thrice(what string, event func(int) authn.Event) error {
	token := v.token // answers replace it
	return v.all(what, func(i int) (string, error) {
		key := what + string(rune('0'+i))
		return v.try(i, func(ctx context.Context, s *authn.Service) (*authn.Answer, error) {
			return s.Do(ctx, token, authn.WithKey(key, event(i)))
		})
	})
}

// all lets one caller go at each node, and takes down what they were told.
func (v *visitor) all(what string, call func(int) (string, error)) error {
	errs := make([]error, len(v.f.nodes))
	var wg sync.WaitGroup
	for i := range v.f.nodes {
		wg.Go(func() {
			got, err := call(i)
			errs[i] = err
			v.mu.Lock()
			defer v.mu.Unlock()
			v.told[what+" "+got]++
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// try calls the node, and the next one after a lost answer, until there is an answer.
// It says in a word what that is.
func (v *visitor) try(i int, call func(context.Context, *authn.Service) (*authn.Answer, error)) (what string, err error) {
	err = persist(func(ctx context.Context) error {
		a, err := call(ctx, v.f.nodes[i%len(v.f.nodes)])
		if errors.Is(err, authn.ErrUnavailable) || ctx.Err() != nil {
			v.f.lost.Add(1)
			v.mu.Lock()
			v.unsure = true
			v.mu.Unlock()
			i++
			return errors.Join(err, ctx.Err())
		}
		if what = word(a, err); what == "" {
			what = err.Error()
		}
		if a != nil {
			v.keep(a)
		}
		return nil
	})
	return what, err
}

func (v *visitor) keep(a *authn.Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if a.Token != "" {
		v.token = a.Token
	}
	if a.Session != "" {
		v.session = a.Session
	}
}

var (
	finished = authn.ErrFinished.Error()
	tooSoon  = authn.ErrTooSoon.Error()
	noCode   = authn.ErrNoCode.Error()
)

const (
	wrongCode = "wrong code"
	redeemed  = "redeemed"
)

func word(a *authn.Answer, err error) string {
	for _, is := range []error{authn.ErrFinished, authn.ErrTooSoon, authn.ErrNoCode} {
		if errors.Is(err, is) {
			return is.Error()
		}
	}
	switch {
	case err != nil:
		return ""
	case a == nil:
		return redeemed
	case a.Outcome == authn.WrongCode:
		return wrongCode
	}
	return string(a.State)
}
