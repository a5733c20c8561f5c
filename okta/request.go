package okta

import (
	"io"
	"mime"
	"net/url"
	"strings"
	"sync"
)

// receive reads a POST request and refuses it if anything in it is out of place.
func (x *exchange) receive(e *endpoint) error {
	if err := x.misplaced(); err != nil {
		return err
	}
	if err := x.idempotencyKey(); err != nil {
		return err
	}
	most := maxBody
	if e.long {
		most = maxAttestation
	}
	return x.read(e.takes, most)
}

// idempotencyKey reads the header. It has no effect where no event is taken.
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

// misplaced refuses a secret in a URL, which is logged, and a state token
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

var inBodyOnly = []string{"stateToken", "sessionToken", "token", "sid", "passCode", "answer", "username", "password", "oldPassword", "newPassword", "deviceToken", "input", "recoveryToken", "userCode"}

var bodies = sync.Pool{New: func() any { return new([maxAttestation + 1]byte) }}

// read reads the body, of at most so many bytes, and decodes it.
func (x *exchange) read(takes member, most int) error {
	head := x.r.Header
	if ct := head["Content-Type"]; len(ct) != 1 || ct[0] != jsonType[0] && !isJSON(ct[0]) {
		return fault(badType, "Content-Type: application/json is expected")
	}
	if encoded(head["Content-Encoding"]) {
		return fault(badType, "Content-Encoding: none is expected, or identity")
	}
	if x.r.ContentLength > int64(most) {
		return x.tooLong(most)
	}
	buf := bodies.Get().(*[maxAttestation + 1]byte)
	n, err := io.ReadFull(x.r.Body, buf[:most+1])
	defer func() {
		clear(buf[:n]) // there was a password or a code in it
		bodies.Put(buf)
	}()
	switch {
	case err == nil:
		return x.tooLong(most)
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return fault(unreadable, "body: it ended early")
	}
	return x.in.decode(buf[:n], takes)
}

// tooLong refuses a body and closes the connection, so that the rest is not read.
func (x *exchange) tooLong(most int) error {
	x.w.Header().Set("Connection", "close")
	return fault(tooLarge, "body: longer than %d bytes", most)
}

func isJSON(contentType string) bool {
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil || t != jsonType[0] {
		return false
	}
	for k, v := range params {
		if k != "charset" || !strings.EqualFold(v, "utf-8") && !strings.EqualFold(v, "utf8") {
			return false
		}
	}
	return true
}

// encoded reports whether the header says that the body is not as it is:
// identity, which is no encoding, may be said any number of times.
func encoded(contentEncoding []string) bool {
	for _, v := range contentEncoding {
		for e := range strings.SplitSeq(v, ",") {
			if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
				return true
			}
		}
	}
	return false
}
