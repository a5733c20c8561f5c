package okta

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/authnfsm/authn"
)

// Paths, below BaseURL.
const (
	authnPath    = "/api/v1/authn"
	factorsPath  = authnPath + "/factors/"
	sessionsPath = "/api/v1/sessions"
	usersPath    = "/api/v1/users/" // of another API: see wrongAPI
	redirectPath = "/login/sessionCookieRedirect"
)

// A route is what a POST endpoint takes and does.
type route struct {
	takes member
	run   func(*exchange) (any, error)
}

// Built once and never changed. What is tolerated besides what is used is
// what Okta's own clients send.
var (
	routes = map[string]route{
		authnPath:                 {username | password | stateToken | relayState | options | deviceContext, (*exchange).primary},
		authnPath + "/introspect": {stateToken, (*exchange).status},
		authnPath + "/factors":    {stateToken | factorType | provider | profile, (*exchange).enroll},
		authnPath + "/previous":   {stateToken, (*exchange).previous},
		authnPath + "/skip":       {stateToken, (*exchange).skip},
		authnPath + "/cancel":     {stateToken, (*exchange).cancel},
		sessionsPath:              {sessionToken | stateToken | sid | token, (*exchange).session},
	}
	factorRoutes = map[string]route{
		"verify":             {stateToken | passCode | rememberDevice | autoPush, (*exchange).verify},
		"verify/resend":      {stateToken | factorType | provider | profile, (*exchange).resendSignIn},
		"lifecycle/activate": {stateToken | passCode, (*exchange).activate},
		"lifecycle/resend":   {stateToken | factorType | provider | profile, (*exchange).resendEnrollment},
	}
)

// exchange is one request and its answer.
type exchange struct {
	h       *Handler
	w       http.ResponseWriter
	r       *http.Request
	id      string       // of the request: 22 characters, random
	headers [2][1]string // values of the headers that only this answer has
	in      input
	factor  string   // id, from the path
	once    string   // the Idempotency-Key
	profile *Profile // as the PasswordVerifier gave it
	wrote   bool
}

// Header values that are never changed, shared by all answers.
var (
	noStore    = []string{"no-store"}
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	jsonType   = []string{"application/json"}
)

// ServeHTTP answers one request. It mounts under "/api/v1/" and "/login/", or
// at the root.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, id: newID()}
	head := w.Header()
	head["Cache-Control"] = noStore
	head["X-Content-Type-Options"] = noSniff
	head["Referrer-Policy"] = noReferrer
	x.headers[0][0] = x.id
	head["X-Okta-Request-Id"] = x.headers[0][:]
	defer x.rescue()
	if len(h.cfg.Origins) > 0 {
		x.cors()
	}
	answer, err := x.serve()
	switch {
	case err != nil:
		x.fail(err)
	case !x.wrote:
		x.write(http.StatusOK, answer)
	}
}

// rescue answers for a port of the host that panicked: no verdict leaves.
func (x *exchange) rescue() {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler || x.wrote {
		panic(p)
	}
	x.fail(errPanic) // the value may hold a secret
}

var errPanic = errors.New("okta: panic in a port of the host")

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// serve finds the route, reads the request and runs it.
func (x *exchange) serve() (any, error) {
	path := x.r.URL.EscapedPath()
	if x.r.Method == http.MethodOptions && x.r.Header.Get("Access-Control-Request-Method") != "" {
		return nil, x.preflight()
	}
	if strings.HasPrefix(path, usersPath) {
		return nil, x.usersAPI()
	}
	if path == redirectPath && len(x.h.redirects) > 0 && x.h.cfg.Sessions != nil {
		return nil, x.redirect()
	}
	rt, err := x.find(path)
	if err != nil {
		return nil, err
	}
	if x.r.Method != http.MethodPost {
		return nil, x.badMethod(http.MethodPost)
	}
	if err := x.misplaced(); err != nil {
		return nil, err
	}
	if err := x.idempotencyKey(); err != nil {
		return nil, err
	}
	if err := x.read(rt.takes); err != nil {
		return nil, err
	}
	return rt.run(x)
}

// find returns the route of a path as it was sent: only a factor's id may be
// escaped in it.
func (x *exchange) find(path string) (route, error) {
	if rt, ok := routes[path]; ok && (path != sessionsPath || x.h.cfg.Sessions != nil) {
		return rt, nil
	}
	rest, ok := strings.CutPrefix(path, factorsPath)
	if !ok {
		return route{}, fault(noPath, "")
	}
	id, op, _ := strings.Cut(rest, "/")
	rt, ok := factorRoutes[op]
	if !ok {
		return route{}, fault(noPath, "")
	}
	id, err := url.PathUnescape(id)
	if err != nil || !visible(id) {
		return route{}, fault(invalid, "factorId: 1 to 64 printable ASCII characters are expected")
	}
	x.factor = id
	return rt, nil
}

