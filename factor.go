package authn

import (
	"fmt"
	"slices"
	"time"
)

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
//
// A factor of a type that sends nothing has Data in place of an address.
//
// A phone number is in the form of E.164: a plus sign and 7 to 15 digits, without
// blanks. The host brings what people write into that form.
//
// An e-mail address has an ASCII local part of at most 64 bytes without quotes,
// and a host name in ASCII, where the host gives an internationalized domain as
// A-labels; 254 bytes in all. Dots may stand anywhere in the local part, and the
// host name may have underscores or a single label. ASCII blanks around the
// address do not count.
//
// A factor that cannot be used, for its type, address, data or ID, is passed over, and
// reported to the [Auditor] as [EventFactorUnusable]. If it is active it still
// protects: alone, it lets nobody in and nobody enroll ([ErrNoFactor]).
type Factor struct {
	ID       string // the host's: 1 to 64 printable ASCII bytes, no space
	Type     string // the name of a [FactorType], such as [Email]; one of another type cannot be proved here, but if it is active it protects
	Address  string // where codes are sent, masked in answers: see above; of a TOTP factor the name that the app shows
	Status   Status
	Verified bool   // the host has verified Address: see Policy.NoAutoActivate
	Required bool   // must be enrolled before a sign-in succeeds
	Locale   string // BCP 47 tag for messages; "" is unknown
	// At is set in [Answer].Factors only: from which time the factor can be chosen, if
	// nothing else happens first. Zero is now; the transaction's end means not in it.
	At time.Time
	// Options is set in [Answer].Factors only, of an active factor whose type is AtOnce:
	// what its Verifier's Prompt returned, such as the question to be answered.
	Options []byte
	// Handle is by what a response names its user, where the type's Verifier is a
	// [Discoverer]. It comes with [Directory].Activated, the same for each such factor of a
	// user. The host keeps it and finds the user by it, in [Finder]; nothing else reads it.
	Handle string
	// Data is what a factor without an address is proved by, sealed and bound to the
	// user and the factor: at most 2 KiB. It comes with [Directory].Activated; the host
	// stores it with its Revision and gives both back unchanged. Answers have none.
	Data []byte
	// Revision counts the changes of Data. The host never replaces Data by one
	// whose Revision is not higher, and a factor that it resets to NotSetUp keeps its
	// Revision: a list with a lower one is out of date, and refused for a day.
	Revision uint32
}

// A FactorType is a type of factor: all that the machine knows of it. A factor is
// proved by a code that is sent to an address, by the answer of another device, by a
// response that a Verifier judges, or, of the built-in types [TOTP] and [RecoveryCodes], by a code that the user has.
// A host adds its own in [Config].Types. It does not change after it was given, and
// its functions are pure and safe for concurrent use. Records have its Name; a type
// that leaves the configuration is not offered any more, and an active factor of it
// still protects.
type FactorType struct {
	Name    string   // 1 to 24 printable ASCII bytes, no space, such as "acme:pager"
	Methods []string // what a proof is called in [Assertion].Methods: RFC 8176; at most 64 bytes in all
	// Channel is whose [Sender] takes its messages; "" if nothing is sent.
	Channel string
	// CodeLife is how long what it sends is good, if that is shorter than
	// [Policy].CodeLife; 0: as long as that. At least a minute.
	CodeLife time.Duration
	// Canonical returns the one spelling that stands for an address, or an error,
	// without the address, that says why it is none. Nil: its factors have none.
	Canonical func(address string) (string, error)
	// Mask returns what answers show of an address: not the whole of it.
	Mask func(address string) string
	// Awaited says that its messages carry no code: they ask the user's other device,
	// whose answer comes by [Service.Respond]. Such a factor needs no address: the
	// Sender finds the device by [Message].Factor. Unless NoNumber is set, the device
	// has to name the number that [Prompt].Number shows on the screen of the sign-in.
	Awaited, NoNumber bool
	// Verifier judges responses, of a type without a Channel.
	Verifier Verifier
	// AtOnce says that a response to the Verifier needs no challenge, such as the
	// answer to a question: [Verify] takes it in MFA_REQUIRED, where the factor has its
	// [Factor].Options.
	AtOnce bool

	codes codes
}

// sends says that a message goes out when a factor of the type is chosen to sign in.
func (y *FactorType) sends() bool { return y.Channel != "" }

// sendsCode says that the message has a code; only then notices can be sent to it too.
func (y *FactorType) sendsCode() bool { return y.sends() && !y.Awaited }

// atOnce says that a factor of the type can be proved without a challenge.
func (y *FactorType) atOnce() bool { return y.codes != nil || y.AtOnce }

// builtIn are the types that the library has.
var builtIn = [...]FactorType{emailType, smsType, callType, totpType, recoveryType}

// checkTypes says what is wrong with a list of types.
func checkTypes(types []FactorType) error {
	for i, t := range types {
		switch {
		case !validFactorID(t.Name) || len(t.Name) > maxKind:
			return fmt.Errorf("authn: Types: Name %.40q is not 1 to %d printable ASCII bytes without a space", t.Name, maxKind)
		case len(t.Methods) == 0 || !validWords(t.Methods, maxMethods):
			return fmt.Errorf("authn: Types: %s: Methods are not 1 or more words of %d bytes in all", t.Name, maxMethods)
		case t.codes == nil && t.sends() == (t.Verifier != nil):
			return fmt.Errorf("authn: Types: %s needs either a Channel or a Verifier", t.Name)
		case t.Awaited && !t.sends(), t.NoNumber && !t.Awaited:
			return fmt.Errorf("authn: Types: %s: Awaited needs a Channel, and NoNumber Awaited", t.Name)
		case t.sendsCode() && t.Canonical == nil, (t.Canonical == nil) != (t.Mask == nil):
			return fmt.Errorf("authn: Types: %s lacks Canonical or Mask", t.Name)
		case t.CodeLife != 0 && (!t.sends() || t.CodeLife < minCodeLife):
			return fmt.Errorf("authn: Types: %s: CodeLife is %s, not at least %s, or nothing is sent", t.Name, t.CodeLife, minCodeLife)
		case t.AtOnce && t.Verifier == nil:
			return fmt.Errorf("authn: Types: %s: AtOnce needs a Verifier", t.Name)
		case slices.ContainsFunc(types[:i], func(o FactorType) bool { return o.Name == t.Name }):
			return fmt.Errorf("authn: Types: there is another %s", t.Name)
		}
	}
	return nil
}

// typeOf is the type with this name; nil if it is not known here.
func (m *Machine) typeOf(name string) *FactorType {
	for i := range m.types {
		if m.types[i].Name == name {
			return &m.types[i]
		}
	}
	return nil
}

const (
	minCodeLife  = time.Minute
	maxFactors   = 32 // of a user's list
	maxProofs    = 3  // that a transaction remembers
	maxFactorID  = 64
	maxKind      = 24
	maxAddress   = 254
	maxLocalPart = 64
)

// pin is a factor as a record has it: with a keyed pseudonym of the address, not
// the address. The zero value is none.
type pin struct {
	id        string
	kind      string // the name of its type
	recipient id
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
