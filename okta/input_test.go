package okta_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// challenged is a client of bob's in MFA_CHALLENGE, with a code out.
func challenged(t testing.TB, p authn.Policy) *client {
	c := newWorld(t, p).client("bob")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	return c
}

const verifyPath = "/api/v1/authn/factors/emf-bob/verify"

// badBodies has what can be wrong with a body. @token and @code stand for the
// two good members, @state and @digits for their values.
var badBodies = map[string]string{
	"a name twice":             `{@token,"passCode":"000000",@code}`,
	"the token twice":          `{@token,@token,@code}`,
	"a name twice, escaped":    `{@token,"passCode":"000000","pass\u0043ode":"000001"}`,
	"capitals":                 `{@token,"PASSCODE":"000000"}`,
	"long s":                   `{@token,"paſſCode":"000000"}`,
	"kelvin":                   `{"stateTo` + "\u212A" + `en":"@state",@code}`,
	"skip":                     `{@token,@code,"skip":true}`,
	"status":                   `{@token,@code,"status":"SUCCESS"}`,
	"factorResult":             `{@token,@code,"factorResult":"SUCCESS"}`,
	"attempts":                 `{@token,@code,"attempts":0}`,
	"another factor's":         `{@token,"answer":"blue"}`,
	"two values":               `{@token,@code}{}`,
	"something after":          `{@token,@code}x`,
	"array":                    `[{@token,@code}]`,
	"string":                   `"x"`,
	"null":                     `null`,
	"number":                   `1`,
	"nothing":                  ``,
	"spaces":                   ` `,
	"depth":                    `{@token,"passCode":` + strings.Repeat(`[`, 3500) + strings.Repeat(`]`, 3500) + `}`,
	"byte order mark":          "\uFEFF{@token,@code}",
	"UTF-16":                   "{\x00\"\x00s\x00",
	"number as code":           `{@token,"passCode":123456}`,
	"huge number":              `{@token,"passCode":1e999}`,
	"too long for 64 bits":     `{@token,"passCode":9223372036854775808}`,
	"minus nought":             `{@token,"passCode":-0}`,
	"comment":                  `{@token,/* */@code}`,
	"trailing comma":           `{@token,@code,}`,
	"single quotes":            `{'stateToken':'x'}`,
	"array of codes":           `{@token,"passCode":["000000","000001"]}`,
	"object":                   `{@token,"passCode":{"$ne":""}}`,
	"true":                     `{@token,"passCode":true}`,
	"SQL":                      `{@token,"passCode":"' OR 1=1--"}`,
	"too short":                `{@token,"passCode":"12345"}`,
	"too long":                 `{@token,"passCode":"1234567"}`,
	"full width":               `{@token,"passCode":"０１２３４５"}`,
	"no-break space":           `{@token,"passCode":"012\u00a0345"}`,
	"NUL":                      `{@token,"passCode":"012\u0000345"}`,
	"not UTF-8":                `{@token,"passCode":"012` + "\xff" + `45"}`,
	"half a pair":              `{@token,"passCode":"\ud800"}`,
	"half a pair, the other":   `{@token,"passCode":"\udc00x"}`,
	"half a pair and another":  `{@token,"passCode":"\ud83d\u0041"}`,
	"33 digits":                `{@token,"passCode":"` + strings.Repeat("1", 33) + `"}`,
	"many digits":              `{@token,"passCode":"` + strings.Repeat("1", 7000) + `"}`,
	"token is missing":         `{@code}`,
	"token is empty":           `{"stateToken":"",@code}`,
	"a code as a null's name":  `{@token,"@digits":null,"@digits":null}`,
	"token is null":            `{"stateToken":null,@code}`,
	"two tokens":               `{"stateToken":["@state"],@code}`,
	"token is too long":        `{"stateToken":"` + strings.Repeat("0", 1025) + `",@code}`,
	"flag is a string":         `{@token,@code,"rememberDevice":"true"}`,
	"a secret as a name":       `{@token,"@digits":"1"}`,
	"the client's idea of now": `{@token,@code,"now":"2030-01-01T00:00:00.000Z"}`,
}

// TestBadBodies: what is wrong with a body is found before anything is looked
// up; nothing is counted, and the code is as good as before.
func TestBadBodies(t *testing.T) {
	c := challenged(t, authn.Policy{})
	fill := strings.NewReplacer("@token", `"stateToken":"`+c.token+`"`, "@code", `"passCode":"`+c.code("bob")+`"`,
		"@state", c.token, "@digits", c.code("bob"))
	for name, body := range badBodies {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.unchanged(func() {
				r := c.post(verifyPath, fill.Replace(body))
				if r.Code != 400 || r.str("errorCode") != "E0000001" && r.str("errorCode") != "E0000003" {
					t.Errorf("got %d %s", r.Code, r.Body)
				}
				if n := len(r.at("errorCauses").([]any)); n != 1 {
					t.Errorf("%d causes", n)
				}
			})
		})
	}
	c.t = t
	if r := c.send("/api/v1/authn"); r.at("authn.triesLeft") != 5.0 {
		t.Errorf("%v tries left: some of it was counted", r.at("authn.triesLeft"))
	}
	c.is(c.send(verifyPath, "passCode", " "+c.code("bob")[:3]+"-"+c.code("bob")[3:]+"\n"), 200, "SUCCESS")
}

