package okta

import (
	"cmp"
	"encoding/base64"
	"strconv"

	"github.com/authnfsm/authn"
)

type (
	factor struct {
		ID         string         `json:"id,omitempty"`
		Type       string         `json:"factorType"`
		Provider   string         `json:"provider"`
		Vendor     string         `json:"vendorName"`
		Status     string         `json:"status,omitempty"`
		Enrollment string         `json:"enrollment,omitempty"`
		Profile    FactorProfile  `json:"profile,omitzero"`
		Embedded   factorEmbedded `json:"_embedded,omitzero"`
		Links      factorLinks    `json:"_links,omitzero"`
	}
	// factorEmbedded has what the factor at hand needs beyond a code that was sent.
	factorEmbedded struct {
		Activation any `json:"activation,omitempty"`
		Challenge  any `json:"challenge,omitempty"`
	}

	// appActivation is of a TOTP factor.
	appActivation struct {
		TimeStep int        `json:"timeStep"`
		Secret   string     `json:"sharedSecret"`
		Encoding string     `json:"encoding"`
		Digits   int        `json:"keyLength"`
		Links    imageLinks `json:"_links,omitzero"`
	}
	// pairing is of a device that will answer.
	pairing struct {
		ExpiresAt string     `json:"expiresAt,omitempty"`
		Result    string     `json:"factorResult"`
		Links     imageLinks `json:"_links,omitzero"`
	}
	imageLinks struct {
		QR image `json:"qrcode,omitzero"`
	}
	image struct {
		Href string `json:"href"`
		Type string `json:"type"`
	}
	// number is what the user reads here and names on the device.
	number struct {
		Answer int `json:"correctAnswer"`
	}

	// factorKind stands for all of a user's factors of a type.
	factorKind struct {
		Type  string `json:"factorType"`
		Links struct {
			Next link `json:"next"`
		} `json:"_links"`
	}
)

// An otpauth URI that says nothing of them means these.
const (
	appPeriod = 30
	appDigits = 6
)

// showFactor shows a factor that is proved, or may be. Its address is masked.
func (x *exchange) showFactor(f authn.Factor, u user) factor {
	y := x.shownAs(f.Type)
	shown := factor{ID: f.ID, Type: y.Type, Provider: y.Provider, Vendor: y.Vendor}
	if y.Profile != nil {
		if p, err := y.Profile(x.r.Context(), u.ID, f); err == nil { // without it the answer is as good
			shown.Profile = p
		}
	}
	if show := formOf(y.Type).profile; show != nil {
		login := u.ID
		if u.Profile != nil {
			login = cmp.Or(u.Profile.Login, login)
		}
		show(&shown.Profile, f, login)
	}
	return shown
}

// offerFactor shows a factor that is enrolled or may be. Okta's widget has its one button
// for a factor that is REQUIRED; of several that are OPTIONAL it lets the user choose.
func (x *exchange) offerFactor(f authn.Factor, optional bool) factor {
	y := x.shownAs(f.Type)
	shown := factor{Type: y.Type, Provider: y.Provider, Vendor: y.Vendor, Status: f.Status.String(), Enrollment: "OPTIONAL"}
	if f.Required || !optional {
		shown.Enrollment = "REQUIRED"
	}
	return shown
}

// embed adds to the factor at hand, and to the transaction, what Okta's clients
// read in the place of a type's own.
func (x *exchange) embed(t *transaction, a *authn.Answer) {
	f, p, enrolling := &t.Embedded.Factor, &a.Prompt, a.State == authn.MFAEnrollActivate
	switch {
	case p.URI != "":
		app := appActivation{TimeStep: appPeriod, Secret: string(p.Secret), Encoding: "base32", Digits: appDigits}
		app.Links.QR = x.qr(a.Factor, p.URI)
		f.Embedded.Activation = &app
	case formOf(f.Type).polls:
		t.FactorResult = result(a)
		t.Authn.CodeExpires = wireTime(a.CodeExpires)
		if enrolling {
			d := pairing{ExpiresAt: wireTime(a.CodeExpires), Result: t.FactorResult}
			d.Links.QR = x.qr(a.Factor, p.Pairing)
			f.Embedded.Activation = &d
		} else if n, err := strconv.Atoi(p.Number); err == nil && t.FactorResult == waiting {
			f.Embedded.Challenge = &number{n}
		}
	case formOf(f.Type).anyOf && enrolling:
		if options, _ := browserOptions(p.Options); options != nil {
			f.Embedded.Activation = options
		}
	case formOf(f.Type).anyOf:
		embedChallenge(t, p.Options)
	}
}

// embedChallenge adds the challenge for an authenticator, which has no list of the
// keys that may respond: Okta's clients make it of the profiles. If there are
// several, they expect it by type.
func embedChallenge(t *transaction, prompt []byte) {
	options, ids := browserOptions(prompt)
	f := &t.Embedded.Factor
	switch {
	case options == nil:
		return
	case len(ids) > 1:
		t.ChallengeType, t.FactorType, t.Embedded.Challenge = "FACTOR_TYPE", f.Type, options
		for _, id := range ids {
			key := *f
			key.ID, key.Profile = "", FactorProfile{CredentialID: id}
			t.Embedded.Factors = append(t.Embedded.Factors, key)
		}
		return
	case len(ids) == 1:
		f.Profile.CredentialID = ids[0]
	}
	f.Embedded.Challenge = options
}

// qr is a link to a picture of text: the picture itself. So no address leads to it,
// which might be logged or followed by somebody else.
func (x *exchange) qr(f authn.Factor, text authn.Secret) image {
	if x.h.cfg.QR == nil || text == "" {
		return image{}
	}
	png, err := x.h.cfg.QR(f, text)
	if err != nil || len(png) == 0 { // the user can type the secret
		return image{}
	}
	return image{"data:image/png;base64," + base64.StdEncoding.EncodeToString(png), "image/png"}
}

// A Question is one that a user may choose: Okta's key of it and its text. Okta's
// widget shows the text that it has for a key, and else this one.
type Question struct {
	Question string `json:"question"`
	Text     string `json:"questionText"`
}

// questions lists them. They are the same for everybody.
func (x *exchange) questions() (any, error) {
	if err := x.misplaced(); err != nil {
		return nil, err
	}
	return x.h.cfg.Questions, nil
}
