package okta_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/okta"
)

// crowd is a host with any number of users, all with the same password check,
// which costs nothing here: what is measured is the library.
type crowd struct{}

func (crowd) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "emf1", Type: authn.Email, Address: user + "@example.com", Status: authn.Active}}, nil
}

func (crowd) Activated(context.Context, string, string, authn.Factor) error { return nil }

func (crowd) VerifyPassword(_ context.Context, name string, _ authn.Secret) (okta.Verified, error) {
	return okta.Verified{Login: authn.Login{User: name}}, nil
}

func (crowd) StartSession(http.ResponseWriter, *http.Request, *authn.Assertion) (okta.Session, error) {
	return okta.Session{ID: "s", Expires: t0}, nil
}

// post is a Mailer that hands codes to the benchmark.
type post struct{ codes sync.Map }

func (p *post) Mail(_ context.Context, m authn.Message) error {
	p.codes.Store(m.User, string(m.Code))
	return nil
}

func benchHandler(b *testing.B) (*okta.Handler, *post) {
	p := new(post)
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: []byte("one 5Zb8w1kqXn3sPz7RtYv2cEh4Lm6D")}}, PseudonymKey: []byte("pseudonyms u7Yt5Re3Wq1As9Df2Gh4Jk6L"),
		Store: new(memstore.Store), Mailer: p, Directory: crowd{}, Policy: authn.Policy{SessionLife: okta.SessionLife},
	})
	if err != nil {
		b.Fatal(err)
	}
	h, err := okta.New(okta.Config{Service: svc, Passwords: crowd{}, Sessions: crowd{}, BaseURL: base})
	if err != nil {
		b.Fatal(err)
	}
	return h, p
}

// bare reads and writes the same JSON and does nothing: any request of its
// kind gets the answer that was recorded for it.
func bare(recorded map[string]any) http.Handler {
	type body struct {
		Username, Password, StateToken, PassCode, SessionToken string
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in body
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(recorded[kind(r.URL.Path, in.PassCode)])
	})
}

func kind(path, code string) string {
	if code != "" {
		return path + " with a code"
	}
	return path
}

// typed are the answers as a Go programmer would write them down: encoding a
// map would only slow the bare handler.
type typed struct {
	StateToken    string         `json:"stateToken,omitempty"`
	ExpiresAt     string         `json:"expiresAt,omitempty"`
	Status        string         `json:"status,omitempty"`
	FactorResult  string         `json:"factorResult,omitempty"`
	ChallengeType string         `json:"challengeType,omitempty"`
	SessionToken  string         `json:"sessionToken,omitempty"`
	Embedded      *typedEmbedded `json:"_embedded,omitempty"`
	Links         *typedLinks    `json:"_links,omitempty"`
	Authn         *typedAuthn    `json:"authn,omitempty"`
}

type typedEmbedded struct {
	User *struct {
		ID string `json:"id"`
	} `json:"user,omitempty"`
	Factors []typedFactor `json:"factors,omitempty"`
	Factor  *typedFactor  `json:"factor,omitempty"`
	Policy  *struct {
		Allow     bool     `json:"allowRememberDevice"`
		Minutes   int      `json:"rememberDeviceLifetimeInMinutes"`
		ByDefault bool     `json:"rememberDeviceByDefault"`
		Factors   struct{} `json:"factorsPolicyInfo"`
	} `json:"policy,omitempty"`
}

type typedFactor struct {
	ID       string `json:"id"`
	Type     string `json:"factorType"`
	Provider string `json:"provider"`
	Vendor   string `json:"vendorName"`
	Profile  struct {
		Email string `json:"email"`
	} `json:"profile"`
	Links *typedLinks `json:"_links,omitempty"`
}

type typedLinks struct {
	Next   *typedLink  `json:"next,omitempty"`
	Resend []typedLink `json:"resend,omitempty"`
	Prev   *typedLink  `json:"prev,omitempty"`
	Cancel *typedLink  `json:"cancel,omitempty"`
	Verify *typedLink  `json:"verify,omitempty"`
}

type typedLink struct {
	Name  string `json:"name,omitempty"`
	Href  string `json:"href"`
	Hints struct {
		Allow []string `json:"allow"`
	} `json:"hints"`
}