func (c *client) request(method, target, body string, headers ...string) *reply {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return c.do(r)
}

const (
	authnPath = "/api/v1/authn"
	good      = "{@token,@code}"
)

// badRequests has what is wrong around a body.
var badRequests = []struct {
	name, method, target, body string
	headers                    []string
	status                     int
	code                       string
}{
	{"too long", "POST", verifyPath, "{" + strings.Repeat(" ", 8<<10) + "}", nil, 413, "E0000003"},
	{"no type", "POST", verifyPath, good, []string{"Content-Type", ""}, 400, "E0000021"},
	{"text", "POST", verifyPath, good, []string{"Content-Type", "text/plain"}, 400, "E0000021"},
	{"form", "POST", verifyPath, "stateToken=@state", []string{"Content-Type", "application/x-www-form-urlencoded"}, 400, "E0000021"},
	{"multipart", "POST", verifyPath, good, []string{"Content-Type", "multipart/form-data; boundary=x"}, 400, "E0000021"},
	{"another charset", "POST", verifyPath, good, []string{"Content-Type", "application/json; charset=utf-16"}, 400, "E0000021"},
	{"almost", "POST", verifyPath, good, []string{"Content-Type", "application/jsonp"}, 400, "E0000021"},
	{"gzip", "POST", verifyPath, "\x1f\x8b\x08", []string{"Content-Encoding", "gzip"}, 400, "E0000021"},
	{"truncated", "POST", verifyPath, `{"stateToken":"@short",@code}`, nil, 401, "E0000011"},
	{"one more", "POST", verifyPath, `{"stateToken":"@stateA",@code}`, nil, 401, "E0000011"},
	{"padded", "POST", verifyPath, `{"stateToken":"@state=",@code}`, nil, 401, "E0000011"},
	{"case flipped", "POST", verifyPath, `{"stateToken":"@flipped",@code}`, nil, 401, "E0000011"},
	{"another mark", "POST", verifyPath, `{"stateToken":"01@bare",@code}`, nil, 401, "E0000011"},
	{"without the mark", "POST", verifyPath, `{"stateToken":"@bare",@code}`, nil, 401, "E0000011"},
	{"odd characters", "POST", verifyPath, `{"stateToken":"../\u0000\r\n:*>",@code}`, nil, 401, "E0000011"},
	{"65 bytes", "POST", authnPath + "/factors/" + strings.Repeat("x", 65) + "/verify", good, nil, 400, "E0000001"},
	{"empty id", "POST", authnPath + "/factors//verify", good, nil, 400, "E0000001"},
	{"not ASCII", "POST", authnPath + "/factors/%C3%A4/verify", good, nil, 400, "E0000001"},
	{"a space", "POST", authnPath + "/factors/a%20b/verify", good, nil, 400, "E0000001"},
	{"prototype", "POST", authnPath + "/factors/__proto__/verify", good, nil, 404, "E0000007"},
	{"token in the query", "POST", verifyPath + "?stateToken=@state", `{"passCode":"123456"}`, nil, 403, "E0000005"},
	{"token in the query and the body", "POST", verifyPath + "?x=@state", good, nil, 403, "E0000005"},
	{"code in the query", "POST", verifyPath + "?passCode=123456", good, nil, 400, "E0000001"},
	{"token in the path", "POST", authnPath + "/@state/verify", good, nil, 404, "E0000008"},
	{"GET", "GET", verifyPath, "", nil, 405, "E0000022"},
	{"HEAD", "HEAD", verifyPath, "", nil, 405, "E0000022"},
	{"PUT", "PUT", verifyPath, good, nil, 405, "E0000022"},
	{"PATCH", "PATCH", verifyPath, good, nil, 405, "E0000022"},
	{"DELETE", "DELETE", authnPath + "/cancel", good, nil, 405, "E0000022"},
	{"OPTIONS", "OPTIONS", verifyPath, "", nil, 405, "E0000022"},
	{"override", "GET", verifyPath, good, []string{"X-HTTP-Method-Override", "POST"}, 405, "E0000022"},
	{"polluted", "POST", verifyPath + "?passCode=1&passCode=2", good, nil, 400, "E0000001"},
	{"bad query", "POST", verifyPath + "?a=%zz", good, nil, 400, "E0000001"},
	{"encoded path", "POST", authnPath + "/%63ancel", good, nil, 404, "E0000008"},
	{"encoded path, twice", "POST", authnPath + "/%2563ancel", good, nil, 404, "E0000008"},
	{"dots", "POST", authnPath + "/x/../cancel", good, nil, 404, "E0000008"},
	{"no such path", "POST", authnPath + "//", good, nil, 404, "E0000008"},
	{"no such operation", "POST", authnPath + "/factors/emf-bob", good, nil, 404, "E0000008"},
	{"not served", "POST", authnPath + "/recovery/password", `{"username":"bob","factorType":"EMAIL"}`, nil, 404, "E0000008"},
	{"a code to cancel", "POST", authnPath + "/cancel", good, nil, 400, "E0000001"},
	{"a code to resend", "POST", verifyPath + "/resend", good, nil, 400, "E0000001"},
	{"a name to verify", "POST", verifyPath, `{@token,"username":"bob"}`, nil, 400, "E0000001"},
	{"a code to enroll", "POST", authnPath + "/factors", `{@token,@code,"factorType":"email","provider":"OKTA"}`, nil, 400, "E0000001"},
	{"empty key", "POST", verifyPath, good, []string{"Idempotency-Key", " "}, 400, "E0000001"},
	{"bytes of key", "POST", verifyPath, good, []string{"Idempotency-Key", strings.Repeat("k", 65)}, 400, "E0000001"},
	{"odd key", "POST", verifyPath, good, []string{"Idempotency-Key", "a b"}, 400, "E0000001"},
}

