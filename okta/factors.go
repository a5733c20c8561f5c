package okta

import "github.com/authnfsm/authn"

type (
	factor struct {
		ID         string        `json:"id,omitempty"`
		Type       string        `json:"factorType"`
		Provider   string        `json:"provider"`
		Vendor     string        `json:"vendorName"`
		Status     string        `json:"status,omitempty"`
		Enrollment string        `json:"enrollment,omitempty"`
		Profile    factorProfile `json:"profile,omitzero"`
		Links      factorLinks   `json:"_links,omitzero"`
	}
	// factorProfile has the members in which Okta shows where codes go.
	factorProfile struct {
		Email string `json:"email,omitempty"`
		Phone string `json:"phoneNumber,omitempty"`
	}
)

// A display is how Okta shows a type of factor. Its zero value is good for a
// type that Okta itself provides and that has nothing to show besides its id.
type display struct {
	provider string                             // also the vendor; "": Okta
	profile  func(address string) factorProfile // shows the masked address; nil: it is not shown
}

// displays has the types, by authn's name, that are shown in another way than
// the zero display. Links need no entry: they follow from what is allowed.
var displays = map[string]display{
	authn.Email: {profile: func(address string) factorProfile { return factorProfile{Email: address} }},
	"sms":       {profile: func(address string) factorProfile { return factorProfile{Phone: address} }},
}

// providerOf returns Okta's name for who provides a type of factor.
func providerOf(name string) string {
	if p := displays[name].provider; p != "" {
		return p
	}
	return "OKTA" // the only one that Okta's widget shows for the types it knows
}

// showFactor shows a factor that a code may go to. Its address is masked.
func showFactor(f authn.Factor) factor {
	p := providerOf(f.Type)
	shown := factor{ID: f.ID, Type: f.Type, Provider: p, Vendor: p}
	if profile := displays[f.Type].profile; profile != nil {
		shown.Profile = profile(f.Address)
	}
	return shown
}

// offerFactor shows a factor that is enrolled or may be. Okta's widget has its
// one button for a factor that is REQUIRED, and wants a skip link for one that
// is OPTIONAL.
func offerFactor(f authn.Factor, optional bool) factor {
	p := providerOf(f.Type)
	shown := factor{Type: f.Type, Provider: p, Vendor: p, Status: f.Status.String(), Enrollment: "OPTIONAL"}
	if f.Required || !optional {
		shown.Enrollment = "REQUIRED"
	}
	return shown
}
