package okta

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/authnfsm/authn/internal/jsontext"
)

// Limits of what is read, checked before any other work.
const (
	maxBody        = 8 << 10
	maxAttestation = 16 << 10 // a body with one
	maxDepth       = 8
	maxUsername    = 254
	maxPassword    = 1024
	maxToken       = 128
	maxStateToken  = 1024 // of a step-up; others have 66
	maxRelayState  = 2048
	maxAnswer      = 1024
	maxCredential  = 1364 // characters of 1,023 bytes, the most that WebAuthn allows
	maxWord        = 64
)

// member is a set of the names that a request's object may have.
type member uint32

const (
	username member = 1 << iota
	password
	stateToken
	sessionToken
	passCode
	relayState
	factorType
	provider
	sid
	token
	options
	deviceContext
	profile
	rememberDevice
	autoPush
	answer
	clientData
	authenticatorData
	signatureData
	attestation
	credentialID
	transports
	clientExtensions
	oldPassword
	newPassword
	revokeSessions
	consent
	registration
	gateInput
	recoveryToken
	userCode
)

// input is a request's object. has tells a member that is empty from one that
// is missing, or null.
type input struct {
	has                                                        member
	username, password, stateToken, sessionToken, passCode     string
	relayState, factorType, provider, otherToken, anotherToken string
	rememberDevice                                             string // true or false

	answer, clientData, authenticatorData, signatureData, attestation, credentialID string
	profile, transports, clientExtensions, options, context                         string // JSON text

	oldPassword, newPassword       string
	consent, registered, gateInput string // JSON text
	recoveryToken, userCode        string
}

// members has the type of each name and the place of its value. A value
// without a place is checked for its form and not read.
var members = map[string]struct {
	bit   member
	max   int // bytes of a string; 0 for another type
	flag  bool
	any   bool // of any type
	place func(*input) *string
}{
	"username":       {bit: username, max: maxUsername, place: func(in *input) *string { return &in.username }},
	"password":       {bit: password, max: maxPassword, place: func(in *input) *string { return &in.password }},
	"stateToken":     {bit: stateToken, max: maxStateToken, place: func(in *input) *string { return &in.stateToken }},
	"sessionToken":   {bit: sessionToken, max: maxToken, place: func(in *input) *string { return &in.sessionToken }},
	"passCode":       {bit: passCode, max: maxWord, place: func(in *input) *string { return &in.passCode }},
	"relayState":     {bit: relayState, max: maxRelayState, place: func(in *input) *string { return &in.relayState }},
	"factorType":     {bit: factorType, max: maxWord, place: func(in *input) *string { return &in.factorType }},
	"provider":       {bit: provider, max: maxWord, place: func(in *input) *string { return &in.provider }},
	"sid":            {bit: sid, max: maxToken, place: func(in *input) *string { return &in.otherToken }},
	"token":          {bit: token, max: maxToken, place: func(in *input) *string { return &in.anotherToken }},
	"options":        {bit: options, place: func(in *input) *string { return &in.options }},
	"context":        {bit: deviceContext, place: func(in *input) *string { return &in.context }},
	"profile":        {bit: profile, place: func(in *input) *string { return &in.profile }},
	"rememberDevice": {bit: rememberDevice, flag: true, place: func(in *input) *string { return &in.rememberDevice }},
	"autoPush":       {bit: autoPush, flag: true},

	"answer":            {bit: answer, max: maxAnswer, place: func(in *input) *string { return &in.answer }},
	"clientData":        {bit: clientData, max: maxBody, place: func(in *input) *string { return &in.clientData }},
	"authenticatorData": {bit: authenticatorData, max: maxBody, place: func(in *input) *string { return &in.authenticatorData }},
	"signatureData":     {bit: signatureData, max: maxBody, place: func(in *input) *string { return &in.signatureData }},
	"attestation":       {bit: attestation, max: maxAttestation, place: func(in *input) *string { return &in.attestation }},
	"credentialId":      {bit: credentialID, max: maxCredential, place: func(in *input) *string { return &in.credentialID }},
	"transports":        {bit: transports, any: true, place: func(in *input) *string { return &in.transports }},
	"clientExtensions":  {bit: clientExtensions, any: true, place: func(in *input) *string { return &in.clientExtensions }},

	"recoveryToken":  {bit: recoveryToken, max: maxToken, place: func(in *input) *string { return &in.recoveryToken }},
	"userCode":       {bit: userCode, max: maxWord, place: func(in *input) *string { return &in.userCode }},
	"oldPassword":    {bit: oldPassword, max: maxPassword, place: func(in *input) *string { return &in.oldPassword }},
	"newPassword":    {bit: newPassword, max: maxPassword, place: func(in *input) *string { return &in.newPassword }},
	"revokeSessions": {bit: revokeSessions, flag: true},
	"consent":        {bit: consent, place: func(in *input) *string { return &in.consent }},
	"registration":   {bit: registration, place: func(in *input) *string { return &in.registered }},
	"input":          {bit: gateInput, any: true, place: func(in *input) *string { return &in.gateInput }},
}

