package webhooksend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webhooksend"
)

// final are the statuses after which no retry helps: all others may be different
// next time.
var final = map[int]bool{400: true, 404: true, 410: true, 413: true, 422: true}

func TestStatus(t *testing.T) {
	g, url := start(t, nil)
	s := open(t, url, nil)
	for status := 200; status <= 599; status++ {
		g.set(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
		err := s.Send(t.Context(), code())
		answer := new(webhooksend.StatusError)
		switch {
		case status < 300:
			if err != nil {
				t.Errorf("%d: error %v, want nil", status, err)
			}
		case !errors.As(err, &answer) || answer.Status != status || !strings.Contains(err.Error(), strconv.Itoa(status)):
			t.Errorf("%d: error %v does not say so", status, err)
		case errors.Is(err, authn.ErrUndeliverable) != final[status]:
			t.Errorf("%d: error %v, want final %v", status, err, final[status])
		}
	}
}

// A redirection would carry the code elsewhere. The host's client keeps its own
// way with redirections.
func TestRedirect(t *testing.T) {
	var hits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer elsewhere.Close()
	follows := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for name, client := range map[string]*http.Client{"own": nil, "host's": follows} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			_, url := start(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
			s := open(t, url, func(c *webhooksend.Config) { c.Client = client })
			err := s.Send(t.Context(), code())
			if answer := new(webhooksend.StatusError); !errors.As(err, &answer) || answer.Status != status || errors.Is(err, authn.ErrUndeliverable) {
				t.Errorf("%s client, %d: error %v, want one to try again later", name, status, err)
			}
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d redirections were followed", n)
	}
	if follows.CheckRedirect(nil, nil) != nil {
		t.Error("the host's client was changed")
	}
}

// trickle writes text byte by byte until the other side has gone.
func trickle(w io.Writer, text string) {
	for i := 0; ; i++ {
		if _, err := io.WriteString(w, text[i%len(text):][:1]); err != nil {
			return
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		time.Sleep(5 * time.Millisecond) // the gateway's pace, not the test's
	}
}

// Whatever a gateway does, Send returns soon after its time is up, and its error
// lets the library try again and repeats nothing of what the gateway said.
func TestMisbehaving(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(net.Conn)
		is     error // nil: any
	}{
		"resets":            {func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, nil},
		"closes":            {func(net.Conn) {}, nil},
		"drips the header":  {func(c net.Conn) { trickle(c, "HTTP/1.1 200 OK 012345 ada@example.com") }, context.DeadlineExceeded},
		"speaks no HTTP":    {func(c net.Conn) { io.WriteString(c, "012345 ada@example.com\r\n\r\n") }, nil},
		"has an odd status": {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 2x0 012345 ada@example.com\r\n\r\n") }, nil},
		"has an odd length": {func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 012345ada@example.com\r\n\r\n")
		}, nil},
		"has an odd coding": {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: ada@example.com\r\n\r\n") }, nil},
		"has an odd header": {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\n012345 ada@example.com\r\n\r\n") }, nil},
		"leads to no URL": {func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://ada@example.com:012345%zz\r\n\r\n")
		}, nil},
		"stops in a header":  {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nX: 012345") }, nil},
		"never ends headers": {func(c net.Conn) { flood(c, "HTTP/1.1 200 OK\r\n", "X-012345: ada@example.com\r\n") }, nil},
		"never ends 1xx":     {func(c net.Conn) { flood(c, "", "HTTP/1.1 103 Early Hints\r\nX: ada@example.com\r\n\r\n") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, url := start(t, raw(t, c.answer))
			s := open(t, url, func(c *webhooksend.Config) {
				c.Timeout, c.Header = 300*time.Millisecond, map[string]authn.Secret{"Authorization": "Bearer hidden-token"}
			})
			err := within(t, func() error { return s.Send(t.Context(), code()) })
			if err == nil || errors.Is(err, authn.ErrUndeliverable) || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("error %v, want one to try again later and %v", err, c.is)
			}
			discreet(t, err)
		})
	}
}

// flood writes first once, then again until the other side has gone.
func flood(c net.Conn, first, again string) {
	again = strings.Repeat(again, 100)
	for _, err := io.WriteString(c, first); err == nil; {
		_, err = io.WriteString(c, again)
	}
}

// within fails if f takes much longer than any timeout of these tests.
func within(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Send has not returned")
		return nil
	}
}

// discreet fails if an error tells a secret, at any depth.
func discreet(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		said := fmt.Sprintf("%v %+v %#v", err, err, err)
		for _, hidden := range []string{"012345", "ada@", "hidden", string(secret), "user-4711"} {
			if strings.Contains(said, hidden) {
				t.Errorf("the error has %q: %s", hidden, said)
			}
		}
	}
}