// visible says that s is 1 to 64 bytes of printable ASCII without spaces.
func visible(s string) bool {
	if len(s) == 0 || len(s) > maxWord {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func (x *exchange) badMethod(allow string) error {
	x.w.Header().Set("Allow", allow)
	return fault(badMethod, "")
}

// idempotencyKey reads the header. Where no event is taken it has no effect.
func (x *exchange) idempotencyKey() error {
	v, ok := x.r.Header["Idempotency-Key"]
	if !ok {
		return nil
	}
	if len(v) != 1 || !visible(v[0]) {
		return fault(invalid, "Idempotency-Key: one of 1 to 64 printable ASCII characters is expected")
	}
	x.once = v[0]
	return nil
}

// misplaced refuses secrets in places that are logged, and a state token
// where another kind of credential belongs.
func (x *exchange) misplaced() error {
	if a, ok := x.r.Header["Authorization"]; ok {
		for _, v := range a {
			_, v, _ = strings.Cut(v, " ")
			if isStateToken(strings.TrimSpace(v)) {
				return x.wrongAPI(strings.TrimSpace(v))
			}
		}
	}
	if x.r.URL.RawQuery == "" {
		return nil
	}
	q, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return fault(invalid, "query: it cannot be parsed")
	}
	for _, values := range q {
		for _, v := range values {
			if isStateToken(v) {
				return x.wrongAPI(v)
			}
		}
	}
	for _, name := range inBodyOnly {
		if q.Has(name) {
			return fault(invalid, "%s: it belongs in the body, never in a URL", name)
		}
	}
	return nil
}

var inBodyOnly = []string{"stateToken", "sessionToken", "token", "sid", "passCode", "username", "password"}

var bodies = sync.Pool{New: func() any { return new([maxBody + 1]byte) }}

// read takes the body, all of it or none.
func (x *exchange) read(takes member) error {
	head := x.r.Header
	if ct := head["Content-Type"]; len(ct) != 1 || ct[0] != jsonType[0] && !isJSON(ct[0]) {
		return fault(badType, "Content-Type: application/json is expected")
	}
	if head.Get("Content-Encoding") != "" {
		return fault(badType, "Content-Encoding: none is expected")
	}
	if x.r.ContentLength > maxBody {
		return x.tooLong()
	}
	buf := bodies.Get().(*[maxBody + 1]byte)
	n, err := io.ReadFull(x.r.Body, buf[:])
	defer func() {
		clear(buf[:n]) // there was a password or a code in it
		bodies.Put(buf)
	}()
	switch {
	case err == nil:
		return x.tooLong()
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return fault(unreadable, "body: it ended early")
	}
	return x.in.decode(buf[:n], takes)
}

// tooLong also closes the connection, so that nobody reads the rest.
func (x *exchange) tooLong() error {
	x.w.Header().Set("Connection", "close")
	return fault(tooLarge, "body: longer than %d bytes", maxBody)
}

func isJSON(contentType string) bool {
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil || t != jsonType[0] {
		return false
	}
	for k, v := range params {
		if k != "charset" || !strings.EqualFold(v, "utf-8") {
			return false
		}
	}
	return true
}

// cors lets the scripts of listed origins read the answer.
func (x *exchange) cors() {
	head := x.w.Header()
	head.Add("Vary", "Origin")
	if o := x.r.Header["Origin"]; len(o) == 1 && slices.Contains(x.h.cfg.Origins, o[0]) {
		head.Set("Access-Control-Allow-Origin", o[0])
		head.Set("Access-Control-Allow-Credentials", "true")
		head.Set("Access-Control-Expose-Headers", "Date, Retry-After, X-Okta-Request-Id")
	}
}

func (x *exchange) preflight() error {
	head := x.w.Header()
	if head.Get("Access-Control-Allow-Origin") == "" {
		return fault(forbidden, "Origin: it is not on the list")
	}
	head.Set("Access-Control-Allow-Methods", http.MethodPost)
	head.Set("Access-Control-Allow-Headers", "accept, content-type, idempotency-key, x-device-fingerprint, x-okta-user-agent-extended")
	head.Set("Access-Control-Max-Age", "600")
	x.wrote = true
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// output is a buffer and the encoder that writes to it.
type output struct {
	bytes.Buffer
	*json.Encoder
}

var outputs = sync.Pool{New: func() any {
	o := new(output)
	o.Encoder = json.NewEncoder(&o.Buffer) // escapes <, > and &
	return o
}}

// write sends an answer whole, with its length.
func (x *exchange) write(status int, answer any) {
	o := outputs.Get().(*output)
	defer func() {
		b := o.Bytes()
		clear(b[:cap(b)]) // there were tokens in it
		o.Reset()
		outputs.Put(o)
	}()
	if err := o.Encode(answer); err != nil {
		panic(err) // there is nothing in our types that cannot be encoded
	}
	head := x.w.Header()
	head["Content-Type"] = jsonType
	x.headers[1][0] = strconv.Itoa(o.Len())
	head["Content-Length"] = x.headers[1][:]
	x.wrote = true
	x.w.WriteHeader(status)
	x.w.Write(o.Bytes())
}

// report tells the host of a fault.
func (x *exchange) report(err error) {
	if x.h.cfg.Report != nil {
		x.h.cfg.Report(context.WithoutCancel(x.r.Context()), x.id, err)
	}
}

// do hands an event to the service, under the Idempotency-Key if there is one.
func (x *exchange) do(ev authn.Event) (*authn.Answer, error) {
	if x.once != "" {
		ev = authn.WithKey(x.once, ev)
	}
	return x.h.cfg.Service.Do(x.r.Context(), unwrap[authn.StateToken](stateMark, x.in.stateToken), ev)
}
