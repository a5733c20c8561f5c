package okta

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// exchange is one request and its answer.
type exchange struct {
	h       *Handler
	w       http.ResponseWriter
	r       *http.Request
	id      string       // of the request: 22 characters, random
	headers [2][1]string // values of the headers that only this answer has
	at      *endpoint    // that the path leads to
	in      input
	factor  string   // id, from the path
	once    string   // the Idempotency-Key
	profile *Profile // that the PasswordVerifier gave

	activation string // of another device
	wrote      bool   // the answer is under way
}

// Values of headers that are the same in all answers, which share them.
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

// rescue answers with a fault, which is no verdict, if a port of the host
// panicked.
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

// serve finds the endpoint, reads the request and runs it.
func (x *exchange) serve() (any, error) {
	path := x.r.URL.EscapedPath()
	if x.r.Method == http.MethodOptions && x.r.Header.Get("Access-Control-Request-Method") != "" {
		return nil, x.preflight()
	}
	if strings.HasPrefix(path, usersPath) {
		return nil, x.usersAPI()
	}
	e, err := x.find(path)
	if err != nil {
		return nil, err
	}
	if x.r.Method != e.method {
		x.w.Header().Set("Allow", e.method)
		return nil, fault(badMethod, "")
	}
	if e.method == http.MethodPost {
		if err := x.receive(e); err != nil {
			return nil, err
		}
	}
	return e.run(x)
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
		panic(err) // all our types can be encoded
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
