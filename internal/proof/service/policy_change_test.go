package service

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// stricter opens another node with a policy of its own.
func stricter(t *testing.T, d *testhost.Host, p authn.Policy) *authn.Service {
	t.Helper()
	d.Config.Policy = p
	return d.Open(t)
}

// A budget that becomes smaller applies to sign-ins under way at once.
func TestTighterBudget(t *testing.T) {
	for _, p := range []authn.Policy{{FailuresPerDay: 2}, {FailuresPerYear: 2}, {FailuresPerDay: 3}} {
		d := testhost.New(t, nil)
		a, code := d.Challenged(t)
		for range 2 {
			d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
		}
		locked := p.FailuresPerDay != 3
		ans, err := stricter(t, d, p).Do(t.Context(), a.Token, authn.Verify{Code: code})
		if errors.Is(err, authn.ErrFinished) != locked || !locked && ans.State != authn.Success {
			t.Errorf("%+v: %v, %v", p, ans, err)
		}
	}
}

// Policy.Live that becomes smaller applies at once: the newest sign-ins stay, those
// with a live code first.
func TestFewerLive(t *testing.T) {
	same := testhost.New(t, nil)
	first, second := same.MustBegin(t, "ada"), same.MustBegin(t, "ada")
	one := stricter(t, same, authn.Policy{Live: 1})
	if _, err := one.Status(t.Context(), first.Token); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("the first of two that began at one moment: %v", err)
	}
	if _, err := one.Status(t.Context(), second.Token); err != nil {
		t.Errorf("the second of two that began at one moment: %v", err)
	}
	d := testhost.New(t, nil)
	var as []*authn.Answer
	for range 3 {
		as = append(as, d.MustBegin(t, "ada"))
		d.Wait(time.Second)
	}
	d.MustDo(t, as[1].Token, authn.Challenge{Factor: "ada-mail"})
	for live, want := range map[int]string{1: "no yes no", 2: "no yes yes", 3: "yes yes yes"} {
		s, got := stricter(t, d, authn.Policy{Live: live}), ""
		for _, a := range as {
			if _, err := s.Status(t.Context(), a.Token); err == nil {
				got += " yes"
			} else {
				got += " no"
			}
		}
		if got != " "+want {
			t.Errorf("with %d live:%s, want %s", live, got, want)
		}
	}
	s := stricter(t, d, authn.Policy{Live: 1})
	if _, err := s.Begin(t.Context(), authn.Login{User: "ada"}); err != nil {
		t.Fatal(err)
	}
	a, err := d.Inspect(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, x := range a.View().Transactions {
		if x.State == authn.MFARequired || x.State == authn.MFAChallenge {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d are live after one more begin", n)
	}
}

// A sign-in that has succeeded ends by its session token's time alone.
func TestSuccessStands(t *testing.T) {
	d := testhost.New(t, nil)
	a, code := d.Challenged(t)
	for range 3 {
		d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	}
	for range 96 - 4 { // 100 steps with begin, challenge, the wrong codes and the right one
		if ans := testhost.OK(t)(d.Status(t.Context(), a.Token)); ans.State == authn.MFAChallenge {
			d.MustDo(t, a.Token, authn.Previous{})
		} else {
			d.MustDo(t, a.Token, authn.Challenge{Factor: "ada-mail"})
		}
	}
	if ans := testhost.OK(t)(d.Status(t.Context(), a.Token)); ans.State != authn.MFAChallenge {
		d.MustDo(t, a.Token, authn.Challenge{Factor: "ada-mail"})
	}
	session := d.MustDo(t, a.Token, authn.Verify{Code: d.Last("ada").Code}).Session
	if session == "" {
		t.Fatal("no success")
	}
	tight := stricter(t, d, authn.Policy{Tries: 1, Live: 1, FailuresPerDay: 1})
	if _, err := tight.Redeem(t.Context(), session); err != nil {
		t.Errorf("after 3 wrong codes, with a policy of 1: %v", err)
	}
}

// A required factor is required: the right code of another one leads to its
// enrollment, unless the host asks for nothing.
func TestRequiredIsRequired(t *testing.T) {
	for _, require := range []authn.Requirement{authn.RequireFactor, authn.RequireIfActive, authn.RequireNothing} {
		d := testhost.New(t, nil)
		d.World.SetFactors("ada",
			authn.Factor{ID: "ada-mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active},
			authn.Factor{ID: "work", Type: authn.Email, Address: "ada@work.example", Status: authn.NotSetUp, Required: true})
		a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Require: require}))
		if require == authn.RequireNothing {
			if a.State != authn.Success {
				t.Errorf("nothing is asked: %s", a.State)
			}
			continue
		}
		d.MustDo(t, a.Token, authn.Challenge{Factor: "ada-mail"})
		a = d.MustDo(t, a.Token, authn.Verify{Code: d.Last("ada").Code})
		if a.State != authn.MFAEnroll || a.Session != "" {
			t.Fatalf("%d: %s", require, a.State)
		}
		if _, err := d.Do(t.Context(), a.Token, authn.Skip{}); !errors.Is(err, authn.ErrRequired) {
			t.Errorf("skip: %v", err)
		}
		d.Wait(30 * time.Second)
		d.MustDo(t, a.Token, authn.Enroll{Type: authn.Email})
		if m := d.Last("ada"); m.To != "ada@work.example" || m.Purpose != authn.PurposeEnroll {
			t.Errorf("%+v", m)
		}
		a = d.MustDo(t, a.Token, authn.Activate{Code: d.Last("ada").Code})
		if who, err := d.Redeem(t.Context(), a.Session); err != nil || len(who.Factors) != 2 {
			t.Errorf("%+v, %v", who, err)
		}
	}
}

