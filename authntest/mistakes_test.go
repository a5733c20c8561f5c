package authntest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// flaw is what takes the place of the plain host's methods, if it is not nil.
type flaw struct {
	start   func(h *flawed, user string) Seen
	do      func(h *flawed, token string, r Request) Seen
	redeem  func(h *flawed, session string) Seen
	service func(*authn.Config)
}

// flawed is the plain host with one mistake in it.
type flawed struct {
	*plain
	flaw
	ports Ports

	mu     sync.Mutex
	users  map[string]string // by state token
	tokens map[string]string // by user, the last
	kept   map[string]Seen
}

func (h *flawed) Start(user string) (s Seen) {
	if s = h.plain.Start(user); h.start != nil {
		s = h.start(h, user)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.Token != "" {
		h.users[s.Token], h.tokens[user] = user, s.Token
	}
	return s
}

func (h *flawed) Do(token string, r Request) Seen {
	if h.do != nil {
		return h.do(h, token, r)
	}
	return h.plain.Do(token, r)
}

func (h *flawed) Redeem(session string) Seen {
	if h.redeem != nil {
		return h.redeem(h, session)
	}
	return h.plain.Redeem(session)
}

func (h *flawed) userOf(token string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.users[token]
}

func (h *flawed) lastOf(user string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tokens[user]
}

// signIn makes a session without an assertion.
func (h *flawed) signIn(user string) {
	h.plain.mu.Lock()
	defer h.plain.mu.Unlock()
	h.sessions = append(h.sessions, user)
}

func (h *flawed) address(user string) string {
	fs, err := h.ports.Directory.Factors(context.Background(), user)
	if err != nil || len(fs) == 0 {
		return "nowhere"
	}
	return fs[0].Address
}

// mistake is one that a host may make, and the rules one of which finds it.
type mistake struct {
	name string
	by   string
	flaw
}

// behavior are the rules that may find a host that does something else: which
// one depends on what comes first.
const behavior = "verdict allowed mail state fault session token repeated"

func (m *mistake) open(t testing.TB, p Ports) Host {
	cfg := p.Config()
	if m.service != nil {
		m.service(&cfg)
	}
	s, err := authn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &flawed{
		plain: &plain{s: s}, flaw: m.flaw, ports: p,
		users: map[string]string{}, tokens: map[string]string{}, kept: map[string]Seen{},
	}
}

// after is a mistake in what is made of an answer.
func after(f func(h *flawed, token string, r Request, s Seen) Seen) flaw {
	return flaw{do: func(h *flawed, token string, r Request) Seen { return f(h, token, r, h.plain.Do(token, r)) }}
}

func answerMistakes() []mistake {
	return []mistake{
		{"answers from its memory after a failed save", "fault", after(func(h *flawed, token string, r Request, s Seen) Seen {
			h.mu.Lock()
			defer h.mu.Unlock()
			if old, ok := h.kept[token]; ok && s.Class == Unavailable {
				return old
			}
			h.kept[token] = s
			return s
		})},
		{"takes unavailable for success", "fault", after(func(_ *flawed, _ string, r Request, s Seen) Seen {
			if s.Class == Unavailable && r.Event == "verify" {
				s.Class, s.State = OK, success
			}
			return s
		})},
		{"loses the verdict", "verdict", after(func(_ *flawed, _ string, _ Request, s Seen) Seen {
			if s.Class == WrongCode {
				s.Class = OK
			}
			return s
		})},
		{"says wrong code for a finished sign-in", "verdict", after(func(_ *flawed, _ string, r Request, s Seen) Seen {
			if s.Class == Finished && r.Code != "" {
				s.Class = WrongCode
			}
			return s
		})},
	}
}

func sessionMistakes() []mistake {
	return []mistake{
		{"makes a session when it sees SUCCESS", "session", after(func(h *flawed, token string, _ Request, s Seen) Seen {
			if s.State == success {
				h.signIn(h.userOf(token))
			}
			return s
		})},
		{"makes a session after an enrollment", "session", after(func(h *flawed, token string, r Request, s Seen) Seen {
			if s.State == success && r.Event == "activate" {
				h.signIn(h.userOf(token))
			}
			return s
		})},
		{"ignores the outcome", "session", after(func(h *flawed, token string, r Request, s Seen) Seen {
			if r.Event == "verify" && s.Class == WrongCode {
				h.signIn(h.userOf(token))
			}
			return s
		})},
	}
}

func shownMistakes() []mistake {
	return []mistake{
		{"drops what a refusal allows", "allowed", after(func(_ *flawed, _ string, _ Request, s Seen) Seen {
			if s.Class != OK {
				s.Allowed = nil
			}
			return s
		})},
		{"says that a resend is allowed at any time", "allowed", after(func(_ *flawed, _ string, _ Request, s Seen) Seen {
			if s.State == proving {
				s.Allowed = []string{"verify", "resend", "previous", "cancel"}
			}
			return s
		})},
		{"shows the address", "secret", after(func(h *flawed, token string, r Request, s Seen) Seen {
			if s.State == proving {
				s.Raw += "we have sent a code to " + h.address(h.userOf(token))
			}
			return s
		})},
		{"an error names the address", "secret", after(func(h *flawed, token string, r Request, s Seen) Seen {
			if s.Class == Exhausted || s.Class == TooSoon {
				s.Raw += "no mail to " + h.address(h.userOf(token))
			}
			return s
		})},
		{"logs the token", "log", after(func(_ *flawed, token string, r Request, s Seen) Seen {
			s.Log += fmt.Sprintf("event %s token %s", r.Event, token)
			return s
		})},
		{"logs the session token", "log", after(func(_ *flawed, _ string, _ Request, s Seen) Seen {
			s.Log += "session " + s.Session
			return s
		})},
		{"answers from a cache", behavior, flaw{do: func(h *flawed, token string, r Request) Seen {
			h.mu.Lock()
			defer h.mu.Unlock()
			k := token + r.Event + r.Code
			if s, ok := h.kept[k]; ok {
				return s
			}
			h.kept[k] = h.plain.Do(token, r)
			return h.kept[k]
		}}},
	}
}

func requestMistakes() []mistake {
	return []mistake{
		{"logs the code", "log", flaw{do: func(h *flawed, token string, r Request) Seen {
			s := h.plain.Do(token, r)
			s.Log += fmt.Sprintf("event %s code %s", r.Event, r.Code)
			return s
		}}},
		{"logs the password", "log", flaw{start: func(h *flawed, user string) Seen {
			s := h.plain.Start(user)
			s.Log += "name " + user + " password " + Password
			return s
		}}},
		{"begins anew where a resend is too soon", behavior, flaw{do: func(h *flawed, token string, r Request) Seen {
			s := h.plain.Do(token, r)
			if user := h.userOf(token); r.Event == "resend" && s.Class == TooSoon && s.State == proving {
				h.plain.Do(token, Request{Event: "cancel"})
				return h.plain.Do(h.plain.Start(user).Token, Request{Event: "challenge", Factor: r.Factor})
			}
			return s
		}}},
		{"has one sign-in for each user", behavior, flaw{start: func(h *flawed, user string) Seen {
			if old := h.lastOf(user); old != "" {
				h.plain.Do(old, Request{Event: "cancel"})
			}
			return h.plain.Start(user)
		}}},
		{"goes by the user, not by the token", behavior, flaw{do: func(h *flawed, token string, r Request) Seen {
			if last := h.lastOf(strings.TrimPrefix(r.Factor, "factor-of-")); last != "" {
				token = last
			}
			return h.plain.Do(token, r)
		}}},
	}
}

func keyMistakes() []mistake {
	return []mistake{
		{"uses one idempotency key for all", behavior, flaw{do: func(h *flawed, token string, r Request) Seen {
			r.Key = "the same"
			return h.plain.Do(token, r)
		}}},
		{"drops the idempotency key", behavior, flaw{do: func(h *flawed, token string, r Request) Seen {
			r.Key = ""
			return h.plain.Do(token, r)
		}}},
		{"cancels on the client's side only", behavior, flaw{do: func(h *flawed, token string, r Request) Seen {
			if r.Event == "cancel" && h.userOf(token) != "" {
				return Seen{State: canceled}
			}
			return h.plain.Do(token, r)
		}}},
		{"fills up a short code", "verdict", flaw{do: func(h *flawed, token string, r Request) Seen {
			if n := len(r.Code); n > 0 && n < 10 {
				r.Code += "0000000000"[n:]
			}
			return h.plain.Do(token, r)
		}}},
		{"keeps its sign-ins in memory", behavior, flaw{do: func(h *flawed, token string, r Request) Seen {
			if h.userOf(token) == "" {
				return Seen{Class: Finished}
			}
			return h.plain.Do(token, r)
		}}},
		{"makes a session for a token that was used", "session verdict", flaw{redeem: func(h *flawed, session string) Seen {
			s := h.plain.Redeem(session)
			h.mu.Lock()
			defer h.mu.Unlock()
			if old, ok := h.kept[session]; ok && s.Class == Finished {
				return old
			}
			h.kept[session] = s
			return s
		}}},
		{"makes the session's id of the state token", "token secret", flaw{redeem: func(h *flawed, session string) Seen {
			s := h.plain.Redeem(session)
			for token := range h.users {
				s.Raw += "Set-Cookie: session=" + token
			}
			return s
		}}},
	}
}

func portMistakes() []mistake {
	return []mistake{
		{"keeps the directory in a cache", behavior, flaw{service: func(c *authn.Config) {
			c.Directory = &cached{Directory: c.Directory, kept: map[string][]authn.Factor{}}
		}}},
		{"forgets a factor that was enrolled", "directory", flaw{service: func(c *authn.Config) { c.Directory = forgetful{c.Directory} }}},
		{"lets everything pass if the limiter fails", "fault", flaw{service: func(c *authn.Config) { c.Limiter = lenient{c.Limiter} }}},
		{"has no limiter", behavior, flaw{service: func(c *authn.Config) { c.Limiter = nil }}},
		{"has a clock of its own", behavior, flaw{service: func(c *authn.Config) { c.Now = time.Now }}},
		{"has a policy of its own", behavior, flaw{service: func(c *authn.Config) { c.Policy = authn.Policy{Digits: 10} }}},
		{"sends each mail twice", "mail", flaw{service: func(c *authn.Config) { c.Mailer = twice{c.Mailer} }}},
		{"sends no mail", "mail", flaw{service: func(c *authn.Config) { c.Mailer = silent{} }}},
		{"saves over a conflict", behavior, flaw{service: func(c *authn.Config) { c.Store = stubborn{c.Store} }}},
		{"says that it has saved", "fault", flaw{service: func(c *authn.Config) { c.Store = hopeful{c.Store} }}},
	}
}

type cached struct {
	authn.Directory
	mu   sync.Mutex
	kept map[string][]authn.Factor
}

func (c *cached) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fs, ok := c.kept[user]; ok {
		return fs, nil
	}
	fs, err := c.Directory.Factors(ctx, user)
	if err == nil {
		c.kept[user] = fs
	}
	return fs, err
}

