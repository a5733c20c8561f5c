package okta_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/authnfsm/authn/okta"
)

var update = flag.Bool("update", false, "rewrite the recorded exchanges in testdata")

// reply is an answer, read.
type reply struct {
	*httptest.ResponseRecorder
	json map[string]any
}

// at follows names and indices into the body: "_embedded.factors.0.id".
func (r *reply) at(path string) any {
	var v any = r.json
	for _, k := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[k]
		case []any:
			i := int(k[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (r *reply) str(path string) string { s, _ := r.at(path).(string); return s }

// client is one browser or program; it records what it exchanges.
type client struct {
	*world
	h       *okta.Handler
	user    string // whose codes are masked
	token   string
	host    string // if it is another than the request's own
	cookies map[string]string
	secret  map[string]string // what differs from run to run, and what is shown for it
	story   strings.Builder
	all     []*reply
}

// hide shows something else for what differs from run to run.
func (c *client) hide(text, as string) string {
	if c.secret == nil {
		c.secret = map[string]string{}
	}
	c.secret[text] = as
	return text
}

func (w *world) client(user string) *client {
	return &client{world: w, h: w.h, user: user, cookies: map[string]string{}}
}

// do sends a request and reads the answer.
func (c *client) do(r *http.Request) *reply {
	c.t.Helper()
	for k, v := range c.cookies {
		r.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	if c.host != "" {
		r.Host = c.host
	}
	rec := httptest.NewRecorder()
	c.h.ServeHTTP(rec, r)
	rep := &reply{ResponseRecorder: rec}
	if rec.Body.Len() > 0 {
		body := rec.Body.Bytes()
		if body[0] == '[' {
			body = fmt.Appendf(nil, `{"list":%s}`, body)
		}
		if err := json.Unmarshal(body, &rep.json); err != nil {
			c.t.Fatalf("%s %s: the answer is no JSON object: %v", r.Method, r.URL, err)
		}
	}
	for _, k := range rec.Result().Cookies() {
		if c.cookies[k.Name] = k.Value; k.MaxAge < 0 {
			delete(c.cookies, k.Name)
		}
	}
	c.all = append(c.all, rep)
	return rep
}

// post sends a JSON body to a link or a path.
func (c *client) post(where, body string, headers ...string) *reply {
	c.t.Helper()
	path := strings.TrimPrefix(where, base)
	if path == "" || path[0] != '/' {
		c.t.Fatalf("no link: %q\n%s", where, c.story.String())
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rep := c.do(r)
	if t := rep.str("stateToken"); t != "" {
		if c.token != "" && c.token != t {
			c.t.Errorf("the state token has changed")
		}
		c.token = t
	}
	c.tell("> POST %s\n", path)
	for i := 0; i+1 < len(headers); i += 2 {
		c.tell("> %s: %s\n", headers[i], headers[i+1])
	}
	c.tell("> %s\n", body)
	c.tellReply(rep)
	return rep
}

// login is primary authentication; send posts the state token, and members.
func (c *client) login() *reply {
	c.t.Helper()
	c.token = ""
	return c.post("/api/v1/authn", fmt.Sprintf(`{"username":%q,"password":%q}`, c.user, goodPassword))
}

func (c *client) send(where string, members ...string) *reply {
	c.t.Helper()
	body := `{"stateToken":"` + c.token + `"`
	for i := 0; i+1 < len(members); i += 2 {
		body += fmt.Sprintf(`,%q:%q`, members[i], members[i+1])
	}
	return c.post(where, body+"}")
}

// get is a browser's navigation.
func (c *client) get(target string) *reply {
	c.t.Helper()
	rep := c.do(httptest.NewRequest("GET", target, nil))
	c.tell("> GET %s\n", target)
	c.tellReply(rep)
	return rep
}

func (c *client) tell(format string, args ...any) {
	c.story.WriteString(c.mask(fmt.Sprintf(format, args...)))
}

func (c *client) tellReply(r *reply) {
	c.tell("< %d\n", r.Code)
	for _, k := range []string{"Allow", "Retry-After", "Location", "Set-Cookie"} {
		for _, v := range r.Header()[k] {
			c.tell("< %s: %s\n", k, v)
		}
	}
	if r.Body.Len() > 0 {
		c.tell("%s\n", layout(r.Body.Bytes(), ""))
	}
	c.story.WriteString("\n")
}

// layout writes JSON in the order in which it came; what is short stays on
// one line.
func layout(v json.RawMessage, indent string) string {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil || b.Len() < 110 || v[0] != '{' && v[0] != '[' {
		return b.String()
	}
	d := json.NewDecoder(&b)
	open, _ := d.Token()
	var items []string
	for d.More() {
		name := ""
		if open == json.Delim('{') {
			t, _ := d.Token()
			name = fmt.Sprintf("%q: ", t)
		}
		var item json.RawMessage
		d.Decode(&item)
		items = append(items, indent+"  "+name+layout(item, indent+"  "))
	}
	end, _ := d.Token()
	return fmt.Sprintf("%s\n%s\n%s%s", open, strings.Join(items, ",\n"), indent, end)
}

func (c *client) comment(text string) { c.story.WriteString("# " + text + "\n\n") }

var (
	maskTime   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)
	maskTokens = []struct {
		re *regexp.Regexp
		to string
	}{
		{whole(`00[A-Za-z0-9_-]{64}`), "$1{stateToken}$2"},
		{whole(`20[A-Za-z0-9_-]{64}`), "$1{sessionToken}$2"},
		{whole(`oae[A-Za-z0-9_-]{22}`), "$1{errorId}$2"},
		{regexp.MustCompile(`authn-success-[A-Za-z0-9_-]{8}=[A-Za-z0-9_-]+`), "authn-success-{token}={cookie}"},
		{regexp.MustCompile(`authn-device-[A-Za-z0-9_-]{8}=[A-Za-z0-9_-]+`), "authn-device-{user}={deviceToken}"},
		{regexp.MustCompile(`"passCode":"\d{6}"`), `"passCode":"{a wrong one}"`},
	}
)

// whole matches a token that is no part of a longer one, and what is around it.
func whole(token string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[^A-Za-z0-9_-])` + token + `([^A-Za-z0-9_-]|$)`)
}

// mask replaces what differs from run to run. Times are shown from now on.
func (c *client) mask(s string) string {
	for text, as := range c.secret {
		s = strings.ReplaceAll(s, text, as)
	}
	if code := c.code(c.user); code != "" {
		s = strings.ReplaceAll(s, `"passCode":"`+code+`"`, `"passCode":"{the code}"`)
	}
	for _, m := range maskTokens {
		s = m.re.ReplaceAllString(s, m.to)
	}
	return maskTime.ReplaceAllStringFunc(s, func(v string) string {
		t, err := time.Parse("2006-01-02T15:04:05.000Z", v)
		if err != nil {
			return v
		}
		if d := t.Sub(c.now()); d > 0 {
			return "{now + " + d.String() + "}"
		} else if d < 0 {
			return "{now - " + (-d).String() + "}"
		}
		return "{now}"
	})
}

// golden compares the story with the recorded one.
func (c *client) golden() {
	c.t.Helper()
	got := strings.TrimRight(c.story.String(), "\n") + "\n"
	for text, as := range c.secret { // also what came before it was known
		got = strings.ReplaceAll(got, text, as)
	}
	name := strings.NewReplacer("TestWalk", "", "/", "_").Replace(c.t.Name())
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	if got != string(want) {
		c.t.Errorf("the exchange differs from %s (go run ./internal/regen, and read the difference):\n%s", file, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d:\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

// is fails the test unless the answer has this status, and this transaction
// status or error code.
func (c *client) is(r *reply, status int, what string) *reply {
	c.t.Helper()
	got := r.str("status")
	if got == "" {
		got = r.str("errorCode")
	}
	if r.Code != status || got != what {
		c.t.Fatalf("got %d %s, want %d %s\n%s", r.Code, got, status, what, c.mask(r.Body.String()))
	}
	return r
}

// Where things are in a body.
const (
	firstVerify = "_embedded.factors.0._links.verify.href"
	firstEnroll = "_embedded.factors.0._links.enroll.href"
	next        = "_links.next.href"
	resend      = "_links.resend.0.href"
	prev        = "_links.prev.href"
	skip        = "_links.skip.href"
	cancel      = "_links.cancel.href"
)

func query(kv ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	return "?" + q.Encode()
}
