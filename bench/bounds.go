package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// A bound is one comparison and what it must come to.
type bound struct {
	name string
	// target is what the page is judged by; 0: there is none, and the
	// comparison is only watched.
	target float64
	// usual is what three laps in four were worse than when it was last looked at. From it
	// the regression check has its gate, since a target that is kept with ease
	// would let a doubling pass. 0: the comparison is exact, or has no noise
	// to speak of, and the target is the gate.
	usual float64
	// least says that more is better.
	least bool
	// why says what stands in the way where the target is not met.
	why string
}

// slack is between the usual value and the gate: noise stays below it, and
// what has doubled is above. On a busy machine the laps of a comparison scatter
// to both sides, so the gate is for three laps in four, not for the median.
const slack = 1.6

// bounds is every comparison, in the order of the page.
var bounds = []bound{
	{name: rightRaw, target: 1.5, usual: 1.3, why: whyStep},
	{name: rightNew, target: 0.15, usual: 0.065},
	{name: rightShared, usual: 1.5},
	{name: rightBuilt, usual: 0.042},
	{name: rightSwitch, usual: 3.7},
	{name: wrongRaw, usual: 1.45},
	{name: refusedRaw, target: 0.5, usual: 0.4, why: whyRefused},
	{name: resendRaw, usual: 1.8},
	{name: rightAllocs, target: 1},
	{name: serviceStep, target: 5, usual: 4.4, why: whyService},
	{name: serviceWrong, usual: 4.4},
	{name: serviceSignIn, usual: 5.6},
	{name: httpBare, target: 0.6, usual: 0.72, least: true, why: whyHTTP},
	{name: scaleMachine, target: 1.8, usual: 2, least: true, why: whyScale},
	{name: scaleService, target: 1.8, usual: 2, least: true, why: whyScale},
	{name: idleBytes, target: 700},
	{name: tendStored, target: 3, usual: 1},
	{name: longestRecord, target: 4096, usual: 750},
	{name: startUp, usual: 11.5},
}

// What stands in the way, where a target is missed.
const (
	whyStep = `The baseline is the engine and two hashes. The rest is work on the account: it is copied into the result, so that a step does not change its
arguments; the questions of the cell are evaluated; budgets and pending effects are updated.`
	whyRefused = `Before an event can be refused, the transaction is found by the hash of its token. That hash, which the engine's own refusal does not need, is
most of the cost; the rest is the refusal, which names the state and the event.`
	whyService = `The step computes one keyed hash and the call six: for the mask of the incoming token, the seals of the loaded and the saved record, and
the secret and the mask of the session token. In addition, the record is decoded, checked and encoded.`
	whyHTTP  = `Each request is a call of the Service, with its load, save and hashes. The bare handler does nothing.`
	whyScale = `Both cores share memory and the garbage collector.`
	whyStore = `The database runs on the same cores as its clients, so the cost of a step reduces what the database can do. This would not be the case with
the database on a machine of its own.`
)

// named returns the bound of a comparison, which must be on the list.
func named(name string) bound {
	for _, b := range bounds {
		if b.name == name {
			return b
		}
	}
	if b, ok := storeBound(name); ok {
		return b
	}
	panic("no bound for " + name)
}

// gate is where the regression check says "over".
func (b bound) gate() float64 {
	switch {
	case b.usual == 0:
		return b.target
	case b.least:
		return b.usual / slack
	}
	return b.usual * slack
}

// over says that a value is on the wrong side of a limit. What could not be
// computed is over.
func (b bound) over(v, limit float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return true
	}
	if b.least {
		return v < limit
	}
	return v > limit
}

func (b bound) sign() string {
	if b.least {
		return "≥"
	}
	return "≤"
}

// An outcome is what a comparison came to.
type outcome struct {
	bound
	value   spread
	skipped string      // why there is no value
	hot     *contestant // what to look into if the target is missed
}

// met says whether the target is met; true without one.
func (o *outcome) met() bool {
	return o.skipped != "" || o.target == 0 || !o.over(o.value.mid, o.target)
}

// verdict is the line of the regression check, and whether the gate is kept.
func (o *outcome) verdict(required bool) (line string, ok bool) {
	if o.skipped != "" {
		return fmt.Sprintf("%-58s  skipped: %s", o.name, o.skipped), !required
	}
	word := "ok"
	if o.over(o.favorable(), o.gate()) {
		word = "over"
	}
	return fmt.Sprintf("%-58s %8s  %s %-6s %s", o.name, short(o.favorable()), o.sign(), short(o.gate()), word), word == "ok"
}

// favorable is what three laps in four are worse than.
func (o *outcome) favorable() float64 {
	if o.least {
		return o.value.high
	}
	return o.value.low
}

// short writes a number with three digits.
func short(v float64) string {
	if math.Abs(v) >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	s := fmt.Sprintf("%.3g", v)
	if strings.Contains(s, "e") {
		return fmt.Sprintf("%.3f", v)
	}
	return s
}

// judge prints a line for each outcome and says whether all are ok.
func judge(w io.Writer, all []outcome, required bool) bool {
	good := true
	for i := range all {
		line, ok := all[i].verdict(required)
		fmt.Fprintln(w, line)
		good = good && ok
	}
	return good
}
