package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// A bound is one comparison and its limits.
type bound struct {
	name string
	// target is the limit for the page. 0 means that there is none.
	target float64
	// usual is the expected quartile that three laps in four are worse than.
	// The gate of the regression check is derived from it, because a target
	// that is met easily would let a doubled value pass. 0 means that the
	// comparison has no noise, and that the target is the gate.
	usual float64
	// least means that more is better.
	least bool
	// why explains why the target is not met.
	why string
}

// slack is the ratio of gate and usual value. Noise stays within it, and a
// doubled value exceeds it. On a busy machine laps scatter to both sides, so the
// gate applies to the favorable quartile, not to the median.
const slack = 1.6

// bounds lists every comparison, in the order of the page.
var bounds = []bound{
	{name: rightRaw, target: 1.35, usual: 1.3, why: whyStep},
	{name: rightNew, target: 0.15, usual: 0.065},
	{name: rightShared, usual: 1.5},
	{name: rightBuilt, usual: 0.042},
	{name: rightSwitch, usual: 3.7},
	{name: wrongRaw, target: 1.5, usual: 1.45, why: whyStep},
	{name: refusedRaw, target: 0.5, usual: 0.4, why: whyRefused},
	{name: resendRaw, target: 1.9, usual: 1.8, why: whyStep},
	{name: rightAllocs, target: 1},
	{name: appRight, target: 4, usual: 2.7},
	{name: pollAllocs, target: 2},
	{name: listed32, target: 3, usual: 2},
	{name: serviceStep, usual: 4.4},
	{name: serviceAbove, target: 5, usual: 8, why: whyService},
	{name: serviceWrong, usual: 4.4},
	{name: serviceSignIn, usual: 5.6},
	{name: httpBare, target: 0.75, usual: 0.72, least: true, why: whyHTTP},
	{name: httpApp, target: 0.75, usual: 0.72, least: true, why: whyHTTP},
	{name: httpPolls, target: 0.75, usual: 0.8, least: true, why: whyHTTP},
	{name: embeddedSaves, target: 3},
	{name: embeddedCPU, target: 1500, usual: 1200, why: whyEmbedded},
	{name: embeddedDatabase, target: 800, usual: 900, why: whyWAL},
	{name: embeddedWAL, target: 1200, usual: 2000, why: whyWAL},
	{name: embeddedPace, usual: 0.42, least: true},
	{name: scaleMachine, target: 1.8, usual: 2, least: true, why: whyScale},
	{name: scaleService, target: 1.8, usual: 2, least: true, why: whyScale},
	{name: idleBytes, target: 700},
	{name: tendStored, target: 3, usual: 1},
	{name: longestRecord, target: 4096, usual: 750},
	{name: startUp, usual: 14}, // for the rows that the table has
}

// Reasons for missed targets.
const (
	whyStep = `The baseline is the engine and two hashes. The rest is work on the account: it is copied into the result, so that a step does not change its
arguments; the questions of the cell are evaluated; budgets and pending effects are updated.`
	whyRefused = `Before an event can be refused, the transaction is found by the hash of its token. That hash, which the engine's own refusal does not need, is
most of the cost; the rest is the refusal, which names the state and the event.`
	whyService = `The step computes one keyed hash and the call six: for the mask of the incoming token, the seals of the loaded and the saved record, and
the secret and the mask of the session token. In addition, the record is decoded, checked and encoded.`
	whyHTTP = `Each request is a call of the Service, with its load, save and hashes. The bare handler does nothing.`
	whyWAL  = `Each save writes the whole record, some 300 bytes, an entry of the primary key and one of the index of what is due: nearly every step changes the due time,
so PostgreSQL cannot update the row in place. docs/internals/sign-in.md has the WAL of a sign-in by kinds of records.`
	whyEmbedded = `The client of the requests is in it, and so is the driver of the database.`
	whyScale    = `Both cores share memory and the garbage collector.`
	whyStore    = `The database runs on the same cores as its clients, so the cost of a step reduces what the database can do. This would not be the case with
the database on a machine of its own.`
)

// named returns the bound of a comparison, which must exist.
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

// gate returns the limit of the regression check.
func (b bound) gate() float64 {
	switch {
	case b.usual == 0:
		return b.target
	case b.least:
		return b.usual / slack
	}
	return b.usual * slack
}

// over reports whether a value exceeds a limit. A value that is not finite does.
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

// An outcome is the result of a comparison.
type outcome struct {
	bound
	value   spread
	skipped string      // why there is no value
	hot     *contestant // to profile if the target is missed
}

// met reports whether the target is met, or there is none.
func (o *outcome) met() bool {
	return o.skipped != "" || o.target == 0 || !o.over(o.value.mid, o.target)
}

// fails reports whether a measured value exceeds the limit of the regression check.
func (o *outcome) fails() bool {
	return o.skipped == "" && o.over(o.favorable(), o.gate())
}

// verdict returns the line of the regression check, and whether it passes.
func (o *outcome) verdict(required bool) (line string, ok bool) {
	if o.skipped != "" {
		return fmt.Sprintf("%-58s  skipped: %s", o.name, o.skipped), !required
	}
	word := "ok"
	if o.fails() {
		word = "over"
	}
	return fmt.Sprintf("%-58s %8s  %s %-6s %s", o.name, short(o.favorable()), o.sign(), short(o.gate()), word), word == "ok"
}

// favorable returns the quartile that three laps in four are worse than.
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

// judge prints a line for each outcome, and at the end those that do not pass once
// more. It reports whether all pass.
func judge(w io.Writer, all []outcome, required bool) bool {
	var bad []string
	for i := range all {
		line, ok := all[i].verdict(required)
		fmt.Fprintln(w, line)
		if !ok {
			bad = append(bad, line)
		}
	}
	if len(bad) > 0 {
		fmt.Fprintf(w, "\n%d of %d comparisons do not pass:\n%s\n", len(bad), len(all), strings.Join(bad, "\n"))
	}
	return len(bad) == 0
}