type typedAuthn struct {
	Allowed []struct {
		Event string `json:"event"`
		At    string `json:"at,omitempty"`
	} `json:"allowed"`
	TriesLeft   int    `json:"triesLeft,omitempty"`
	ResendAt    string `json:"resendAt,omitempty"`
	CodeExpires string `json:"codeExpiresAt,omitempty"`
	Generation  int    `json:"generation,omitempty"`
	Delivery    string `json:"delivery,omitempty"`
	Now         string `json:"now,omitempty"`
}

// shot sends one request and returns the answer's body.
type shot func(path, body string) []byte

// signIn makes four requests: password, code please, code, session. codes
// gives the code that was mailed.
func signIn(b testing.TB, do shot, user string, codes func(user string) string) {
	type answer struct{ Status, StateToken, SessionToken string }
	step := func(path, body, want string) (a answer) {
		raw := do(path, body)
		i := bytes.Index(raw, []byte(`"status":"`))
		if i < 0 || !bytes.HasPrefix(raw[i+10:], []byte(want)) {
			b.Fatalf("%s: %s", path, raw)
		}
		a.StateToken, a.SessionToken = value(raw, `"stateToken":"`), value(raw, `"sessionToken":"`)
		return a
	}
	const verify = "/api/v1/authn/factors/emf1/verify"
	a := step("/api/v1/authn", `{"username":"`+user+`","password":"correct horse battery"}`, "MFA_REQUIRED")
	step(verify, `{"stateToken":"`+a.StateToken+`"}`, "MFA_CHALLENGE")
	a = step(verify, `{"stateToken":"`+a.StateToken+`","passCode":"`+codes(user)+`"}`, "SUCCESS")
	step("/api/v1/sessions", `{"sessionToken":"`+a.SessionToken+`"}`, "ACTIVE")
}

const requestsPerSignIn = 4

func value(raw []byte, name string) string {
	_, v, _ := bytes.Cut(raw, []byte(name))
	v, _, _ = bytes.Cut(v, []byte(`"`))
	return string(v)
}

// record notes the answers of one sign-in for the bare handler.
func record(b *testing.B, h http.Handler, codes func(string) string) map[string]any {
	recorded := map[string]any{}
	signIn(b, func(path, body string) []byte {
		raw := direct(h)(path, body)
		if path == "/api/v1/sessions" {
			var s struct {
				ID, UserID, Status, CreatedAt, ExpiresAt, LastPasswordVerification, LastFactorVerification string

				AMR       []string
				MFAActive bool
			}
			json.Unmarshal(raw, &s)
			recorded[path] = struct {
				ID                       string   `json:"id"`
				UserID                   string   `json:"userId"`
				Status                   string   `json:"status"`
				CreatedAt                string   `json:"createdAt"`
				ExpiresAt                string   `json:"expiresAt"`
				LastPasswordVerification string   `json:"lastPasswordVerification"`
				LastFactorVerification   string   `json:"lastFactorVerification"`
				AMR                      []string `json:"amr"`
				MFAActive                bool     `json:"mfaActive"`
			}(s)
			return raw
		}
		var a typed
		if err := json.Unmarshal(raw, &a); err != nil {
			b.Fatal(err)
		}
		recorded[kind(path, value([]byte(body), `"passCode":"`))] = &a
		if again, _ := json.Marshal(a); string(again) != string(bytes.TrimSpace(raw)) {
			b.Fatalf("the bare handler would send\n%s\nnot\n%s", again, raw)
		}
		return raw
	}, "recorded", codes)
	return recorded
}

// direct calls a handler without a network.
func direct(h http.Handler) shot {
	return func(path, body string) []byte {
		r := httptest.NewRequest("POST", path, io.NopCloser(bytes.NewReader([]byte(body))))
		r.Header["Content-Type"] = []string{"application/json"}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Body.Bytes()
	}
}

// wire is a client on one connection that does as little as can be.
func wire(b *testing.B, addr string) shot {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	in, out := bufio.NewReader(conn), make([]byte, 0, 1024)
	buf := make([]byte, 8192)
	return func(path, body string) []byte {
		out = fmt.Appendf(out[:0], "POST %s HTTP/1.1\r\nHost: id.example.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
		if _, err := conn.Write(out); err != nil {
			b.Error(err)
			return nil
		}
		n := -1
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				b.Error(err)
				return nil
			}
			if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				n, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
			}
			if len(line) <= 2 {
				break
			}
		}
		if n < 0 {
			b.Error("no Content-Length")
			return nil
		}
		io.ReadFull(in, buf[:n])
		return buf[:n]
	}
}

