package okta_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

func profileOf(_ context.Context, user string) (*okta.Profile, error) {
	if user != "user-bob" {
		return nil, authn.ErrNoUser
	}
	return &okta.Profile{Login: "bob", FirstName: "Bob"}, nil
}

// TestCanaries looks for every secret in every answer: a code, a password and
// an address are in none, a token in its one member and nowhere else.
func TestCanaries(t *testing.T) {
	c := newWorld(t, authn.Policy{LockEvery: 5}).client("bob")
	var codes, states, sessions []string
	code := func() string {
		codes = append(codes, c.code(c.user), c.wrong(c.user))
		return c.code(c.user)
	}
	c.login()
	states = append(states, c.token)
	c.send(verifyPath)
	c.send(verifyPath, "passCode", c.wrong("bob"))
	c.send(verifyPath, "passCode", code()+"x")
	c.send(verifyPath, code(), "x") // a secret where a name belongs
	c.send(verifyPath+"?passCode="+code(), "passCode", "")
	c.send(verifyPath+"?x="+c.token, "passCode", "")
	c.send("/api/v1/authn/factors/"+c.token+"/verify", "passCode", code())
	c.send("/api/v1/authn/"+c.token, "passCode", code())
	c.send("/api/v1/authn/factors/"+code()+"/verify", "passCode", code())
	c.send("/api/v1/users/x/factors/"+c.token+"/verify", "passCode", code())
	c.post("/api/v1/sessions", `{"sessionToken":"`+c.token+`"}`)
	c.post("/api/v1/sessions", `{"`+c.token+`":1}`)
	c.post("/api/v1/authn", `{"username":"bob","password":"`+goodPassword+`x"}`)
	c.post("/api/v1/authn", `{"`+goodPassword+`":"bob"}`)
	c.post("/api/v1/authn", `{"username":"bob","password":"`+goodPassword+`","stateToken":"x"}`)
	c.wait(time.Minute)
	c.send(verifyPath + "/resend")
	r := c.is(c.send(verifyPath, "passCode", code()), 200, "SUCCESS")
	sessions = append(sessions, r.str("sessionToken"))
	c.post("/api/v1/authn", `{"stateToken":"`+sessions[0]+`"}`)
	c.get(redirectPath + query("token", sessions[0], "redirectUrl", "https://evil.example"))
	c.get(redirectPath + query("token", sessions[0], "redirectUrl", app))
	c.get(redirectPath + query("token", sessions[0], "redirectUrl", app))
	c.post("/api/v1/sessions", `{"sessionToken":"`+sessions[0]+`"}`)
	c.login()
	states = append(states, c.token)
	c.send(verifyPath)
	for range 6 {
		c.send(verifyPath, "passCode", c.wrong("bob"))
		code()
		c.wait(40 * time.Second)
	}
	c.login()

	for _, r := range c.all {
		all := r.Body.String() + fmt.Sprint(r.Header())
		all = strings.ReplaceAll(all, `"stateToken":"`+r.str("stateToken")+`"`, "")
		all = strings.ReplaceAll(all, `"sessionToken":"`+r.str("sessionToken")+`"`, "")
		all = strings.ReplaceAll(all, r.Header().Get("X-Okta-Request-Id"), "") // random, and may look like anything
		all = strings.ReplaceAll(all, r.Header().Get("Set-Cookie"), strings.Trim(r.Header().Get("Set-Cookie"), "0123456789"))
		for _, secret := range append(append(append(codes, states...), sessions...), goodPassword, "bob.private", "correct") {
			if strings.Contains(all, secret) || len(secret) > 20 && strings.Contains(all, secret[2:]) {
				t.Errorf("%q is in an answer: %d %s", secret, r.Code, all)
			}
		}
		if r.Code >= 400 && (r.at("stateToken") != nil || r.at("sessionToken") != nil) {
			t.Errorf("an error carries a token: %s", r.Body)
		}
	}
}

// TestParallel: 1,000 requests with the right code at once make one session.
func TestParallel(t *testing.T) {
	const n = 1000
	c := challenged(t, authn.Policy{})
	srv := httptest.NewServer(c.h)
	defer srv.Close()
	tr := &http.Transport{MaxIdleConnsPerHost: n}
	defer tr.CloseIdleConnections()
	body := `{"stateToken":"` + c.token + `","passCode":"` + c.code("bob") + `"}`
	var wg, ready sync.WaitGroup
	var mu sync.Mutex
	start, got := make(chan struct{}), map[int]int{}
	for range n {
		ready.Add(1)
		wg.Go(func() {
			r, err := http.NewRequest("POST", srv.URL+verifyPath, strings.NewReader(body))
			if err != nil {
				t.Error(err)
			}
			r.Header.Set("Content-Type", "application/json")
			ready.Done()
			<-start
			rep, err := tr.RoundTrip(r)
			if err != nil {
				t.Error(err)
				return
			}
			rep.Body.Close()
			mu.Lock()
			got[rep.StatusCode]++
			mu.Unlock()
		})
	}
	ready.Wait()
	close(start)
	wg.Wait()
	t.Log(got)
	if got[200] != 1 || got[401]+got[503] != n-1 {
		t.Errorf("statuses: %v; want one 200, the others 401", got)
	}
	if n := len(c.people.started); n != 0 {
		t.Errorf("%d sessions without a redemption", n)
	}
}
