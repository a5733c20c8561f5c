package httphost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/httphost"
)

const (
	ada      = "ada@example.com"
	password = "correct horse battery"
)

// directory is a World that knows whose an address is, and where a passkey leads.
type directory struct{ *authntest.World }

func (d directory) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	switch {
	case c.By == authn.Email && c.Name == ada:
		return authn.Subject{User: "ada", Address: ada}, nil
	case c.By == "key" && c.Name == "handle":
		return authn.Subject{User: "ada"}, nil
	}
	return authn.Subject{}, authn.ErrNoUser
}

// passwords takes every password that is long, and any old one.
type passwords struct{}

func (passwords) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	if len(in.New) < 10 {
		return authn.Verdict{Rejected: true, Reasons: []string{"too short"}}, nil
	}
	return authn.Verdict{Right: true, Data: []byte("hash")}, nil
}

func (passwords) Store(context.Context, authn.Change) error { return nil }

// signer is a key whose response is its handle, the purpose and the challenge.
type signer struct{}

// response is what the key says to a prompt.
type response struct{ Handle, Sign string }

func (signer) sign(c authn.Check) string {
	return fmt.Sprintf("%x", c.Challenge)
}

func (s signer) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	return json.Marshal(map[string]string{"challenge": s.sign(c)})
}

func (s signer) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	var r response
	if err := json.Unmarshal(c.Response, &r); err != nil {
		return authn.Verdict{Malformed: true}, nil
	}
	return authn.Verdict{Right: r.Sign == s.sign(c), Data: []byte(r.Handle)}, nil
}

func (signer) Handle(b []byte) string {
	var r response
	json.Unmarshal(b, &r)
	return r.Handle
}

func (signer) HandleOf(data []byte) string { return string(data) }

// respond is a response to the options of a view.
func respond(t *testing.T, v httphost.View) string {
	t.Helper()
	var o struct{ Challenge string }
	if v.Prompt == nil || json.Unmarshal(v.Prompt.Options, &o) != nil || o.Challenge == "" {
		t.Fatalf("no options: %+v", v)
	}
	b, _ := json.Marshal(response{"handle", o.Challenge})
	return string(b)
}

// browser is one tab, with the cookies that all tabs share.
type browser struct {
	*testing.T
	world  *authntest.World
	svc    *authn.Service
	url    string
	client *http.Client
	in     *[]authn.Assertion
	tab    string
	head   http.Header // of the last answer
	body   string      // of the last answer
}

// open returns a browser at a handler, after changes of what both are made of.
func open(t *testing.T, service func(*authn.Config), change func(*httphost.Config)) *browser {
	t.Helper()
	b := &browser{T: t, world: new(authntest.World), in: new([]authn.Assertion)}
	b.world.SetFactors("ada", authntest.Mail(ada, authn.Active))
	b.world.SetFactors("grace", authntest.Mail("grace@example.com", authn.NotSetUp), authn.Factor{ID: "app", Type: authn.TOTP, Address: "grace", Status: authn.NotSetUp})
	b.svc = b.world.Service(t, func(c *authn.Config) {
		c.Directory, c.Passwords = directory{b.world}, passwords{}
		if service != nil {
			service(c)
		}
	})
	cfg := httphost.Config{
		Service: b.svc,
		Password: func(_ context.Context, name string, p authn.Secret) (authn.Login, error) {
			if p != password {
				return authn.Login{}, httphost.ErrPassword
			}
			return authn.Login{User: name}, nil
		},
		Session: func(w http.ResponseWriter, _ *http.Request, a *authn.Assertion) error {
			*b.in = append(*b.in, *a)
			http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: "s", Path: "/", Secure: true})
			return nil
		},
		Claims: []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover},
	}
	if change != nil {
		change(&cfg)
	}
	h, err := httphost.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/signin/", http.StripPrefix("/signin", h))
	srv := httptest.NewTLSServer(mux)
	t.Cleanup(srv.Close)
	b.client, b.url = srv.Client(), srv.URL
	b.client.Jar, _ = cookiejar.New(nil)
	return b
}

// other opens another tab.
func (b *browser) other() *browser {
	o := *b
	o.tab = ""
	return &o
}

// send sends a request and returns its status.
func (b *browser) send(method, path string, body io.Reader, header ...string) int {
	b.Helper()
	r, err := http.NewRequest(method, b.url+"/signin/"+path, body)
	if err != nil {
		b.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.tab != "" {
		r.Header.Set(httphost.SignInHeader, b.tab)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	b.head, b.body = resp.Header, string(text)
	return resp.StatusCode
}

// post sends members and wants a status, and what the answer says: a state or an error.
func (b *browser) post(path, members string, status int, says string, header ...string) httphost.View {
	b.Helper()
	return b.want(b.send(http.MethodPost, path, strings.NewReader(members), header...), status, says)
}

func (b *browser) get(status int, says string) httphost.View {
	b.Helper()
	return b.want(b.send(http.MethodGet, "", nil), status, says)
}

func (b *browser) want(got, status int, says string) httphost.View {
	b.Helper()
	var v httphost.View
	dec := json.NewDecoder(strings.NewReader(b.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		b.Fatalf("%v\n%s", err, b.body)
	}
	if said := v.Error; got != status || says != said && (said != "" || says != string(v.State)) {
		b.Fatalf("got %d %s, want %d %s", got, b.body, status, says)
	}
	if b.head.Get("Cache-Control") != "no-store" || b.head.Get("Content-Type") != "application/json" {
		b.Errorf("headers: %v", b.head)
	}
	if v.SignIn != "" {
		b.tab = v.SignIn
	}
	return v
}

// begin signs in with the password.
func (b *browser) begin(user string, says string) httphost.View {
	b.Helper()
	return b.post("begin", `{"name":"`+user+`","password":"`+password+`"}`, 200, says)
}

// code is the last one that was mailed.
func (b *browser) code(to string) string {
	b.Helper()
	if err := b.svc.Wait(b.Context()); err != nil {
		b.Fatal(err)
	}
	return string(b.message(to).Code)
}

func (b *browser) message(to string) (last authn.Message) {
	for _, c := range b.world.Calls(authntest.Send) {
		if c.Message.To == to {
			last = c.Message
		}
	}
	return last
}

// cookies are those of the browser, by name.
func (b *browser) cookies() map[string]string {
	u, _ := url.Parse(b.url)
	all := map[string]string{}
	for _, c := range b.client.Jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}
