package webauthnfactor_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webauthnfactor"
)

// known is what another system has of a key.
func known(k *device) webauthnfactor.Credential {
	return webauthnfactor.Credential{
		ID: k.Credential.ID, PublicKey: k.Key.AttestationData(), UserHandle: k.Authenticator.Options.UserHandle,
		SignCount: 3, UserVerified: true, Transports: []string{"usb", "carrier-pigeon"},
	}
}

func ExampleImported() {
	k := newDevice() // stands for a row of the other system's
	data, err := webauthnfactor.Imported(webauthnfactor.Credential{
		ID: k.Credential.ID, PublicKey: k.Key.AttestationData(), UserHandle: []byte("a handle"), UserVerified: true,
	})
	fmt.Println(len(data) > 0, err)
	// Then Service.Import makes the factor of it, for the Directory to keep.
	// Output: true <nil>
}

// A key that another system has enrolled is a second factor here, and a passkey.
func TestImported(t *testing.T) {
	d, _ := openPasskeys(t)
	k := newDevice()
	k.Authenticator.Options.UserHandle = []byte("a handle of before")
	data, err := webauthnfactor.Imported(known(k))
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Import("grace", slot("k1"), data)
	if err != nil || f.Status != authn.Active || f.Handle != base64url.EncodeToString(k.Authenticator.Options.UserHandle) || bytes.Contains(f.Data, k.Credential.ID) {
		t.Fatal(f.Handle, err)
	}
	d.SetFactors("grace", f)
	d.turnedAway("its count has not risen", k.respond(t, d.request()), authn.ErrFinished)
	k.Counter = 4
	a := d.challenged("grace")
	if a = d.do(a, authn.Verify{Code: k.get(t, a)}); a.State != authn.Success {
		t.Error(a.State, a.Outcome)
	}
	k.Counter = 5
	if a, err := d.BeginPasskey(t.Context(), k.respond(t, d.request())); err != nil || a.State != authn.Success || a.User != "grace" {
		t.Error(a, err)
	}
}

func TestImportedRefuses(t *testing.T) {
	k := newDevice()
	k.Authenticator.Options.UserHandle = []byte("handle")
	for what, change := range map[string]func(*webauthnfactor.Credential){
		"no id":                    func(c *webauthnfactor.Credential) { c.ID = nil },
		"a long id":                func(c *webauthnfactor.Credential) { c.ID = make([]byte, 1024) },
		"no handle":                func(c *webauthnfactor.Credential) { c.UserHandle = nil },
		"a long handle":            func(c *webauthnfactor.Credential) { c.UserHandle = make([]byte, 65) },
		"no key":                   func(c *webauthnfactor.Credential) { c.PublicKey = nil },
		"half a key":               func(c *webauthnfactor.Credential) { c.PublicKey = c.PublicKey[:40] },
		"backed up, and cannot be": func(c *webauthnfactor.Credential) { c.BackedUp = true },
	} {
		c := known(k)
		change(&c)
		if _, err := webauthnfactor.Imported(c); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
