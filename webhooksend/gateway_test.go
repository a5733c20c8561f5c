package webhooksend_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/sendertest"
	"github.com/authnfsm/authn/webhooksend"
)

const secret authn.Secret = "0123456789abcdef0123456789abcdef"

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func clock() time.Time { return now }

func code() authn.Message {
	return authn.Message{
		Key: "0f1e2d3c4b5a69788796a5b4c3d2e1f0-3-0", Kind: authn.CodeMessage, Channel: "email", Tenant: "tenant-7", User: "user-4711",
		To: "ada@example.com", Locale: "en", Purpose: authn.PurposeSignIn, Code: "012345", Generation: 2,
		Expires: now.Add(5 * time.Minute).In(time.FixedZone("elsewhere", 5*3600+1800)),
	}
}

// request is what a gateway got.
type request struct {
	header http.Header
	body   []byte
}

// gateway is a test server. It refuses what is not signed, keeps the rest and
// answers as answer does; a nil answer is 202.
type gateway struct {
	mu     sync.Mutex
	got    []request
	answer http.HandlerFunc
	end    chan struct{} // closed when the test ends
}

func start(t *testing.T, answer http.HandlerFunc) (g *gateway, url string) {
	g = &gateway{answer: answer, end: make(chan struct{})}
	srv := httptest.NewUnstartedServer(g)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(func() { close(g.end); srv.CloseClientConnections(); srv.Close() })
	return g, srv.URL + "/hidden-path?hidden=query"
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhooksend.MaxBody))
	if err == nil {
		err = webhooksend.Verify(r.Header.Get(webhooksend.SignatureHeader), body, now, 0, secret)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	g.mu.Lock()
	answer := g.answer
	g.mu.Unlock()
	if answer == nil {
		g.keep(r, body)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer(w, r)
}

func (g *gateway) keep(r *http.Request, body []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.got = append(g.got, request{r.Header.Clone(), body})
}

func (g *gateway) all() []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.got)
}

// only returns the one request that arrived.
func (g *gateway) only(t *testing.T) request {
	t.Helper()
	got := g.all()
	if len(got) != 1 {
		t.Fatalf("%d requests, want 1", len(got))
	}
	return got[0]
}

func open(t *testing.T, url string, change func(*webhooksend.Config)) *webhooksend.Sender {
	t.Helper()
	c := webhooksend.Config{URL: url, Secret: secret, Now: clock}
	if change != nil {
		change(&c)
	}
	s, err := webhooksend.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inbox shows each request as a gateway that prints every field would.
func (g *gateway) inbox() (mails []sendertest.Mail, err error) {
	for _, r := range g.all() {
		var m struct{ To string }
		var text bytes.Buffer
		if err := json.Unmarshal(r.body, &m); err != nil {
			return nil, err
		}
		if err := json.Indent(&text, r.body, "", " "); err != nil {
			return nil, err
		}
		mails = append(mails, sendertest.Mail{To: []string{m.To}, Header: r.header, Text: text.String(), ID: r.header.Get("Idempotency-Key")})
	}
	return mails, nil
}

func (g *gateway) behave(b sendertest.Behavior) bool {
	answers := map[sendertest.Behavior]http.HandlerFunc{
		sendertest.Well: nil,
		sendertest.RefuseRecipient: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.Copy(w, r.Body) // with the code and the recipient
		},
		sendertest.Busy: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.Copy(w, r.Body)
		},
		sendertest.FailAfterAccept: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			g.keep(r, body)
			panic(http.ErrAbortHandler)
		},
		sendertest.Hang: func(http.ResponseWriter, *http.Request) { <-g.end },
	}
	answer, ok := answers[b]
	g.set(answer)
	return ok
}

// set changes how the gateway answers.
func (g *gateway) set(answer http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = answer
}

func TestSender(t *testing.T) {
	sendertest.Run(t, func(t *testing.T) sendertest.Harness {
		g, url := start(t, nil)
		return sendertest.Harness{Sender: open(t, url, nil), Inbox: g.inbox, Behave: g.behave, Now: now}
	})
}

// The same by TLS, with the host's own client.
func TestSenderTLS(t *testing.T) {
	sendertest.Run(t, func(t *testing.T) sendertest.Harness {
		g := &gateway{end: make(chan struct{})}
		srv := httptest.NewUnstartedServer(g)
		srv.EnableHTTP2 = true
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		t.Cleanup(func() { close(g.end); srv.CloseClientConnections(); srv.Close() })
		s := open(t, srv.URL, func(c *webhooksend.Config) { c.Client = srv.Client() })
		return sendertest.Harness{Sender: s, Inbox: g.inbox, Behave: g.behave, Now: now}
	})
}

// raw answers with bytes of its own instead of HTTP.
func raw(t *testing.T, write func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		write(conn)
	}
}
