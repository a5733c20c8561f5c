package okta

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// A FactorType is how Okta's clients see a type of factor.
type FactorType struct {
	// Type is Okta's factorType, such as "token:hardware". It says which members
	// requests and answers have: see the package documentation.
	Type     string
	Provider string // "" is OKTA
	Vendor   string // the vendorName, which Okta's widget shows of the provider CUSTOM; "" is the Provider
	// Widget is the factorType that Okta's sign-in widget is told in its place: at one that
	// it does not know it fails. It says who it is by X-Okta-User-Agent-Extended. "" is Type.
	Widget string
	// Profile returns what answers show of a user's factor, besides what the
	// handler knows by itself, such as the name of a device or the text of a
	// question. f has no Data. If Profile is nil or fails, nothing is added.
	Profile func(ctx context.Context, user string, f authn.Factor) (FactorProfile, error)
}

// A FactorProfile is what answers show of a factor. Empty members are left out.
// The handler itself fills in the first two, with masked addresses, and the
// credential that a webauthn challenge is for.
type FactorProfile struct {
	Email             string `json:"email,omitempty"`
	Phone             string `json:"phoneNumber,omitempty"`
	CredentialID      string `json:"credentialId,omitempty"` // of token:software:totp by default the user's login
	AuthenticatorName string `json:"authenticatorName,omitempty"`
	Question          string `json:"question,omitempty"`
	QuestionText      string `json:"questionText,omitempty"`
	DeviceType        string `json:"deviceType,omitempty"`
	Name              string `json:"name,omitempty"`
	Platform          string `json:"platform,omitempty"`
	Version           string `json:"version,omitempty"`
}

// defaultProvider is the only one that Okta's widget shows for the types it knows
// and that Okta itself provides.
const defaultProvider = "OKTA"

// usual has the types, by authn's name, that are shown as here unless
// Config.Types says otherwise. Any other is shown by its own name.
var usual = map[string]FactorType{
	authn.Email: {Type: "email"},
	authn.SMS:   {Type: "sms"},
	authn.Call:  {Type: "call"},
	authn.TOTP:  {Type: totpType, Provider: "GOOGLE"},
	// Okta has no list of recovery codes. Of its types this one is nearest: codes
	// that were made beforehand, each good once, with a name of the vendor's own.
	authn.RecoveryCodes: {Type: "token:hotp", Provider: "CUSTOM", Vendor: "Recovery codes"},
	webauthnType:        {Type: webauthnType, Provider: "FIDO"},
	questionType:        {Type: questionType},
}

// Okta's names of the types that have members of their own.
const (
	totpType     = "token:software:totp"
	webauthnType = "webauthn"
	questionType = "question"
	pushType     = "push"
)

// A form is what requests and answers have of their own for one of Okta's types.
// The zero form is a code that is sent, and comes back as passCode.
type form struct {
	direct bool     // it is proved in MFA_REQUIRED, without a challenge
	anyOf  bool     // one challenge is for all factors of the type
	polls  bool     // another device answers, and the client asks whether it has
	with   string   // what a request brings, if it is not the passCode
	typed  string   // what is to be entered, for a user who entered something else
	wrong  string   // that it was wrong
	also   []string // providers that an enrollment may name as well
	// enrolls returns what an enrollment hands in at once: it needs no second
	// request. nil, or "": the request only chooses the type.
	enrolls func(*input) (authn.Code, error)
	profile func(p *FactorProfile, f authn.Factor, login string)
}

// owned reports whether the user has the codes, so that there is none to ask for.
func (f *form) owned() bool { return f.direct && f.with == "" }

// forms is all that differs between Okta's types, but for the objects that are
// embedded while a factor is at hand: see embed.
var forms = map[string]*form{
	"email": {profile: func(p *FactorProfile, f authn.Factor, _ string) { p.Email = f.Address }},
	"sms":   {profile: showPhone},
	"call":  {profile: showPhone},
	totpType: {
		direct: true, typed: "Enter the digits that the app shows.", wrong: "That is not the code that the app shows.",
		also: []string{"OKTA", "GOOGLE"},
		profile: func(p *FactorProfile, _ authn.Factor, login string) {
			if p.CredentialID == "" {
				p.CredentialID = login
			}
		},
	},
	"token:hotp":        {direct: true, typed: "Enter a code of the list.", wrong: "That is not a code of the list."},
	authn.RecoveryCodes: {direct: true, typed: "Enter a code of the list.", wrong: "That is not a code of the list."},
	"token":             {direct: true, enrolls: typedCode, typed: "Enter the code of the token.", wrong: "That is not the code of the token."},
	"token:hardware":    {direct: true, enrolls: typedCode, typed: "Enter the code of the token.", wrong: "That is not the code of the token."},
	questionType: {
		direct: true, enrolls: questionAndAnswer, with: "with the answer",
		typed: "answer: it cannot be an answer to this question.", wrong: "That is not the answer.",
		profile: func(p *FactorProfile, f authn.Factor, _ string) {
			var q Question // if the Verifier says it so
			if json.Unmarshal(f.Options, &q) == nil {
				p.Question, p.QuestionText = cmp.Or(q.Question, p.Question), cmp.Or(q.Text, p.QuestionText)
			}
		},
	},
	webauthnType: {
		anyOf: true, with: "with what the authenticator has made",
		typed: "It is no response to this challenge.", wrong: "The response of the authenticator was not accepted.",
	},
	pushType: {polls: true, with: "without a passCode", typed: "The other device answers.", wrong: "The other device has rejected it."},
}

