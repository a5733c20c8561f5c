package httphost

import (
	"net/http"
	"slices"

	"github.com/authnfsm/authn"
)

// An operation is a path, what it takes and what it does. The events of the table, and
// the [OpenAPI] description, come from these.
type operation struct {
	path    string
	method  string
	event   authn.EventName // of the table; "" for none
	doc     string
	begins  bool // a sign-in, which has a name of its own
	names   bool // it gives a tab without a name one
	named   bool // it needs the name that the tab was given
	members []member
	in      func(*Config) bool // whether a handler has it; nil: all have
	serve   func(*exchange)
}

// A member is one of a request's body.
type member struct {
	name     string
	kind     kind
	required bool
	doc      string
}

type kind uint8

const (
	text kind = iota
	boolean
	anything // a text as it is, anything else as its JSON
)

var (
	factorMember   = member{"factor", text, false, "ID of the factor. Empty: the one at hand. In MFA_REQUIRED none is: name one that needs no challenge."}
	codeMember     = member{"code", text, false, "The code, as the user typed it."}
	responseMember = member{"response", anything, false, "In place of the code: the response to prompt.options, such as that of navigator.credentials, whose buffers are in base64url."}
	rememberMember = member{"remember", boolean, false, "Remember this device, if the policy allows it. Ask the user first."}
	oldMember      = member{"old", text, true, "The old password."}
	newMember      = member{"new", text, true, "The new password."}
)

// taken are what comes with the events of the table that clients send.
var taken = map[authn.EventName][]member{
	authn.EventEnroll:         {{"factor", text, true, "Type of the factor to enroll."}},
	authn.EventActivate:       {factorMember, codeMember, responseMember},
	authn.EventChallenge:      {{"factor", text, true, "ID of the factor to prove."}},
	authn.EventVerify:         {factorMember, codeMember, responseMember, rememberMember},
	authn.EventResend:         {factorMember},
	authn.EventPrevious:       nil,
	authn.EventSkip:           nil,
	authn.EventChangePassword: {oldMember, newMember},
	authn.EventResetPassword:  {newMember},
	authn.EventPass: {
		{"gate", text, true, "The state at hand, which is the host's own."},
		{"input", anything, false, "What the gate asks for."},
	},
	authn.EventAnswer: {{"input", text, true, "The answer to the question."}},
	authn.EventCancel: nil,
}

// operations lists all, in the order of a sign-in.
func operations() []*operation {
	claims := func(c *Config) bool { return len(c.Claims) > 0 }
	passkeys := func(c *Config) bool { return c.Passkeys != "" }
	all := []*operation{
		{
			path: "", method: http.MethodGet, doc: "Says where the sign-in stands, and changes nothing.",
			serve: func(x *exchange) { x.reply(x.h.cfg.Service.Status(x.r.Context(), x.token())) },
		},
		{
			path: "begin", method: http.MethodPost, event: authn.EventPrimary, begins: true, doc: "Begins a sign-in by a name and a password.",
			members: []member{{"name", text, true, "As the user typed it: 1 to 254 bytes."}, {"password", text, true, "1 to 1,024 bytes."}},
			in:      func(c *Config) bool { return c.Password != nil }, serve: (*exchange).begin,
		},
		{
			path: "claim", method: http.MethodPost, event: authn.EventClaim, begins: true, in: claims, serve: (*exchange).claim,
			doc: "Begins a sign-in, a recovery, an unlock or a sign-up by a name alone. The answer is the same for every name.",
			members: []member{
				{"name", text, true, "A name, an address or a phone number."},
				{"for", text, false, "sign_in, which is the default, recover, unlock or sign_up."},
				{"by", text, false, "The type of factor by which the code goes. Empty: email."},
			},
		},
		{
			path: "open", method: http.MethodPost, event: authn.EventOpen, begins: true, in: claims, serve: (*exchange).open,
			doc: "Takes the link of a claim, in place of its code.", members: []member{{"link", text, true, "The token of the link."}},
		},
		{
			path: "passkey/request", method: http.MethodPost, names: true, in: passkeys, serve: (*exchange).requestPasskey,
			doc: "Asks for a passkey of whoever has one. The answer has prompt.options.",
		},
		{
			path: "passkey", method: http.MethodPost, event: authn.EventPasskey, begins: true, named: true, in: passkeys, serve: (*exchange).passkey,
			doc:     "Begins a sign-in by a passkey, which names its user.",
			members: []member{{"response", anything, true, "The response to prompt.options of passkey/request."}},
		},
	}
	for _, e := range authn.NewReference().Events {
		name := authn.EventName(e.Name)
		if members, ok := taken[name]; ok {
			all = append(all, &operation{
				path: e.Name, method: http.MethodPost, event: name, doc: e.Text, members: members,
				serve: func(x *exchange) { x.do(name) },
			})
		}
	}
	return all
}

