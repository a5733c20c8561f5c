package authn

// Status is where a factor stands for its user, in the host's directory.
type Status uint8

// The statuses of a factor. The zero value is none of them and is refused.
const (
	NotSetUp Status = iota + 1 // may be enrolled
	Active                     // may be challenged
	Disabled                   // exists, and must not be used: the sign-in is refused
)

var statusNames = [...]string{"", "NOT_SETUP", "ACTIVE", "DISABLED"}

// String returns the name that Okta's API has for s.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "INVALID"
}

// A Factor is a second factor of a user, as the host's [Directory] knows it.
type Factor struct {
	ID       string // the host's: 1 to 64 printable ASCII bytes, no space
	Type     string // [Email]; factors of a type that is not known here are passed over
	Address  string // where codes go; in answers it is masked
	Status   Status
	Verified bool   // the host has verified Address: see Policy.NoAutoActivate
	Required bool   // must be enrolled before a sign-in succeeds
	Locale   string // BCP 47 tag for messages; "" is unknown
}

// factorType is what the machine knows of a type of factor: its behavior,
// in one place.
type factorType struct {
	name    string
	method  string // the authentication method reference of RFC 8176
	channel string
	// canonical returns the one spelling that stands for an address.
	canonical func(string) (string, error)
	mask      func(string) string
}

// factorTypes are the types that are known here. A record has their place in
// the list: append only.
var factorTypes = [...]factorType{
	emailType,
}

const (
	maxFactors   = 3
	maxFactorID  = 64
	maxMasked    = 40
	maxAddress   = 254
	maxLocalPart = 64
)

// pin is a factor as a transaction remembers it: with a keyed pseudonym of the
// address and a masked form, not the address.
type pin struct {
	id        string
	masked    string
	recipient id
	kind      uint8 // 1 + index in factorTypes; 0 is an empty slot
	status    Status
	required  bool
}

// typeOf is the type with this name; nil if it is not known here.
func typeOf(name string) *factorType {
	for i := range factorTypes {
		if factorTypes[i].name == name {
			return &factorTypes[i]
		}
	}
	return nil
}

func (p *pin) typ() *factorType { return &factorTypes[p.kind-1] }

// shown is the factor as answers show it.
func (p *pin) shown() Factor {
	return Factor{ID: p.id, Type: p.typ().name, Address: p.masked, Status: p.status, Required: p.required}
}

func validFactorID(s string) bool {
	if len(s) == 0 || len(s) > maxFactorID {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
