package authn

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The figures of the page on scale are for so many accounts and steps a second.
const (
	scaleAccounts = 100e6
	scaleSteps    = 20000
)

// scale returns the statements with numbers on the page on scale, computed from what
// the page on performance says was measured.
func scale(t *testing.T) []string {
	t.Helper()
	measured := page(t, "docs/internals/performance.md")
	number := func(pattern string) float64 {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(measured)
		if m == nil {
			t.Fatalf("the page on performance has no %s", pattern)
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	steps := number(`(?s)PostgreSQL: .*?\n\| 64 \| (\d+) \|`)
	cpu := number(`(?s)PostgreSQL: .*?\n\| 64 \|(?:[^|]*\|){6} ([\d.]+) µs \|`)
	idle := number(`\| a record's value \| (\d+) \|`)
	longest := number(`\| longest record over long traces, bytes \| (\d+) \|`)

	_, rest, _ := strings.Cut(page(t, "docs/scale.md"), "<!-- simulated -->\n")
	simulated, _, _ := strings.Cut(rest, "<!-- /simulated -->") // a test of internal/scale compares it

	half := math.Ceil(scaleSteps / (steps / 2))
	const days = float64(resealed) / float64(day)
	again := fmt.Sprintf("%.1f saves a second", scaleAccounts/(days*24*60*60))
	return []string{
		fmt.Sprintf("%.0f million accounts and\n%s steps a second", scaleAccounts/1e6, thousands(scaleSteps)),
		fmt.Sprintf("| PostgreSQL, as measured: %s steps a second from 64 clients | %s : %s | %.0f databases", thousands(steps), thousands(scaleSteps), thousands(steps), math.Ceil(scaleSteps/steps)),
		fmt.Sprintf("| %s : %s | %.0f databases |", thousands(scaleSteps), thousands(steps/2), half),
		fmt.Sprintf("| %.0f million : %.0f | %.1f million |", scaleAccounts/1e6, half, scaleAccounts/1e6/half),
		fmt.Sprintf("idle records, %.0f bytes each | %.0f million × %.0f | %.0f GB |", idle, scaleAccounts/1e6, idle, scaleAccounts*idle/1e9),
		fmt.Sprintf("longest seen, %.0f bytes | %.0f million × %.0f | %.1f GB |", longest, scaleAccounts/1e6, longest, scaleAccounts*longest/1e9),
		fmt.Sprintf("the nodes, %.0f µs a step with the driver | %s × %.0f µs | %.1f cores |", cpu, thousands(scaleSteps), cpu, scaleSteps*cpu/1e6),
		fmt.Sprintf("| %.0f million : %.0f days | %s |", scaleAccounts/1e6, days, again),
		fmt.Sprintf("every %.0f days, so %.0f million of them are %s", days, scaleAccounts/1e6, again),
		fmt.Sprintf("on one day %.0f days later", days),
		fmt.Sprintf("A store with %.0f million records", scaleAccounts/1e6),
		fmt.Sprintf("every call of %.0f million accounts on several databases", scaleAccounts/1e6), simulated,
		// Of the tests in nodes/clusters.
		"* 240 users sign in at once", "when at least 200 of them",
	}
}

// thousands writes a number with commas.
func thousands(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
