package service

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

const day = 24 * time.Hour

// trusting is a host on which ada's device is remembered.
func trusting(t *testing.T) (*testhost.Host, authn.Secret) {
	t.Helper()
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.Remember = 3 * day })
	a, code := d.Challenged(t)
	ans := d.MustDo(t, a.Token, authn.WithKey("once", authn.Verify{Code: code, Remember: true}))
	if ans.State != authn.Success || ans.Device == "" {
		t.Fatalf("%+v", ans)
	}
	if again := d.MustDo(t, a.Token, authn.WithKey("once", authn.Verify{Code: code, Remember: true})); again.Device != ans.Device {
		t.Error("a repeat has another device")
	}
	if _, err := d.Do(t.Context(), a.Token, authn.WithKey("once", authn.Verify{Code: code})); !errors.Is(err, authn.ErrKeyReused) {
		t.Errorf("the same key, but the device is not to be remembered: %v", err)
	}
	if st, err := d.Status(t.Context(), a.Token); err != nil || st.Device != "" || st.Session != "" {
		t.Errorf("Status tells %+v, %v", st, err)
	}
	if _, err := d.Redeem(t.Context(), ans.Session); err != nil {
		t.Fatal(err)
	}
	return d, ans.Device
}

// state begins for ada on the device.
func state(t *testing.T, d *testhost.Host, device authn.Secret) authn.State {
	t.Helper()
	ans, err := d.Begin(t.Context(), authn.Login{User: "ada", Device: device})
	if err != nil {
		t.Fatal(err)
	}
	return ans.State
}

// A device keeps its record until its end, when nothing else does any more, and no longer.
func TestDeviceKeepsItsRecord(t *testing.T) {
	d, _ := trusting(t)
	for at, want := range []int{1, 1, 1, 0} { // two days longer than any charge but those of failures
		d.Wait(day)
		if at == 2 {
			d.Wait(-time.Second)
		}
		if _, err := d.Tend(t.Context()); err != nil || d.Store.Len() != want {
			t.Errorf("after %d days: %d records, %v", at+1, d.Store.Len(), err)
		}
	}
}

// A device is remembered until its end.
func TestRememberedDevice(t *testing.T) {
	d, device := trusting(t)
	ans, err := d.Begin(t.Context(), authn.Login{User: "ada", Device: device})
	if err != nil || ans.State != authn.Success || ans.Device != "" {
		t.Fatalf("%+v, %v", ans, err)
	}
	as, err := d.Redeem(t.Context(), ans.Session)
	if err != nil || !as.Remembered || len(as.Methods) != 1 || len(as.Proofs) != 1 {
		t.Fatalf("%+v, %v", as, err)
	}
	if _, err := d.Begin(t.Context(), authn.Login{User: "ada", Device: authn.Secret(ans.Session)}); err != nil {
		t.Errorf("a token of another kind is no device, and no error: %v", err)
	}
	d.Wait(3*day - 2*time.Second)
	if st := state(t, d, device); st != authn.Success {
		t.Errorf("in its last second: %s", st)
	}
	d.Wait(2 * time.Second)
	if st := state(t, d, device); st != authn.MFARequired {
		t.Errorf("at its end: %s", st)
	}
}

// Whatever the host does to an account that was taken over forgets its devices.
func TestHostForgetsDevices(t *testing.T) {
	for name, f := range map[string]func(*testhost.Host, context.Context) error{
		"Revoke":        func(d *testhost.Host, ctx context.Context) error { return d.Revoke(ctx, "ada") },
		"Reinstate":     func(d *testhost.Host, ctx context.Context) error { return d.Reinstate(ctx, "ada", "ticket") },
		"Erase":         func(d *testhost.Host, ctx context.Context) error { return d.Erase(ctx, "ada") },
		"ForgetDevices": func(d *testhost.Host, ctx context.Context) error { return d.ForgetDevices(ctx, "ada") },
	} {
		d, device := trusting(t)
		if err := f(d, t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := state(t, d, device); st != authn.MFARequired {
			t.Errorf("after %s: %s", name, st)
		}
		if es := d.Audited(); es[len(es)-1].Event != authn.EventPrimary {
			t.Errorf("%s: audited last: %+v", name, es[len(es)-1])
		}
	}
	d, _ := trusting(t)
	a := d.MustBegin(t, "ada")
	if err := d.ForgetDevices(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if es := d.Audited(); es[len(es)-1].Event != authn.EventForgetDevices {
		t.Errorf("audited: %+v", es[len(es)-1])
	}
	if _, err := d.Status(t.Context(), a.Token); err != nil {
		t.Errorf("forgetting devices ends a sign-in: %v", err)
	}
}