// The time of Config bounds a message even if its context does not.
func TestTimeout(t *testing.T) {
	g, url := start(t, nil)
	g.set(func(http.ResponseWriter, *http.Request) { <-g.end })
	s := open(t, url, func(c *webhooksend.Config) { c.Timeout = 100 * time.Millisecond })
	err := within(t, func() error { return s.Send(t.Context(), code()) })
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
	}
	discreet(t, err)
}

// So does the time of the host's client.
func TestClientTimeout(t *testing.T) {
	g, url := start(t, nil)
	g.set(func(http.ResponseWriter, *http.Request) { <-g.end })
	s := open(t, url, func(c *webhooksend.Config) { c.Client = &http.Client{Timeout: 100 * time.Millisecond} })
	err := within(t, func() error { return s.Send(t.Context(), code()) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
	}
	discreet(t, err)
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	g, url := start(t, nil)
	g.set(func(http.ResponseWriter, *http.Request) { cancel(errors.New("ada@example.com has left")); <-g.end })
	err := within(t, func() error { return open(t, url, nil).Send(ctx, code()) })
	if !errors.Is(err, context.Canceled) || errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	discreet(t, err)
}

// The status has decided: an answer that never ends neither holds up the message
// for longer than its time nor makes it a failure.
func TestDrippingBody(t *testing.T) {
	for status, good := range map[int]bool{200: true, 422: false} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			_, url := start(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				trickle(w, "012345 ada@example.com")
			})
			s := open(t, url, func(c *webhooksend.Config) { c.Timeout = 3 * time.Second })
			err := within(t, func() error { return s.Send(t.Context(), code()) })
			if good != (err == nil) || !good && !errors.Is(err, authn.ErrUndeliverable) {
				t.Errorf("error %v", err)
			}
			discreet(t, err)
		})
	}
}

// Of an answer of 1 GiB, little is read.
func TestHugeAnswer(t *testing.T) {
	const size, few = 1 << 30, 64 << 20 // the buffers of sockets are between
	for status, good := range map[int]bool{200: true, 503: false} {
		written := make(chan int, 1)
		_, url := start(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			w.WriteHeader(status)
			n, chunk := 0, make([]byte, 32<<10)
			for n < size {
				k, err := w.Write(chunk)
				if n += k; err != nil {
					break
				}
			}
			written <- n
		})
		err := within(t, func() error { return open(t, url, nil).Send(t.Context(), code()) })
		if good != (err == nil) || errors.Is(err, authn.ErrUndeliverable) {
			t.Errorf("%d: error %v", status, err)
		}
		if n := <-written; n > few {
			t.Errorf("%d: the gateway could write %d bytes, want few", status, n)
		}
	}
}

// A connection serves one message after the other.
func TestConnectionIsKept(t *testing.T) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"id":"1"}`)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	s := open(t, srv.URL, nil)
	for range 5 {
		if err := s.Send(t.Context(), code()); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 5 messages, want 1", n)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	err = open(t, "http://"+addr+"/hidden-path", nil).Send(t.Context(), code())
	if err == nil || errors.Is(err, authn.ErrUndeliverable) || !strings.Contains(err.Error(), "connect") {
		t.Errorf("error %v does not say what failed", err)
	}
	discreet(t, err)
}

// A certificate by nobody that the host trusts gets no code.
func TestUntrusted(t *testing.T) {
	var hits atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	err := open(t, srv.URL+"/hidden-path", nil).Send(t.Context(), code())
	if err == nil || errors.Is(err, authn.ErrUndeliverable) || !strings.Contains(err.Error(), "certificate") || hits.Load() != 0 {
		t.Errorf("error %v, %d requests", err, hits.Load())
	}
	discreet(t, err)
}

// roundTrip is a host's own way to make requests.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOddClient(t *testing.T) {
	client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("no way to send 012345 to ada@example.com")
	})}
	err := open(t, "https://example.com/hidden-path", func(c *webhooksend.Config) { c.Client = client }).Send(t.Context(), code())
	if err == nil || errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("error %v", err)
	}
	discreet(t, err)
}
