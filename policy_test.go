package authn

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Every number is accepted at its bounds and rejected one step beyond them, with its
// name. The zero value is the default.
func TestPolicyBounds(t *testing.T) {
	def, err := Policy{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range counts {
		if got := *b.field(&def); got != b.def {
			t.Errorf("%s is %d by default, want %d", b.name, got, b.def)
		}
		for v, ok := range map[int]bool{b.min: true, b.max: true, b.min - 1: b.min == 1, b.max + 1: false, -1: false, math.MinInt: false, math.MaxInt: false} {
			var p Policy
			*b.field(&p) = v
			checkPolicy(t, b.name, v, ok, p)
		}
	}
	for _, b := range durations {
		if got := *b.field(&def); got != b.def {
			t.Errorf("%s is %v by default, want %v", b.name, got, b.def)
		}
		for v, ok := range map[time.Duration]bool{b.min: true, b.max: true, b.min - 1: false, b.max + 1: false, -1: false, math.MaxInt64: false, math.MinInt64: false} {
			p := Policy{BackoffMax: day, LockMax: 7 * day}
			if b.name == "BackoffMax" {
				p.Backoff = b.min
			}
			if b.name == "LockMax" {
				p.Lock = b.min
			}
			*b.field(&p) = v
			checkPolicy(t, b.name, v, ok, p)
		}
	}
}

func checkPolicy(t *testing.T, name string, v any, ok bool, p Policy) {
	t.Helper()
	_, err := NewMachine(Config{Keys: []Key{{1, keyA}}, PseudonymKey: pseudo, Policy: p})
	if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), name) {
		t.Errorf("%s: %v: %v", name, v, err)
	}
}

func TestPolicyOthers(t *testing.T) {
	s := time.Second
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{Policy{Cooldowns: []time.Duration{}}, "Cooldowns"},
		{Policy{Cooldowns: []time.Duration{s - 1}}, "Cooldowns"},
		{Policy{Cooldowns: []time.Duration{s}}, ""},
		{Policy{Cooldowns: []time.Duration{30*time.Minute + 1}}, "Cooldowns"},
		{Policy{Cooldowns: []time.Duration{s, s, s, s}}, ""},
		{Policy{Cooldowns: []time.Duration{s, s, s, s, s}}, "Cooldowns"},
		{Policy{NoBackoff: true}, "NoBackoff"},
		{Policy{NoBackoff: true, Digits: 7}, "NoBackoff"},
		{Policy{NoBackoff: true, Digits: 8}, ""},
		{Policy{Backoff: time.Hour, BackoffMax: time.Minute}, "BackoffMax"},
		{Policy{Lock: 2 * time.Hour, LockMax: time.Hour}, "LockMax"},
	} {
		_, err := NewMachine(Config{Keys: []Key{{1, keyA}}, PseudonymKey: pseudo, Policy: c.p})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.p, err)
		}
	}
	for digits, want := range map[int]int{6: 100, 7: 100, 8: 0, 12: 0} {
		if p, err := (Policy{Digits: digits}).withDefaults(); err != nil || p.FailuresPerYear != want {
			t.Errorf("%d digits: %d failures a year, %v", digits, p.FailuresPerYear, err)
		}
	}
}

// Every numeric field is in the list that validates and documents it.
func TestPolicyComplete(t *testing.T) {
	listed := map[string]bool{"Cooldowns": true, "NoBackoff": true, "NoAutoActivate": true, "NoTOTPDrift": true, "Remember": true}
	for _, b := range counts {
		listed[b.name] = true
	}
	for _, b := range durations {
		listed[b.name] = true
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Policy]()) {
		if !listed[f.Name] {
			t.Errorf("Policy.%s is not checked", f.Name)
		}
	}
}
