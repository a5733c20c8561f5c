package contest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

// If any number of requests submit the right code at once, one succeeds, and the
// others get ErrFinished. Known mistakes 1, 4, 6.
func TestParallelRightCodes(t *testing.T) {
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) { c.Store, c.Auditor = slow(&d.Store), nil })
	a, code := d.Challenged(t)
	won, finished, other := parallel(300, func(i int) (*authn.Answer, error) {
		return d.Do(t.Context(), a.Token, authn.Verify{Code: code})
	})
	if won != 1 || finished != 299 || other != nil {
		t.Errorf("%d succeeded, %d were too late, %v", won, finished, other)
	}
}

// Among 299 concurrent wrong codes the right one succeeds or is refused by a
// limit, and never returns ErrUnavailable. No more wrong codes are evaluated than
// the limits allow.
func TestRightAmongWrong(t *testing.T) {
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) { c.Store, c.Auditor = slow(&d.Store), nil })
	a, code := d.Challenged(t)
	var wrong atomic.Int64
	var mine error
	_, _, other := parallel(300, func(i int) (*authn.Answer, error) {
		if i == 150 {
			var ans *authn.Answer
			ans, mine = d.Do(t.Context(), a.Token, authn.Verify{Code: code})
			return ans, mine
		}
		ans, err := d.Do(t.Context(), a.Token, authn.Verify{Code: testhost.OtherCode(code)})
		if err == nil && ans.Outcome == authn.WrongCode {
			wrong.Add(1)
		}
		return ans, err
	})
	if errors.Is(mine, authn.ErrUnavailable) {
		t.Errorf("the caller with the right code: %v", mine)
	}
	if n := wrong.Load(); n > 4 { // the fourth starts the back-off
		t.Errorf("%d wrong codes were evaluated", n)
	}
	if other != nil && !errors.Is(other, authn.ErrTooSoon) && !errors.Is(other, authn.ErrUnavailable) {
		t.Error(other)
	}
}

func slow(s authn.Store) authn.Store {
	return storetest.Faulty(s, storetest.Always("", storetest.Fault{Delay: time.Millisecond}))
}

// parallel counts successes and ErrFinished, and returns any other error.
func parallel(n int, f func(i int) (*authn.Answer, error)) (won, finished int, other error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			a, err := f(i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && a.State == authn.Success:
				won++
			case errors.Is(err, authn.ErrFinished):
				finished++
			case err != nil:
				other = err
			}
		})
	}
	close(start)
	wg.Wait()
	return won, finished, other
}

// A save that succeeds, but returns an error, counts once.
func TestUnknownOutcome(t *testing.T) {
	var plan storetest.Plan
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		c.Auditor = nil
		c.Store = storetest.Faulty(&d.Store, func(call storetest.Call) storetest.Fault {
			if plan == nil {
				return storetest.Fault{}
			}
			return plan(call)
		})
	})
	a, code := d.Challenged(t)
	boom := errors.New("connection lost")
	plan = next(storetest.Fault{Err: boom, After: true})
	w := d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	if w.Outcome != authn.WrongCode || w.TriesLeft != 4 {
		t.Errorf("written, then an error: %+v", w)
	}
	plan = next(storetest.Fault{Err: boom})
	if _, err := d.Do(t.Context(), a.Token, authn.Verify{Code: code}); !errors.Is(err, authn.ErrUnavailable) || !errors.Is(err, boom) {
		t.Errorf("not written: %v", err)
	}
	plan = next(storetest.Fault{Err: authn.ErrConflict, After: true}) // a client library retried the save
	if a := d.MustDo(t, a.Token, authn.Verify{Code: code}); a.State != authn.Success || a.Session == "" {
		t.Errorf("written, then a conflict: %+v", a)
	}
}

// next gives f to the next save.
func next(f storetest.Fault) storetest.Plan {
	done := false
	return func(c storetest.Call) storetest.Fault {
		if done || c.Op != storetest.Save {
			return storetest.Fault{}
		}
		done = true
		return f
	}
}

// The answer describes this step even if other steps, or a new transaction in its
// slot, are saved while its mail is sent.
func TestOvertakenWhileMailing(t *testing.T) {
	var d *testhost.Host
	first := true
	d = testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Policy.Live = 1
		c.Mailer = testhost.SendFunc(func(ctx context.Context, m authn.Message) error {
			if first {
				first = false
				s := testhost.OK(t)(d.Begin(ctx, authn.Login{User: "ada", Require: authn.RequireNothing}))
				if s.Session == "" {
					t.Error("no session")
				}
			}
			return d.World.Send(ctx, m)
		})
	})
	a := d.MustDo(t, d.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	if a.State != authn.MFAChallenge || a.Session != "" || a.Delivery != authn.Sent {
		t.Errorf("%+v", a)
	}
}