func showPhone(p *FactorProfile, f authn.Factor, _ string) { p.Phone = f.Address }

func typedCode(in *input) (authn.Code, error) { return authn.Code(in.passCode), nil }

// The forms of what is no code of a factor.
var (
	oldPasswordForm = &form{wrong: "oldPassword: That is not the password that you have."}
	gateForm        = &form{wrong: "That was not accepted."}
	answerForm      = &form{wrong: "That is not the answer."}
)

// formOf is the form of a type by Okta's name for it.
func formOf(factorType string) *form {
	if f, ok := forms[factorType]; ok {
		return f
	}
	return sentCode
}

var sentCode = new(form)

// types are all that the handler knows of types of factors.
type types struct {
	shown map[string]FactorType // by authn's name
	named map[[2]string]string  // authn's name by Okta's type and provider
	polls bool                  // one of them is push
}

// typesOf lays the host's types over the usual ones.
func typesOf(own map[string]FactorType) (t types, err error) {
	t = types{shown: map[string]FactorType{}, named: map[[2]string]string{}}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		x := own[name].complete()
		if !visible(name) || !visible(x.Type) || !visible(x.Provider) || x.Widget != "" && !visible(x.Widget) {
			return t, fmt.Errorf("%q: a name, a Type or a Provider is not 1 to %d printable ASCII bytes without a space", name, maxWord)
		}
		if other, ok := t.named[x.key()]; ok {
			return t, fmt.Errorf("%q has the Type and the Provider of %q", name, other)
		}
		t.add(name, x)
		t.polls = t.polls || formOf(x.Type).polls
	}
	for name, x := range usual {
		if _, ok := own[name]; !ok {
			t.add(name, x.complete())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.shown)) {
		x := t.shown[name]
		for _, x.Provider = range formOf(x.Type).also {
			t.name(name, x)
		}
	}
	return t, nil
}

func (t *types) add(name string, x FactorType) {
	t.shown[name] = x
	t.name(name, x)
	if x.Widget != "" {
		x.Type = x.Widget
		t.name(name, x)
	}
}

// name lets an enrollment find the type, unless another is found there.
func (t *types) name(name string, x FactorType) {
	if _, ok := t.named[x.key()]; !ok {
		t.named[x.key()] = name
	}
}

func (y FactorType) complete() FactorType {
	if y.Provider == "" {
		y.Provider = defaultProvider
	}
	if y.Vendor == "" {
		y.Vendor = y.Provider
	}
	return y
}

func (y FactorType) key() [2]string { return [2]string{y.Type, y.Provider} }

// of is how a type is shown, by authn's name for it.
func (t *types) of(name string) FactorType {
	if x, ok := t.shown[name]; ok {
		return x
	}
	return FactorType{Type: name}.complete()
}

// shownAs is how a type is shown to this client.
func (x *exchange) shownAs(name string) FactorType {
	y := x.h.types.of(name)
	if y.Widget != "" && strings.Contains(x.r.Header.Get("X-Okta-User-Agent-Extended"), "okta-signin-widget") {
		y.Type = y.Widget
	}
	return y
}

// form is that of a factor.
func (t *types) form(f authn.Factor) *form { return formOf(t.of(f.Type).Type) }

// called returns authn's name of the type that an enrollment asks for. It is ""
// if there is none: a name that is shown as another one is not offered by itself.
func (t *types) called(factorType, provider string) (name string, err error) {
	if name, ok := t.named[[2]string{factorType, provider}]; ok {
		return name, nil
	}
	want := defaultProvider
	for _, name := range slices.Sorted(maps.Keys(t.shown)) {
		if x := t.shown[name]; x.Type == factorType {
			want = x.Provider
		}
	}
	_, taken := t.shown[factorType]
	switch {
	case provider != want:
		return "", fault(invalid, "provider: %s is expected", want)
	case taken:
		return "", nil
	}
	return factorType, nil
}
