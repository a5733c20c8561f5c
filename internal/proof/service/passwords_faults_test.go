package service

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// A user who is erased while the host takes the new password gets no assertion, and
// nothing of an earlier call.
func TestErasedWhileThePasswordIsStored(t *testing.T) {
	h, v, terms, profile := testhost.Gated(t, nil)
	terms.Need, profile.Need = testhost.Never, testhost.Never
	v.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
	a := h.MustDo(t, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: "a new password"})
	v.Take = func(ctx context.Context, _ authn.Change) error { return h.Erase(ctx, "ada") }
	before := len(h.Audited())
	if as, err := h.Redeem(t.Context(), a.Session); as != nil || !errors.Is(err, authn.ErrFinished) {
		t.Errorf("%+v, %v", as, err)
	}
	for _, e := range h.Audited()[before:] {
		if e.Event != "erase" && e.Event != "redeem" && e.Event != "cancel" {
			t.Errorf("audited: %+v", e)
		}
	}
}

// Whenever a password is said to expire, the record can be read again.
func TestPasswordExpiresAtAnyTime(t *testing.T) {
	for _, at := range []time.Time{
		time.Unix(1, 0), time.Unix(-1, 0), time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		testhost.Start, testhost.Start.Add(-time.Hour), testhost.Start.Add(48 * time.Hour), time.Unix(0, 1),
	} {
		h, _, terms, profile := testhost.Gated(t, nil)
		terms.Need, profile.Need = testhost.Never, testhost.Never
		a, err := h.Begin(t.Context(), testhost.ExpiresAt(at))
		if err != nil {
			if !errors.Is(err, authn.ErrMalformed) {
				t.Errorf("%s: %v", at, err)
			}
			continue
		}
		if s, err := h.Status(t.Context(), a.Token); err != nil || !s.PasswordExpires.Equal(a.PasswordExpires) || !a.PasswordExpires.Equal(at.Truncate(time.Second)) {
			t.Errorf("%s: %v, %v", at, a.PasswordExpires, err)
		}
		if a = h.MustDo(t, a.Token, authn.Skip{}); a.State != authn.Success {
			t.Errorf("%s: %s", at, a.State)
		}
	}
}

// Two changes never come at the same time, even where the clock of a node is behind:
// the host has the later one in the end, whatever arrives last: G6.
func TestPasswordsAtOnce(t *testing.T) {
	h, v, terms, profile := testhost.Gated(t, nil)
	terms.Need, profile.Need = testhost.Never, testhost.Never
	var late []authn.Change
	v.Take = func(_ context.Context, c authn.Change) error { late = append(late, c); return authntest.ErrDown }
	for i, p := range []authn.Secret{"first", "second", "third"} {
		h.MustDo(t, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: p})
		if i == 0 {
			h.Wait(-authn.MaxSkew / 2)
		}
	}
	for i := len(late) - 1; i >= 0; i-- {
		v.Put(late[i])
	}
	if got := v.Kept("ada"); got != testhost.Form("third") {
		t.Errorf("the host has %q", got)
	}
}

// A clock that lags behind the record as far as it may is not found wrong because a new
// password has a time of its own.
func TestChangeWhileTheClockLags(t *testing.T) {
	for _, lag := range []time.Duration{authn.MaxSkew - 1, authn.MaxSkew} {
		h, v, terms, profile := testhost.Gated(t, nil)
		terms.Need, profile.Need = testhost.Never, testhost.Never
		a := h.MustLogin(t, testhost.ToReset)
		h.Wait(-lag)
		a = h.MustDo(t, a.Token, authn.ResetPassword{New: fresh})
		want := testhost.Start
		if lag < authn.MaxSkew {
			want = want.Add(1)
		}
		if at := v.Stores()[0].At; !at.Equal(want) || !a.Now.Equal(want) {
			t.Errorf("%v behind: changed at %v, told at %v, want %v", lag, at, a.Now, want)
		}
		if _, err := h.Status(t.Context(), a.Token); err != nil {
			t.Errorf("%v behind: %v", lag, err)
		}
	}
}