// A factor that was enrolled here is shown as active and is not offered again, even
// while the Directory still lists it as it was.
func TestEnrolledIsNotOfferedAgain(t *testing.T) {
	for _, stale := range []bool{false, true} {
		d := testhost.New(t, nil)
		offer := []authn.Factor{
			{ID: "one", Type: authn.Email, Address: "one@example.com", Status: authn.NotSetUp, Required: true},
			{ID: "two", Type: authn.Email, Address: "two@example.com", Status: authn.NotSetUp},
			{ID: "three", Type: authn.Email, Address: "three@example.com", Status: authn.NotSetUp, Required: true},
		}
		d.World.SetFactors("ada", offer...)
		a := d.MustBegin(t, "ada")
		for n, want := range []string{"one", "three"} {
			d.Wait(time.Minute)
			a = d.MustDo(t, a.Token, authn.Enroll{Type: authn.Email})
			if a.Factor.ID != want {
				t.Fatalf("stale %t: enrolls %s, want %s", stale, a.Factor.ID, want)
			}
			a = d.MustDo(t, a.Token, authn.Activate{Code: d.Last("ada").Code})
			if stale {
				d.World.SetFactors("ada", offer...)
			}
			if n == 1 {
				break
			}
			if a.State != authn.MFAEnroll || len(a.Factors) != 3 || a.Factors[0].Status != authn.Active || a.Factors[1].Status != authn.NotSetUp || a.Factors[2].Status != authn.NotSetUp {
				t.Errorf("stale %t: after %s: %s %+v", stale, want, a.State, a.Factors)
			}
			now := testhost.OK(t)(d.Status(t.Context(), a.Token))
			if now.Factors[0].Status != authn.Active {
				t.Errorf("stale %t: status: %+v", stale, now.Factors)
			}
		}
		if a.State != authn.Success {
			t.Errorf("stale %t: %s", stale, a.State)
		}
	}
}

// An assertion names the last three factors that a sign-in has proved.
func TestManyProofs(t *testing.T) {
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.Sends = 5 })
	var offer []authn.Factor
	for _, id := range []string{"one", "two", "three", "four"} {
		offer = append(offer, authn.Factor{ID: id, Type: authn.Email, Address: id + "@example.com", Status: authn.NotSetUp, Required: true})
	}
	d.World.SetFactors("ada", offer...)
	a := d.MustBegin(t, "ada")
	for range offer {
		d.Wait(2 * time.Minute)
		d.MustDo(t, a.Token, authn.Enroll{Type: authn.Email})
		a = d.MustDo(t, a.Token, authn.Activate{Code: d.Last("ada").Code})
		d.World.SetFactors("ada", d.World.FactorsOf("ada")...)
	}
	who, err := d.Redeem(t.Context(), a.Session)
	if err != nil || fmt.Sprint(who.Factors) != "[two three four]" {
		t.Errorf("%+v, %v", who, err)
	}
}
