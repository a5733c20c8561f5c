package webhooksend_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webhooksend"
)

// TestRequest pins what goes out: receivers in other languages depend on it.
func TestRequest(t *testing.T) {
	g, url := start(t, nil)
	s := open(t, url, func(c *webhooksend.Config) { c.Header = map[string]authn.Secret{"authorization": "Bearer token"} })
	if err := s.Send(t.Context(), code()); err != nil {
		t.Fatal(err)
	}
	r := g.only(t)
	const want = `{"key":"0f1e2d3c4b5a69788796a5b4c3d2e1f0-3-0","kind":"code","channel":"email","tenant":"tenant-7","user":"user-4711",` +
		`"to":"ada@example.com","locale":"en","purpose":"sign_in","code":"012345","generation":2,"expires":"2030-01-02T03:09:05Z"}`
	if string(r.body) != want {
		t.Errorf("the body is\n%s, want\n%s", r.body, want)
	}
	for name, want := range map[string]string{
		"Content-Type":  "application/json",
		"Authorization": "Bearer token",

		"Idempotency-Key":           "0f1e2d3c4b5a69788796a5b4c3d2e1f0-3-0",
		webhooksend.SignatureHeader: "t=1893553445,v1=2a0a7aa8d9773a97f55ac357ccac5b0bc50a04725382f1f35164fd9e671c2b91",
	} {
		if got := r.header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestNotices(t *testing.T) {
	zone := time.FixedZone("elsewhere", -7*3600)
	for want, m := range map[string]authn.Message{
		`{"kind":"failed_attempts","to":"a"}`: {Kind: authn.BackoffMessage, To: "a"},
		`{"kind":"code","channel":"push","user":"ada","factor":"phone","approval":"a token","generation":1}`: {
			Kind: authn.CodeMessage, Channel: "push", User: "ada", Factor: "phone", Approval: "a token", Generation: 1,
		},
		`{"kind":"account_locked","to":"a"}`: {Kind: authn.LockedMessage, To: "a"},
		`{"kind":"account_locked","to":"a","until":"2030-01-02T03:04:05Z"}`: {
			Kind: authn.LockedMessage, To: "a", Until: now.In(zone), Code: "012345", Purpose: authn.PurposeEnroll, Generation: 1, Expires: now,
		},
		`{"kind":"factor_activated","to":"a"}`: {Kind: authn.ActivatedMessage, To: "a", Code: "012345", Until: now},
		`{"kind":"later","to":"a"}`:            {Kind: "later", To: "a", Code: "012345", Purpose: authn.PurposeEnroll, Generation: 1, Expires: now},
		`{"kind":"code","to":"a","code":"0"}`:  {Kind: authn.CodeMessage, To: "a", Code: "0", Until: now},
	} {
		g, url := start(t, nil)
		if err := open(t, url, nil).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if r := g.only(t); string(r.body) != want || r.header.Values("Idempotency-Key") != nil {
			t.Errorf("the request is\n%s %s, want\n%s without a key", r.header, r.body, want)
		}
	}
}

// Every field of a message arrives, under a name from which Go reads it back.
func TestEveryField(t *testing.T) {
	full := code()
	full.Expires = full.Expires.UTC()
	locked := authn.Message{Kind: authn.LockedMessage, To: "a", Until: now}
	arrives := make(map[string]bool)
	push := authn.Message{Kind: authn.CodeMessage, Channel: "push", User: "ada", Factor: "phone", Approval: "a token", Generation: 1}
	claimed := code()
	claimed.Expires, claimed.Purpose, claimed.Link = claimed.Expires.UTC(), authn.PurposeRecover, "a link"
	for _, m := range []authn.Message{full, locked, push, claimed} {
		g, url := start(t, nil)
		if err := open(t, url, nil).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		var got authn.Message
		d := json.NewDecoder(bytes.NewReader(g.only(t).body))
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil || got != m {
			t.Errorf("read back as %+v, error %v, want %+v", got, err, m)
		}
		v := reflect.ValueOf(got)
		for i := range v.NumField() {
			arrives[v.Type().Field(i).Name] = arrives[v.Type().Field(i).Name] || !v.Field(i).IsZero()
		}
	}
	for name, ok := range arrives {
		if !ok {
			t.Errorf("%s does not arrive", name)
		}
	}
}

// The body is ASCII in one line, and says the same.
func TestASCII(t *testing.T) {
	m := code()
	m.User, m.Locale, m.Tenant = "Zoë 用户 🦀 \u202e\u2028\u0085\x7f\x00\r\n", `"</script>\`, "\ufffd"
	g, url := start(t, nil)
	if err := open(t, url, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	body := g.only(t).body
	for _, c := range body {
		if c < ' ' || c > '~' {
			t.Errorf("the body has the byte %#x: %q", c, body)
		}
	}
	var got authn.Message
	if err := json.Unmarshal(body, &got); err != nil || got.User != m.User || got.Locale != m.Locale || got.Tenant != m.Tenant {
		t.Errorf("read back as %q %q %q, error %v", got.User, got.Locale, got.Tenant, err)
	}
}

// A key that is no header is escaped, and two keys are never one.
func TestOddKeys(t *testing.T) {
	seen := make(map[string]string)
	for _, key := range []string{"a", "A", "a ", " a", "a%20", "a\r\nX: y", "a\x00", "é", "a+b", "a b"} {
		m := code()
		m.Key = key
		g, url := start(t, nil)
		if err := open(t, url, nil).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		r := g.only(t)
		id := r.header.Get("Idempotency-Key")
		if other, ok := seen[id]; ok || r.header.Get("X") != "" {
			t.Errorf("keys %q and %q are both %q, or one adds a header", key, other, id)
		}
		seen[id] = key
	}
}

// What can never be sent is final, and is not sent.
func TestMalformed(t *testing.T) {
	g, url := start(t, nil)
	s := open(t, url, nil)
	for says, change := range map[string]func(*authn.Message){
		"no kind":             func(m *authn.Message) { m.Kind = "" },
		"no recipient":        func(m *authn.Message) { m.To = "" },
		"no code":             func(m *authn.Message) { m.Code = "" },
		"out of range":        func(m *authn.Message) { m.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"longer than 65536":   func(m *authn.Message) { m.User = strings.Repeat("x", webhooksend.MaxBody) },
		"a string is not UTF": func(m *authn.Message) { m.To = "ada@example.com\xff" },
	} {
		m := code()
		change(&m)
		err := s.Send(t.Context(), m)
		if !errors.Is(err, authn.ErrUndeliverable) || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
		discreet(t, err)
	}
	// Every string is looked at, and two halves do not make a whole.
	for _, field := range []string{"Key", "Kind", "Channel", "Tenant", "User", "To", "Locale", "Purpose", "Code"} {
		m := code()
		reflect.ValueOf(&m).Elem().FieldByName(field).SetString("a\xc3")
		if err := s.Send(t.Context(), m); !errors.Is(err, authn.ErrUndeliverable) {
			t.Errorf("%s that is not UTF-8: error %v", field, err)
		}
	}
	m := code()
	m.Channel, m.Tenant = "a\xc3", "\xa9b"
	if err := s.Send(t.Context(), m); !errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("two halves: error %v", err)
	}
	if n := len(g.all()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// The longest body arrives, and one byte more is refused.
func TestMaxBody(t *testing.T) {
	m := code()
	g, url := start(t, nil)
	s := open(t, url, nil)
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	m.User += strings.Repeat("x", webhooksend.MaxBody-len(g.only(t).body))
	if err := s.Send(t.Context(), m); err != nil || len(g.all()[1].body) != webhooksend.MaxBody {
		t.Errorf("the longest body: error %v", err)
	}
	m.User += "x"
	if err := s.Send(t.Context(), m); !errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("one byte more: error %v", err)
	}
}

// Every attempt has the same body and key, and a signature of its own time.
func TestAttempts(t *testing.T) {
	at := now.Add(-time.Minute)
	g, url := start(t, nil)
	s := open(t, url, func(c *webhooksend.Config) { c.Now = func() time.Time { at = at.Add(time.Second); return at } })
	for range 2 {
		if err := s.Send(t.Context(), code()); err != nil {
			t.Fatal(err)
		}
	}
	a, b := g.all()[0], g.all()[1]
	const name = webhooksend.SignatureHeader
	if !bytes.Equal(a.body, b.body) || a.header.Get("Idempotency-Key") != b.header.Get("Idempotency-Key") || a.header.Get(name) == b.header.Get(name) {
		t.Errorf("two attempts are %s %s and %s %s", a.header, a.body, b.header, b.body)
	}
}
