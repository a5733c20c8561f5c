package authntest

import "github.com/authnfsm/authn"

// kind is how a factor is proved.
type kind uint8

const (
	byMessage  kind = iota // a code that was sent comes back
	byApp                  // a code of an app
	byList                 // a code of a list
	byResponse             // a response that a Verifier judges
	byDevice               // another device answers
)

// builtIn are the types that every machine knows: what rules have to know of them.
var builtIn = []authn.FactorType{
	{Name: authn.Email, Channel: "email", Methods: []string{"otp"}},
	{Name: authn.SMS, Channel: "sms", Methods: []string{"sms"}},
	{Name: authn.Call, Channel: "call", Methods: []string{"tel"}},
	{Name: authn.TOTP, Methods: []string{"otp"}},
	{Name: authn.RecoveryCodes, Methods: []string{"otp"}},
}

// typeOf is the type with a name; a zero one if nobody knows it.
func (o *Options) typeOf(name string) *authn.FactorType {
	for _, types := range [][]authn.FactorType{builtIn, o.Types} {
		for i := range types {
			if types[i].Name == name {
				return &types[i]
			}
		}
	}
	return new(authn.FactorType)
}

// kind is that of a type.
func (o *Options) kind(name string) kind {
	y := o.typeOf(name)
	switch {
	case name == authn.TOTP:
		return byApp
	case name == authn.RecoveryCodes:
		return byList
	case y.Verifier != nil:
		return byResponse
	case y.Awaited:
		return byDevice
	}
	return byMessage
}

// sends says that a message goes out when a factor of the type is chosen.
func (o *Options) sends(name string, enrolls bool) bool {
	switch o.kind(name) {
	case byMessage:
		return true
	case byDevice:
		return !enrolls
	}
	return false
}

// atOnce says that a factor of the type is proved without a challenge.
func (o *Options) atOnce(name string) bool {
	k := o.kind(name)
	return k == byApp || k == byList || o.typeOf(name).AtOnce
}

// factorType is the type of a factor, by the first Listing that has it.
func (o *Options) factorType(id string) string {
	for i := range o.Listings {
		for j := range o.Listings[i].Factors {
			if f := &o.Listings[i].Factors[j]; f.ID == id {
				return f.Type
			}
		}
	}
	return ""
}
