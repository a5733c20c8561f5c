package authntest

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// inForce is a policy with its defaults, as [authn.NewReference] prints them.
func inForce(p authn.Policy) authn.Policy {
	noYear := p.FailuresPerYear == 0 && p.Digits >= 8
	for _, n := range authn.NewReference().Policy {
		f := reflect.ValueOf(&p).Elem().FieldByName(n.Name)
		if !f.IsValid() || !f.IsZero() {
			continue
		}
		switch v := f.Addr().Interface().(type) {
		case *int:
			*v, _ = strconv.Atoi(n.Default)
		case *time.Duration:
			*v, _ = time.ParseDuration(n.Default)
		case *[]time.Duration:
			for word := range strings.SplitSeq(n.Default, ", ") {
				d, _ := time.ParseDuration(word)
				*v = append(*v, d)
			}
		}
	}
	if noYear {
		p.FailuresPerYear = 0
	}
	return p
}

const (
	oneHour = time.Hour
	oneDay  = 24 * oneHour
	oneYear = 365 * oneDay
	// mostCharges is how many charges of a budget an account remembers.
	mostCharges = 100
)

// cooldown is the wait after a transaction's n-th code.
func cooldown(p *authn.Policy, n int) time.Duration {
	return p.Cooldowns[min(n, len(p.Cooldowns))-1]
}

// doubling is d, doubled n times, at most the bound.
func doubling(d time.Duration, n int, bound time.Duration) time.Duration {
	for ; n > 0 && d < bound; n-- {
		d *= 2
	}
	return min(d, bound)
}

// within counts the charges that lie in a span that ends now.
func within(at []time.Time, now time.Time, span time.Duration) (n int) {
	for _, t := range at {
		if t.Add(span).After(now) {
			n++
		}
	}
	return n
}

// freeAt is when one more charge fits into n for each span; the zero time if
// it always has. Charges are sorted, the newest first.
func freeAt(at []time.Time, n int, span time.Duration) time.Time {
	if n <= 0 || len(at) < n {
		return time.Time{}
	}
	return at[n-1].Add(span)
}

// lockEnd is when the account's lock ends, of whatever kind, a disabled factor
// apart; the zero time if there is none.
func lockEnd(p *authn.Policy, v *authn.AccountView) time.Time {
	end := latest(v.LockedUntil, freeAt(v.WrongCodes, p.FailuresPerDay, oneDay))
	return latest(end, freeAt(v.WrongCodes, p.FailuresPerYear, oneYear))
}

// sendsFreeAt is when the account may send again.
func sendsFreeAt(p *authn.Policy, v *authn.AccountView) time.Time {
	return latest(freeAt(v.Sends, p.SendsPerHour, oneHour), freeAt(v.Sends, p.SendsPerDay, oneDay))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
