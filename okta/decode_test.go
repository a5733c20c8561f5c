package okta

import (
	"errors"
	"fmt"
	"math/bits"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecode: what is accepted is what the model accepts, read in the same way;
// what is refused leaves nothing behind, and nothing panics.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"stateToken":"00abc","passCode":"123456"}`, `{"username":"a","password":"b","options":{"x":[1,{"y":null}]},"context":null}`,
		`{"passCode":"1","passCode":"2"}`, `{"options":{"a":1,"a":2}}`, `{"passCode":"\ud800"}`, `{"passCode":"\ud83d\ude00"}`, `{"passCode":"\\ud800"}`,
		`{"PASSCODE":"1"}`, `{"rememberDevice":true}`, `{"rememberDevice":"true"}`, `{}{}`, `[]`, `null`, ``, "\xff", `{"passCode":1e999}`,
		`{"options":` + strings.Repeat(`[`, 50) + strings.Repeat(`]`, 50) + `}`, `{"a":}`, `{"relayState":"\u003c"}`, `{"profile":{"\ud83d\ude00":{}}}`,
		`{"profile":{"question":"q","answer":"a"},"answer":"blue"}`, `{"profile":{"answer":"a","answer":"b"}}`, `{"profile":"a"}`,
		`{"transports":["usb"],"clientExtensions":"{\"a\":1}"}`, `{"transports":[{"a":1,"a":2}]}`, `{"transports":-1.5e3,"clientData":1}`,
		`{"oldPassword":"a","newPassword":"b","revokeSessions":true}`, `{"consent":{"scopes":["a"]},"registration":{"profile":{}},"input":"x"}`, `{"input":[{"a":1,"a":2}]}`,
		`{"passCode":null,"unheardOf":null}`, `{"unheardOf":null,"unheardOf":null}`, `{"relayState":null,"relayState":"x"}`, `{"options":null,"options":{}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		againstModel(t, body, everything)
		var in input
		if err := in.decode(body, everything); err != nil {
			var e *failure
			if !errors.As(err, &e) || len(e.causes) != 1 || in != (input{}) {
				t.Fatalf("%q: %v, with %+v", body, err, in)
			}
			if e.status != 400 || !utf8.ValidString(e.causes[0].Summary) || len(e.causes[0].Summary) > 200 {
				t.Fatalf("%q: %+v", body, e)
			}
		}
	})
}

// TestRoutesTakeAStateToken: where one is wrong, the answer can say so.
func TestRoutesTakeAStateToken(t *testing.T) {
	for _, e := range endpoints {
		if e.method == http.MethodPost && e.takes&stateToken == 0 {
			t.Errorf("%s does not take a state token, so it cannot say what is wrong with one", e.path)
		}
	}
}

// TestDocumented: every error code that is sent, with its status, is in the
// package's documentation. TestEndpointsAreDocumented does it for endpoints.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*code{
		invalid, unreadable, badPassword, badSession, noFactor, noPath, internal, unavailable, badToken, badType,
		badMethod, tooMany, wrongCode, locked, wrongState, noAccess, tooSoon, forbidden, denied, badUpdate, badReset,
	} {
		if want := fmt.Sprintf("%d %s ", c.status, c.name); !strings.Contains(string(doc), want) {
			t.Errorf("doc.go does not say %q", want)
		}
	}
}

// TestUnexpectedMember: who misspells a member learns which ones the endpoint takes, in
// a text of bounded length, and never from what was sent.
func TestUnexpectedMember(t *testing.T) {
	for _, e := range endpoints {
		if e.takes == 0 {
			continue
		}
		var in input
		err := in.decode([]byte(`{"sesame":"correct horse"}`), e.takes)
		var f *failure
		if !errors.As(err, &f) {
			t.Fatalf("%s: %v", e.path, err)
		}
		said := f.causes[0].Summary
		_, list, _ := strings.Cut(said, "expected: ")
		list, more, cut := strings.Cut(list, " and ")
		named := strings.Split(list, ", ")
		var of member
		for _, name := range named {
			of |= members[name].bit
		}
		switch {
		case strings.Contains(said, "sesame") || strings.Contains(said, "horse"):
			t.Errorf("%s: %q repeats what was sent", e.path, said)
		case len(said) > 200:
			t.Errorf("%s: %q has %d bytes", e.path, said, len(said))
		case !cut && of != e.takes, of&^e.takes != 0:
			t.Errorf("%s: %q", e.path, said)
		case cut && more != fmt.Sprintf("%d more", bits.OnesCount32(uint32(e.takes))-len(named)):
			t.Errorf("%s: %q counts wrongly", e.path, said)
		}
	}
}