type forgetful struct{ authn.Directory }

func (forgetful) Activated(context.Context, string, string, authn.Factor) error { return nil }

type lenient struct{ authn.Limiter }

func (l lenient) Allow(ctx context.Context, a authn.Attempt) (time.Time, error) {
	at, _ := l.Limiter.Allow(ctx, a)
	return at, nil
}

type twice struct{ authn.Sender }

func (s twice) Send(ctx context.Context, m authn.Message) error {
	if err := s.Sender.Send(ctx, m); err != nil {
		return err
	}
	m.Key += "-again"
	return s.Sender.Send(ctx, m)
}

type silent struct{}

func (silent) Send(context.Context, authn.Message) error { return nil }

// stubborn is a store where the last one wins.
type stubborn struct{ authn.Store }

func (s stubborn) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	err := s.Store.Save(ctx, key, old, r)
	if !errors.Is(err, authn.ErrConflict) {
		return err
	}
	now, err := s.Load(ctx, key)
	if err != nil && !errors.Is(err, authn.ErrNotFound) {
		return err
	}
	return s.Store.Save(ctx, key, now.Version, r)
}

type hopeful struct{ authn.Store }

func (s hopeful) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if err := s.Store.Save(ctx, key, old, r); errors.Is(err, authn.ErrConflict) {
		return err
	}
	return nil
}