// TestSecretInURL: nothing that only a body may hold is taken from a URL, or repeated.
func TestSecretInURL(t *testing.T) {
	c := challenged(t, authn.Policy{})
	for _, name := range []string{"stateToken", "sessionToken", "token", "sid", "passCode", "answer", "username", "password", "oldPassword", "newPassword", "deviceToken", "input", "recoveryToken"} {
		c.unchanged(func() {
			r := c.request("POST", verifyPath+"?"+name+"=hunter2", `{"stateToken":"`+c.token+`"}`)
			if r.Code != 400 || r.str("errorCode") != "E0000001" || !strings.Contains(r.Body.String(), name) || strings.Contains(r.Body.String(), "hunter2") {
				t.Errorf("%s: %d %s", name, r.Code, r.Body)
			}
		})
	}
}

// TestBadRequests: the same for everything around the body.
func TestBadRequests(t *testing.T) {
	c := challenged(t, authn.Policy{})
	fill := strings.NewReplacer("@token", `"stateToken":"`+c.token+`"`, "@code", `"passCode":"`+c.code("bob")+`"`,
		"@state", c.token, "@short", c.token[:65], "@flipped", flip(c.token), "@bare", c.token[2:])
	for _, x := range badRequests {
		t.Run(x.name, func(t *testing.T) {
			c.t = t
			c.unchanged(func() {
				r := c.request(x.method, fill.Replace(x.target), fill.Replace(x.body), x.headers...)
				if r.Code != x.status || r.str("errorCode") != x.code {
					t.Errorf("got %d %s", r.Code, r.Body)
				}
				if x.status == 405 && r.Header().Get("Allow") != "POST" {
					t.Errorf("Allow: %q", r.Header().Get("Allow"))
				}
			})
		})
	}
	c.t = t
	c.is(c.send(verifyPath, "passCode", c.code("bob")), 200, "SUCCESS")
}

// flip changes the case of the last letter of a token.
func flip(s string) string {
	b := []byte(s)
	for i := len(b) - 1; ; i-- {
		if c := b[i] | 0x20; c >= 'a' && c <= 'z' {
			b[i] ^= 0x20
			return string(b)
		}
	}
}

// TestEndlessBody: a body that is sent in chunks and never ends is cut off,
// and one that says that it is too long is not read at all.
func TestEndlessBody(t *testing.T) {
	c := challenged(t, authn.Policy{})
	for length, most := range map[int64]int{-1: 16 << 10, 8<<10 + 1: 0} {
		body := &endless{}
		r := httptest.NewRequest("POST", verifyPath, body)
		r.ContentLength = length
		r.Header.Set("Content-Type", "application/json")
		if rep := c.do(r); rep.Code != 413 || rep.Header().Get("Connection") != "close" || body.read > most {
			t.Errorf("length %d: got %d, read %d", length, rep.Code, body.read)
		}
	}
}