// token is that of the tab's sign-in; "", which is nobody's, if it has none.
func (x *exchange) token() authn.StateToken {
	if x.tab == "" {
		return ""
	}
	return authn.StateToken(x.cookie(signInCookie + x.tab))
}

func (x *exchange) begin() {
	name, password := x.in.text["name"], x.in.text["password"]
	if !validName(name) || !validPassword(password) {
		x.fail(malformed)
		return
	}
	l, err := x.h.cfg.Password(x.r.Context(), name, authn.Secret(password))
	switch why := problemOf(err); {
	case err != nil && why == wrong:
		x.fail(wrong)
		return
	case err != nil:
		x.reply(nil, err)
		return
	}
	l.Device, l.RedeemAtOnce = authn.Secret(x.cookie(deviceCookie)), true
	x.reply(x.h.cfg.Service.Begin(x.r.Context(), l))
}

func (x *exchange) claim() {
	c := authn.Claim{Name: x.in.text["name"], For: authn.Purpose(x.in.text["for"]), By: x.in.text["by"]}
	if c.For == "" {
		c.For = authn.PurposeSignIn
	}
	if c.For == authn.PurposeSignIn {
		c.Require = x.h.cfg.ClaimRequire
	}
	if slices.Contains(purposes, c.For) && !slices.Contains(x.h.cfg.Claims, c.For) {
		x.reply(nil, &authn.Refusal{Event: authn.EventClaim, Err: authn.ErrNotAllowed})
		return
	}
	x.reply(x.h.cfg.Service.Claim(x.r.Context(), c))
}

func (x *exchange) open() {
	x.reply(x.h.cfg.Service.Open(x.r.Context(), authn.Secret(x.in.text["link"]), x.key))
}

func (x *exchange) requestPasskey() {
	q, err := x.h.cfg.Service.RequestPasskey(x.r.Context(), x.h.cfg.Passkeys)
	if err != nil {
		x.reply(nil, err)
		return
	}
	now := x.h.cfg.Service.Now()
	x.setCookie(passkeyCookie+x.tab, string(q.Token), q.Expires.Sub(now))
	x.write(http.StatusOK, View{SignIn: x.tab, Prompt: &Prompt{Options: rawJSON(q.Options)}, Expires: q.Expires, Now: now.UTC()})
}

func (x *exchange) passkey() {
	if x.was == "" {
		x.fail(finished)
		return
	}
	x.reply(x.h.cfg.Service.BeginPasskey(x.r.Context(), authn.PasskeyLogin{
		Type: x.h.cfg.Passkeys, Request: authn.Secret(x.cookie(passkeyCookie + x.was)), Response: authn.Code(x.in.text["response"]), Key: x.key,
		RedeemAtOnce: true,
	}))
}

// do passes an event of the table on.
func (x *exchange) do(name authn.EventName) {
	in := x.in.text
	code, hasCode := in["code"]
	response, responds := in["response"]
	if hasCode && responds {
		x.fail(malformed)
		return
	}
	ev, err := authn.ParseEvent(string(name), authn.Fields{
		Factor: in["factor"], Code: authn.Code(code + response), Remember: x.in.remember,
		Old: authn.Secret(in["old"]), New: authn.Secret(in["new"]),
		Gate: authn.State(in["gate"]), Input: authn.Secret(in["input"]),
	})
	if err != nil {
		x.reply(nil, err)
		return
	}
	if x.key != "" {
		ev = authn.WithKey(x.key, ev)
	}
	x.reply(x.h.cfg.Service.Do(x.r.Context(), x.token(), authn.RedeemAtOnce(ev)))
}
