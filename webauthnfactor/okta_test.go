package webauthnfactor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
	vw "github.com/descope/virtualwebauthn"
)

// anybody knows the password of whoever signs in.
type anybody struct{}

func (anybody) VerifyPassword(_ context.Context, user string, _ authn.Secret) (okta.Verified, error) {
	return okta.Verified{Login: authn.Login{User: user}}, nil
}

// A client of Okta's sends the parts of a response, and does not say which key has
// made it. The handler of package okta makes of it what a Verifier reads: a user
// enrolls two keys, and signs in with each, by its id and by the type.
func TestOverOkta(t *testing.T) {
	d := open(t)
	fs := d.FactorsOf("ada")
	fs[0].Required, fs[1].Required = true, true
	d.SetFactors("ada", fs...)
	h, err := okta.New(okta.Config{Service: d.Service, Passwords: anybody{}})
	if err != nil {
		t.Fatal(err)
	}
	post := func(path string, members map[string]string) (a oktaAnswer) {
		t.Helper()
		b, _ := json.Marshal(members)
		r := httptest.NewRequest("POST", "/api/v1/authn"+path, strings.NewReader(string(b)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return a
	}
	keys := []*device{newDevice(), newDevice()}
	token := post("", map[string]string{"username": "ada", "password": "x"}).StateToken
	for i, k := range keys {
		a := post("/factors", map[string]string{"stateToken": token, "factorType": "webauthn", "provider": "FIDO"})
		o, err := vw.ParseAttestationOptions(string(a.Embedded.Factor.Embedded.Activation))
		if err != nil {
			t.Fatal(err)
		}
		made := parts(t, vw.CreateAttestationResponse(site, k.Authenticator, k.Credential, *o))
		a = post("/factors/"+a.Embedded.Factor.ID+"/lifecycle/activate", map[string]string{
			"stateToken": token, "attestation": made["attestationObject"], "clientData": made["clientDataJSON"],
		})
		if want := []string{"MFA_ENROLL", "SUCCESS"}[i]; a.Status != want {
			t.Fatalf("key %d: %s, not %s", i+1, a.Status, want)
		}
	}
	for i, k := range keys {
		for _, path := range []string{"/factors/k1/verify", "/factors/k2/verify", "/factors/webauthn/verify"} {
			token := post("", map[string]string{"username": "ada", "password": "x"}).StateToken
			a := post(path, map[string]string{"stateToken": token})
			if len(a.Embedded.Factors) != 2 {
				t.Fatalf("%s: %d keys may respond", path, len(a.Embedded.Factors))
			}
			allow := ""
			for _, f := range a.Embedded.Factors { // a client makes the list of the profiles
				allow += fmt.Sprintf(`,{"type":"public-key","id":%q}`, f.Profile.CredentialID)
			}
			var o map[string]json.RawMessage
			if err := json.Unmarshal(a.Embedded.Challenge, &o); err != nil {
				t.Fatal(err)
			}
			o["allowCredentials"] = json.RawMessage("[" + allow[1:] + "]")
			b, _ := json.Marshal(o)
			parsed, err := vw.ParseAssertionOptions(string(b))
			if err != nil {
				t.Fatal(err)
			}
			k.Counter++
			made := parts(t, vw.CreateAssertionResponse(site, k.Authenticator, k.Credential, *parsed))
			a = post(path, map[string]string{
				"stateToken": token, "clientData": made["clientDataJSON"], "authenticatorData": made["authenticatorData"], "signatureData": made["signature"],
			})
			if a.Status != "SUCCESS" {
				t.Errorf("key %d, %s: %s", i+1, path, a.Status)
			}
		}
	}
}

// oktaAnswer is what is read of an answer.
type oktaAnswer struct {
	Status, StateToken string
	Embedded           struct {
		Factor struct {
			ID       string
			Embedded struct{ Activation json.RawMessage } `json:"_embedded"`
		}
		Factors   []struct{ Profile struct{ CredentialID string } }
		Challenge json.RawMessage
	} `json:"_embedded"`
}

// parts are the members of a response, as a browser gives them to scripts.
func parts(t *testing.T, response string) map[string]string {
	t.Helper()
	var r struct{ Response map[string]string }
	if err := json.Unmarshal([]byte(response), &r); err != nil {
		t.Fatalf("%v in %s", err, response)
	}
	return r.Response
}
