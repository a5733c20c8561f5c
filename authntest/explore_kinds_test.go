package authntest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// Explorations of factors that are proved by something else than a code that was sent.

var (
	machineKeys       = []authn.Key{{ID: 1, Secret: []byte("authntest key, of no use elsewhere")}}
	machinePseudonyms = []byte("authntest pseudonyms, of no use elsewhere")
)

func machineOf(t testing.TB, o Options) *authn.Machine {
	t.Helper()
	c := authn.Config{Tenant: "authntest", Keys: machineKeys, PseudonymKey: machinePseudonyms, Policy: o.Policy, Types: o.Types}
	if slices.ContainsFunc(o.Listings, func(l Listing) bool { return l.Needs != nil }) {
		c.Gates = twoGates
	}
	m, err := authn.NewMachine(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// unasked is a Verifier that an exploration takes the place of.
type unasked struct{}

func (unasked) Prompt(context.Context, authn.Check) ([]byte, error) { panic("a machine asks nobody") }

func (unasked) Verify(context.Context, authn.Check) (authn.Verdict, error) {
	panic("a machine asks nobody")
}

var (
	keyType      = authn.FactorType{Name: "acme:key", Methods: []string{"hwk"}, Verifier: unasked{}}
	questionType = authn.FactorType{Name: "acme:question", Methods: []string{"kba"}, Verifier: unasked{}, AtOnce: true}
	pushType     = authn.FactorType{Name: "acme:push", Methods: []string{"swk", "user"}, Channel: "push", Awaited: true}
)

func factor(id, typ string, s authn.Status) authn.Factor {
	return authn.Factor{ID: id, Type: typ, Status: s}
}

// brisk has every limit of a transaction near, and time for a few steps of an app.
var brisk = authn.Policy{
	CodeTries: 1, Tries: 2, Sends: 2, SendsPerHour: 3, SendsPerDay: 3, Live: 2, StartsPerHour: 3,
	BackoffFrom: 2, LockEvery: 3, FailuresPerDay: 20, DisableAfter: 4, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 3 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: tick,
}

// hasty ends a transaction at its first wrong code, so that an account's limits are near.
var hasty = changed(brisk, func(p *authn.Policy) {
	p.Tries, p.Sends, p.StartsPerHour, p.Live, p.Life = 1, 1, 10, 1, 2*tick
})

// wary backs off from the first wrong code on.
var wary = changed(brisk, func(p *authn.Policy) { p.Tries, p.BackoffFrom, p.LockEvery, p.DisableAfter = 3, 1, 4, 5 })

// pair is for two transactions at once: whatever is used in one is used in the other.
var pair = changed(brisk, func(p *authn.Policy) {
	p.Tries, p.BackoffFrom, p.LockEvery, p.DisableAfter, p.Life = 1, 10, 3, 10, 2*tick
})

// exact takes a code of an app in its own time step only.
var exact = changed(pair, func(p *authn.Policy) { p.NoTOTPDrift = true })

func changed(p authn.Policy, f func(*authn.Policy)) authn.Policy {
	f(&p)
	return p
}

func init() {
	listings := func(fs ...authn.Factor) []Listing { return []Listing{{Name: "usual", Factors: fs}} }
	and := func(ls []Listing, name string, fs ...authn.Factor) []Listing {
		return append(ls, Listing{Name: name, Factors: fs})
	}
	late := []authn.Delivery{authn.Sent, authn.Pending}
	app, list, phone := factor("app", authn.TOTP, authn.Active), factor("list", authn.RecoveryCodes, authn.Active), factor("phone", pushType.Name, authn.Active)
	key, key2, question := factor("key", keyType.Name, authn.Active), factor("key2", keyType.Name, authn.Active), factor("question", questionType.Name, authn.Active)
	fresh := func(f authn.Factor) authn.Factor {
		f.Status = authn.NotSetUp
		return f
	}
	demanded := func(f authn.Factor) authn.Factor {
		f.Status, f.Required = authn.NotSetUp, true
		return f
	}
	own := []authn.FactorType{keyType, questionType, pushType}
	short := []authn.EventName{authn.EventPrimary, authn.EventEnroll, authn.EventChallenge, authn.EventVerify, authn.EventRespond}
	for name, o := range map[string]Options{
		"app": {Policy: brisk, Listings: append(and(listings(app, mail(authn.Active, box, false)), "gone"),
			Listing{Name: "limited", Factors: []authn.Factor{app}, Limit: time.Minute})},
		"app-exact": {Policy: exact, Listings: listings(app), Begins: 2},
		"app-tabs":  {Policy: pair, Listings: listings(app), Begins: 2, Tabs: 2},
		"app-enroll": {Policy: pair, Begins: 2, Deliveries: late, Listings: append(and(listings(fresh(app)), "active", app),
			Listing{Name: "stale", Factors: []authn.Factor{app}, Stale: true})},
		"list": {Policy: pair, Begins: 2, Deliveries: late, Listings: append(listings(list),
			Listing{Name: "stale", Factors: []authn.Factor{list}, Stale: true})},
		"list-tabs":   {Policy: pair, Begins: 2, Tabs: 2, Listings: listings(list)},
		"list-enroll": {Policy: pair, Begins: 2, Listings: and(listings(fresh(list)), "active", list)},
		"keys": {Policy: brisk, Types: own, Listings: append(and(listings(key, key2, question), "one", key),
			Listing{Name: "limited", Factors: []authn.Factor{key, question}, Limit: time.Minute})},
		"keys-tabs":   {Policy: pair, Types: own, Begins: 2, Tabs: 2, Listings: listings(key)},
		"keys-enroll": {Policy: wary, Types: own, Listings: and(listings(fresh(key), fresh(question)), "active", key, fresh(question))},
		"push":        {Policy: brisk, Types: own, Listings: and(listings(phone), "gone"), Deliveries: append(late, authn.Failed)},
		"push-tabs":   {Policy: pair, Types: own, Begins: 2, Tabs: 2, Listings: listings(phone)},
		"push-enroll": {Policy: wary, Types: own, Listings: and(listings(fresh(phone)), "active", phone)},
		"push-backoff": {Policy: wary, Types: own, Begins: 2, Tabs: 2, Listings: listings(phone, app),
			Events: short, Typed: []Typed{TypedRight, TypedWrong}},
		"pairings": {Policy: wary, Types: own, Begins: 2, Tabs: 2, Listings: listings(fresh(phone)), Events: short},
		"adding": {Policy: pair, Types: own, Logins: []authn.Login{{User: "ada", Adding: true}},
			Listings: listings(app, list, key, question, phone, mail(authn.NotSetUp, box, false))},
		"more": {Policy: pair, Types: own, Logins: []authn.Login{{User: "ada", OfferMore: true}, {User: "ada", OfferMore: true, Require: authn.RequireIfActive}},
			Listings: append(and(listings(fresh(app), fresh(question)), "one", fresh(app)), Listing{Name: "required", Factors: []authn.Factor{fresh(app), demanded(question)}})},
		"hasty-app":    {Policy: hasty, Begins: 4, Listings: listings(app), Events: short, Typed: []Typed{TypedRight, TypedWrong}},
		"hasty-push":   {Policy: hasty, Types: own, Begins: 4, Listings: listings(phone), Events: short},
		"hasty-enroll": {Policy: hasty, Types: own, Begins: 4, Listings: listings(fresh(phone)), Events: short},
	} {
		explorations[name] = o
	}
}

// TestExploreImported: an app whose secret another system has made is explored and walked
// by its URI, with other digits, another period and another hash.
func TestExploreImported(t *testing.T) {
	const uri = "otpauth://totp/ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8&period=60&algorithm=SHA256"
	svc, err := authn.New(authn.Config{
		Tenant: "authntest", Keys: machineKeys, PseudonymKey: machinePseudonyms,
		Store: new(memstore.Store), Mailer: new(player), Directory: new(player),
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := svc.Import("ada", authn.Factor{ID: "app", Type: authn.TOTP}, uri)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Policy: pair, Begins: 2, Listings: []Listing{{Name: "usual", Factors: []authn.Factor{f}}}, Apps: map[string]authn.Secret{"app": uri}}
	if brief() {
		o.Stop = few()
	}
	x := newExplorer(bare{machineOf(t, o)}, o)
	if err := x.explore(); err != nil {
		t.Fatal(err)
	}
	if t.Log(x.found); !brief() && (x.found.Rows["MFA_REQUIRED: verify [used code]"] == 0 || x.found.Rows["MFA_REQUIRED: verify [right code, nothing required]"] == 0) {
		t.Error("no code of the app was used, or none twice")
	}
	for _, w := range x.paths() {
		Replay(t, w, onMemory)
	}
}

// TestApp holds the apps of explorations against RFC 6238, appendix B.
func TestApp(t *testing.T) {
	for _, c := range []struct {
		uri  authn.Secret
		at   int64
		want authn.Code
	}{
		{"otpauth://totp/x?digits=8&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59, "94287082"},
		{"otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 1111111109, "081804"},
		{"otpauth://totp/x?digits=8&algorithm=SHA256&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA", 59, "46119246"},
	} {
		a, err := readApp(c.uri)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(c.at, 0)
		if code := a.code(a.at(now)); code != c.want || a.match(code, now.Add(30*time.Second), &authn.Policy{}) != a.at(now) ||
			a.match(code, now.Add(30*time.Second), &authn.Policy{NoTOTPDrift: true}) != 0 {
			t.Errorf("%s at %d", code, c.at)
		}
	}
	for _, uri := range []authn.Secret{"", "https://x", "otpauth://totp/x", "otpauth://totp/x?secret=1"} {
		if _, err := readApp(uri); !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("%q: %v", string(uri), err)
		}
	}
}