// BenchmarkAgainstBare runs whole sign-ins against the handler and the same
// requests against a bare one, in turns, over loopback connections, and
// reports the ratio of the medians of their requests per second.
func BenchmarkAgainstBare(b *testing.B) {
	h, p := benchHandler(b)
	mailed := func(user string) string { c, _ := p.codes.LoadAndDelete(user); return c.(string) }
	plain := bare(record(b, h, mailed))
	ours, theirs := httptest.NewServer(h), httptest.NewServer(plain)
	defer ours.Close()
	defer theirs.Close()
	const conns, lap = 4, 25
	users := 0
	run := func(shots []shot, codes func(string) string) float64 {
		start := time.Now()
		var wg sync.WaitGroup
		for i, do := range shots {
			first := users + i*lap
			wg.Go(func() {
				for j := range lap {
					signIn(b, do, "user"+strconv.Itoa(first+j), codes)
				}
			})
		}
		wg.Wait()
		users += conns * lap
		return float64(conns*lap*requestsPerSignIn) / time.Since(start).Seconds()
	}
	var ourShots, theirShots []shot
	for range conns {
		ourShots = append(ourShots, wire(b, ours.Listener.Addr().String()))
		theirShots = append(theirShots, wire(b, theirs.Listener.Addr().String()))
	}
	var us, them []float64
	for b.Loop() {
		us = append(us, run(ourShots, mailed))
		them = append(them, run(theirShots, func(string) string { return "123456" }))
	}
	slices.Sort(us)
	slices.Sort(them)
	u, t := us[len(us)/2], them[len(them)/2]
	b.ReportMetric(u, "requests/s")
	b.ReportMetric(t, "bare-requests/s")
	b.ReportMetric(u/t, "ratio")
}

// BenchmarkSignIn is a whole sign-in, four requests, without a network, for the
// handler, the bare one, and one that only sends what was recorded.
func BenchmarkSignIn(b *testing.B) {
	h, p := benchHandler(b)
	mailed := func(user string) string { c, _ := p.codes.LoadAndDelete(user); return c.(string) }
	recorded := record(b, h, mailed)
	run := func(b *testing.B, h http.Handler, codes func(string) string) {
		do := direct(h)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := 0; b.Loop(); i++ {
			signIn(b, do, "user"+strconv.Itoa(i), codes)
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N)/requestsPerSignIn, "allocs/request")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/requestsPerSignIn, "ns/request")
	}
	b.Run("okta", func(b *testing.B) { run(b, h, mailed) })
	b.Run("bare", func(b *testing.B) { run(b, bare(recorded), func(string) string { return "123456" }) })
	for k, v := range recorded { // what remains is the benchmark's own
		raw, _ := json.Marshal(v)
		recorded[k] = raw
	}
	b.Run("nothing", func(b *testing.B) {
		run(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Write(recorded[kind(r.URL.Path, value(body, `"passCode":"`))].([]byte))
		}), func(string) string { return "123456" })
	})
}

// BenchmarkRequest is each request of a sign-in alone, without a network:
// how long, and how many allocations of the handler and the library.
func BenchmarkRequest(b *testing.B) {
	h, p := benchHandler(b)
	mailed := func(user string) string { c, _ := p.codes.LoadAndDelete(user); return c.(string) }
	do := direct(h)
	var token string
	b.Run("get state", func(b *testing.B) {
		raw := do("/api/v1/authn", `{"username":"solo","password":"x"}`)
		token = value(raw, `"stateToken":"`)
		b.ReportAllocs()
		for b.Loop() {
			do("/api/v1/authn", `{"stateToken":"`+token+`"}`)
		}
	})
	do("/api/v1/authn/factors/emf1/verify", `{"stateToken":"`+token+`"}`)
	mailed("solo")
	b.Run("malformed code", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			do("/api/v1/authn/factors/emf1/verify", `{"stateToken":"`+token+`","passCode":"12"}`)
		}
	})
	b.Run("resend too soon", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			do("/api/v1/authn/factors/emf1/verify/resend", `{"stateToken":"`+token+`"}`)
		}
	})
}
