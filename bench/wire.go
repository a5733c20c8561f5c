package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
)

const (
	loginPath    = "/api/v1/authn"
	verifyPath   = "/api/v1/authn/factors/emf1/verify"
	sessionsPath = "/api/v1/sessions"
)

// A shot sends one request and returns the answer's body, which is valid until
// the next shot.
type shot func(path, body string) ([]byte, error)

// ask sends a request, whose answer has to contain a text, and returns the token in it.
func (do shot) ask(path, body, want string) (token string, err error) {
	raw, err := do(path, body)
	if err != nil {
		return "", err
	}
	if !bytes.Contains(raw, []byte(want)) {
		return "", fmt.Errorf("%s: no %s in %s", path, want, raw)
	}
	if token = value(raw, `"stateToken":"`); token == "" {
		token = value(raw, `"sessionToken":"`)
	}
	return token, nil
}

// A visit is what a client does with one transaction, in so many requests. codes returns
// the user's code.
type visit struct {
	requests int
	make     func(do shot, user string, codes func(user string) string) error
}

// begins returns what every body of the transaction begins with.
func (do shot) begins(user string) (string, error) {
	token, err := do.ask(loginPath, `{"username":"`+user+`","password":"`+password+`"}`, `"status":"MFA_REQUIRED"`)
	return `{"stateToken":"` + token + `"`, err
}

// proves submits a wrong code and the right one, and exchanges the session token.
func (do shot) proves(begin, code string) error {
	if _, err := do.ask(verifyPath, begin+`,"passCode":"`+string(wrong(authn.Code(code)))+`"}`, `"errorCode":"E0000068"`); err != nil {
		return err
	}
	token, err := do.ask(verifyPath, begin+`,"passCode":"`+code+`"}`, `"status":"SUCCESS"`)
	if err != nil {
		return err
	}
	_, err = do.ask(sessionsPath, `{"sessionToken":"`+token+`"}`, `"status":"ACTIVE"`)
	return err
}

// byMail is a sign-in: password, challenge, a wrong code, the right code, session.
var byMail = visit{5, func(do shot, user string, codes func(string) string) error {
	begin, err := do.begins(user)
	if err != nil {
		return err
	}
	if _, err = do.ask(verifyPath, begin+`}`, `"status":"MFA_CHALLENGE"`); err != nil {
		return err
	}
	return do.proves(begin, codes(user))
}}

// byApp is a sign-in with the code of an app: password, a wrong code, the right code, session.
var byApp = visit{4, func(do shot, user string, codes func(string) string) error {
	begin, err := do.begins(user)
	if err != nil {
		return err
	}
	return do.proves(begin, codes(user))
}}

// polls asks a phone, and then 98 times whether it has answered.
var polls = visit{100, func(do shot, user string, _ func(string) string) error {
	begin, err := do.begins(user)
	for i := 1; i < 100 && err == nil; i++ {
		_, err = do.ask(verifyPath, begin+`}`, `"factorResult":"WAITING"`)
	}
	return err
}}

// value returns the text of a JSON member by a simple search, which is enough
// for the answers here.
func value[T ~string | ~[]byte](raw T, name string) string {
	_, v, _ := strings.Cut(string(raw), name)
	v, _, _ = strings.Cut(v, `"`)
	return v
}

// dial returns a minimal client on one connection.
func dial(addr string) (shot, io.Closer, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	in, out, buf := bufio.NewReader(conn), make([]byte, 0, 1024), make([]byte, 8192)
	return func(path, body string) ([]byte, error) {
		out = fmt.Appendf(out[:0], "POST %s HTTP/1.1\r\nHost: id.example.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
		if _, err := conn.Write(out); err != nil {
			return nil, err
		}
		n, err := head(in)
		if err != nil {
			return nil, err
		}
		_, err = io.ReadFull(in, buf[:n])
		return buf[:n], err
	}, conn, nil
}

// head reads the head of an answer and returns the length of the body.
func head(in *bufio.Reader) (n int, err error) {
	n = -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if n, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return 0, err
			}
		}
		if len(line) <= 2 {
			break
		}
	}
	if n < 0 {
		err = errors.New("an answer without Content-Length")
	}
	return n, err
}