type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// TestPrimaryInputs: what begins a transaction, and what does not.
func TestPrimaryInputs(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	login := `"username":"bob","password":"` + goodPassword + `"`
	for name, x := range map[string]struct {
		body   string
		status int
		what   string
	}{
		"what Okta's widget sends":  {`{` + login + `,"options":{"warnBeforePasswordExpired":true,"multiOptionalFactorEnroll":false}}`, 200, "MFA_REQUIRED"},
		"what auth-js may send":     {`{` + login + `,"context":{"deviceToken":"d"},"relayState":"/x"}`, 200, "MFA_REQUIRED"},
		"nulls":                     {`{` + login + `,"context":null,"options":null}`, 200, "MFA_REQUIRED"},
		"not UTF-8":                 {`{"username":"bob` + "\xff" + `","password":"x"}`, 400, "E0000003"},
		"half a surrogate pair":     {`{"username":"bob\ud83d","password":"x"}`, 400, "E0000003"},
		"a pair of surrogates":      {`{"username":"bob\ud83d\ude00","password":"x"}`, 401, "E0000004"},
		"long relayState":           {`{` + login + `,"relayState":"` + strings.Repeat("r", 2048) + `"}`, 200, "MFA_REQUIRED"},
		"too long a relayState":     {`{` + login + `,"relayState":"` + strings.Repeat("r", 2049) + `"}`, 400, "E0000001"},
		"relayState of wrong type":  {`{` + login + `,"relayState":7}`, 400, "E0000001"},
		"options of wrong type":     {`{` + login + `,"options":[]}`, 400, "E0000001"},
		"a name twice inside":       {`{` + login + `,"options":{"a":1,"a":2}}`, 400, "E0000003"},
		"a name twice, deep inside": {`{` + login + `,"options":{"a":[{"b":[],"b":{}}]}}`, 400, "E0000003"},
		"deep as may be":            {`{` + login + `,"options":{"a":[[[[[[1]]]]]]}}`, 200, "MFA_REQUIRED"},
		"deeper than may be":        {`{` + login + `,"options":{"a":[[[[[[[1]]]]]]]}}`, 400, "E0000003"},
		"audience":                  {`{` + login + `,"audience":"app"}`, 400, "E0000001"},
		"activation token":          {`{"token":"abc"}`, 400, "E0000001"},
		"no password":               {`{"username":"bob"}`, 400, "E0000001"},
		"empty password":            {`{"username":"bob","password":""}`, 400, "E0000001"},
		"no user name":              {`{"password":"x"}`, 400, "E0000001"},
		"a control character":       {`{"username":"bob\n","password":"x"}`, 400, "E0000001"},
		"a long user name":          {`{"username":"` + strings.Repeat("b", 255) + `","password":"x"}`, 400, "E0000001"},
		"a long password":           {`{"username":"bob","password":"` + strings.Repeat("b", 1025) + `"}`, 400, "E0000001"},
		"nothing":                   {`{}`, 400, "E0000001"},
		"step-up":                   {`{` + login + `,"stateToken":"00x"}`, 400, "E0000001"},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.token = ""
			f := func() { c.is(c.post("/api/v1/authn", x.body), x.status, x.what) }
			if x.status == 200 {
				f()
			} else {
				c.unchanged(f)
			}
			c.wait(2 * time.Hour)
		})
	}
}

// TestRelayState: it comes back as it was, as text in JSON and nowhere else.
func TestRelayState(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	for _, s := range []string{"https://evil.example", "//evil.example", "javascript:alert(1)", "a\\r\\nSet-Cookie: x=y", "</script><script>"} {
		c.token = ""
		r := c.post("/api/v1/authn", `{"username":"bob","password":"`+goodPassword+`","relayState":"`+s+`"}`)
		if got := r.str("relayState"); got != strings.ReplaceAll(s, "\\r\\n", "\r\n") {
			t.Errorf("%q came back as %q", s, got)
		}
		if strings.ContainsAny(r.Body.String(), "<>\r") || r.Header().Get("Location") != "" || r.Header().Get("Set-Cookie") != "" {
			t.Errorf("%q: %s", s, r.Body)
		}
	}
}

// TestPlainHeaders: every answer has them, of whatever kind.
func TestPlainHeaders(t *testing.T) {
	c := challenged(t, authn.Policy{})
	c.send(verifyPath, "passCode", "x")
	c.send(verifyPath, "passCode", c.wrong("bob"))
	c.get("/nowhere")
	c.send(verifyPath, "passCode", c.code("bob"))
	ids := map[string]bool{}
	for _, r := range c.all {
		h := r.Header()
		for k, v := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Content-Type": "application/json",
		} {
			if h.Get(k) != v {
				t.Errorf("%d: %s is %q", r.Code, k, h.Get(k))
			}
		}
		id := h.Get("X-Okta-Request-Id")
		if raw, err := base64.RawURLEncoding.DecodeString(id); err != nil || len(raw) != 16 || ids[id] {
			t.Errorf("X-Okta-Request-Id is %q", id)
		}
		ids[id] = true
		if r.Code >= http.StatusBadRequest && r.str("errorId") != "oae"+id {
			t.Errorf("errorId is %q", r.str("errorId"))
		}
	}
}