// names lists the members for an error. It has 128 bytes at most.
func (m member) names() string {
	var all []string
	for name, x := range members {
		if m&x.bit != 0 {
			all = append(all, name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(members[a].bit, members[b].bit) })
	for n := len(all); ; n-- {
		list := strings.Join(all[:n], ", ")
		if n < len(all) {
			list += fmt.Sprintf(" and %d more", len(all)-n)
		}
		if len(list) <= 128 {
			return list
		}
	}
}

// decode reads one JSON object with the members that are allowed. A member that
// is null is as good as none, whatever its name. decode refuses what
// encoding/json alone would accept and another program may read in another way:
// two equal names, other letter case, a second value, broken UTF-8. in is filled
// only if there is no error.
func (in *input) decode(body []byte, allowed member) error {
	switch {
	case len(body) == 0:
		return fault(unreadable, "body: it is empty; a JSON object is expected")
	case !utf8.Valid(body):
		return fault(unreadable, "body: it is not UTF-8")
	case !json.Valid(body):
		return fault(unreadable, "body: it is not one JSON value")
	case jsontext.LoneSurrogate(body):
		return fault(unreadable, "body: half of a surrogate pair")
	}
	s := scanner{b: body}
	if s.next() != '{' {
		return fault(unreadable, "body: a JSON object is expected")
	}
	var nulls map[string]bool
	for s.i++; s.more(); {
		name := s.text()
		if m := members[string(name)]; in.has&m.bit != 0 || nulls[string(name)] {
			*in = input{}
			return fault(unreadable, "%s: it is there twice", shown(string(name)))
		}
		if s.next() == 'n' { // a client that cannot leave a member out sends null, whatever the name
			if nulls == nil {
				nulls = map[string]bool{}
			}
			nulls[string(name)] = true
			s.skip(2)
			continue
		}
		if err := in.member(&s, name, allowed); err != nil {
			*in = input{}
			return err
		}
	}
	return nil
}

// member reads one member of the object that is not null.
func (in *input) member(s *scanner, name []byte, allowed member) error {
	m := members[string(name)]
	if m.bit&allowed == 0 {
		return fault(invalid, "%s: it is not expected here; expected: %s", shown(string(name)), allowed.names())
	}
	in.has |= m.bit
	first, start := s.next(), s.i
	switch {
	case m.max > 0 && first == '"':
		v := s.text()
		if len(v) > m.max {
			return fault(invalid, "%s: longer than %d bytes", name, m.max)
		}
		*m.place(in) = string(v)
		return nil
	case m.max > 0, m.flag && first != 't' && first != 'f', !m.flag && !m.any && first != '{':
		return fault(invalid, "%s: wrong type", name)
	}
	err := s.skip(2)
	if m.place != nil {
		*m.place(in) = string(s.b[start:s.i])
	}
	return err
}

// A scanner finds the structure of text that json.Valid has accepted. (The
// tokens of a json.Decoder would do, at twice the cost of everything else here.)
type scanner struct {
	b []byte
	i int
}

// next moves to where something begins and returns its first byte.
func (s *scanner) next() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// more reports whether an object or an array goes on, and steps over its end.
func (s *scanner) more() bool {
	c := s.next()
	if c == '}' || c == ']' {
		s.i++
		return false
	}
	return true
}

// text reads a string. The result may share the memory of the body.
func (s *scanner) text() []byte {
	start, escaped := s.i, false
	for s.i++; s.b[s.i] != '"'; s.i++ {
		if s.b[s.i] == '\\' {
			escaped = true
			s.i++
		}
	}
	s.i++
	if !escaped {
		return s.b[start+1 : s.i-1]
	}
	var v string
	json.Unmarshal(s.b[start:s.i], &v)
	return []byte(v)
}

// skip reads a value that is not used, and is as strict with it as with any
// other. The request's object has depth 1.
func (s *scanner) skip(depth int) error {
	open := s.next()
	switch open {
	case '"':
		s.text()
		return nil
	case '{', '[':
	default:
		for bytes.IndexByte([]byte(",]} \t\r\n"), s.b[s.i]) < 0 {
			s.i++
		}
		return nil
	}
	if depth > maxDepth {
		return fault(unreadable, "body: nested deeper than %d", maxDepth)
	}
	seen := map[string]bool{}
	for s.i++; s.more(); {
		if open == '{' {
			name := string(s.text())
			if seen[name] {
				return fault(unreadable, "body: a name is there twice in an object")
			}
			seen[name] = true
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
	}
	return nil
}
