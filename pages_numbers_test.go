package authn

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// numbers returns the statements with numbers on the written pages, each made from
// its constant or default.
func numbers(t *testing.T) map[string][]string {
	p, err := Policy{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	long, err := Policy{Digits: 8}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	tries := triesInLife(p)
	of := math.Pow10(p.Digits)
	guesses := p.ClaimsPerDay * claimTries
	var waits []string
	for i, d := 1, firstRetry; i < maxAttempts; i, d = i+1, 2*d {
		waits = append(waits, fmt.Sprint(seconds(d)))
	}
	last := len(waits) - 1
	return map[string][]string{
		"docs/internals/design.md": {
			fmt.Sprintf("%d bytes of entropy", len(Env{}.Entropy)),
			fmt.Sprintf("up to %d times", maxReruns),
			fmt.Sprintf("more than %d seconds ahead", seconds(MaxSkew)),
			fmt.Sprintf("a result is some %.0f KiB", float64(unsafe.Sizeof(Result{}))/1024),
			fmt.Sprintf("at most %s.", word(maxTx)),
		},
		"docs/security.md": {
			fmt.Sprintf("keeps clocks within %d seconds", seconds(MaxSkew)),
			fmt.Sprintf("| %d digits | %d digits |", p.Digits, long.Digits),
			fmt.Sprintf("one code: %d tries | %d in a million | %d in 100 million", p.CodeTries, p.CodeTries, p.CodeTries),
			fmt.Sprintf("%d tries fit into its %.0f minutes", tries, p.Life.Minutes()),
			fmt.Sprintf("| %d in a million | %d in 100 million", tries, triesInLife(long)),
			fmt.Sprintf("%d failures (%d digits), %d a day (%d digits)", p.FailuresPerYear, p.Digits, long.FailuresPerDay, long.Digits),
			fmt.Sprintf("| 1 in %d,%03d | %.1f in 100,000", int(of)/p.FailuresPerYear/1000, int(of)/p.FailuresPerYear%1000, float64(365*long.FailuresPerDay)/math.Pow10(long.Digits)*1e5),
			fmt.Sprintf("with %d guesses at each of a million accounts, %.0f are expected to succeed with %d digits", p.CodeTries, float64(p.CodeTries)*1e6/of, p.Digits),
			fmt.Sprintf("%d digits are %.2f bits", p.Digits, math.Log2(of)),
			fmt.Sprintf("`Digits` up to %d", maxOf("Digits")),
			fmt.Sprintf("one account, one year: %d failures |", p.FailuresPerYear),
			fmt.Sprintf("%d digits, good in %d time steps | %d in a million | %d in 10,000", totpDigits, 3, 3, 3*p.FailuresPerYear/100),
			fmt.Sprintf("1 time step | 1 in a million | %d in 10,000", p.FailuresPerYear/100), fmt.Sprintf("where %d in 10,000 a year", 3*p.FailuresPerYear/100),
			fmt.Sprintf("one of %d with %d random bits each | %d in 2⁸⁰", recoveryCodes, 8*recoveryBytes, recoveryCodes),
			fmt.Sprintf("at least %d digits, and a claim takes %d wrong codes; a name may be claimed %d\n  times an hour (`ClaimsPerHour`) and %d times a day", claimDigits, claimTries, p.ClaimsPerHour, p.ClaimsPerDay),
			fmt.Sprintf("at most %d guesses a day at one in %.0f\n  million: %d,000 a year, or %.1f in 10,000", guesses, math.Pow10(claimDigits)/1e6, (365*guesses+500)/1000, float64(365*guesses)/math.Pow10(claimDigits)*1e4),
			fmt.Sprintf("at most %d codes of claims an hour and %d a day", p.SendsPerHour, p.SendsPerDay), "about 100 bytes for a day",
			"to match on another device, of 90;", "1 in 90 by a user",
			fmt.Sprintf("| yes | %d bits; `Import` refuses fewer than %d |", 8*totpSecret, 8*minTOTPSecret), fmt.Sprintf("| yes | %d bits; the user is notified", 8*recoveryBytes),
			// Numbers of standards.
			"valid for at most 10 minutes, once", "at most 100 consecutive failures", "once, within 10 minutes", "at least 20 bits", "at least 128 bits, 160 recommended", "at least 64 bits",
		},
		"docs/operations.md": {
			fmt.Sprintf("at least %d random bytes", minKey), fmt.Sprintf("up to %d goroutines", laterAtOnce),
			fmt.Sprintf("after %d days", year/day+1),
			fmt.Sprintf("timeout and %d seconds", seconds(margin)),
			fmt.Sprintf("more than %d seconds ahead of it", seconds(MaxSkew)), fmt.Sprintf("more than %d seconds ahead of the store's", seconds(MaxSkew)), fmt.Sprintf("more than %d seconds from the store's", seconds(MaxSkew)),
			fmt.Sprintf("anew at least every %d days", resealed/day), fmt.Sprintf("saves every record at least every %d days", resealed/day),
			fmt.Sprintf("%s attempts, %s and %s seconds apart", word(maxAttempts), strings.Join(waits[:last], ", "), waits[last]),
			fmt.Sprintf("at most %s minutes apart", word(int(lastRetry.Minutes()))),
			fmt.Sprintf("(%s entries)", word(maxQueue)),
			fmt.Sprintf("%d save conflicts in a row", maxReruns),
			fmt.Sprintf("fewer than %d bytes, a full one less than %d KiB", oneRecord, fullRecord>>10), fmt.Sprintf("up to %d KiB for each", maxData>>10),
			// Measured by package otelauthn, and numbers of its alerts, which its tests compare with the rules.
			"leave fewer than 200.", "about 3 % longer, and no longer than 5 %", "OCSF 1.9",
			"more than 1 % of all calls", "more than 1 % of the calls", "takes over 250 ms", "more than 10 % of all saves", "more than 10 % of the messages",
		},
		"docs/from-okta.md": {fmt.Sprintf("a %s-digit code", word(p.Digits)),
			// Statuses of HTTP.
			"| the old password | 403 ", "PASSWORD_EXPIRED | 403 ", "in PASSWORD_RESET | 403 ", "| the host denies it | 403 "},
		"README.md": {"Go " + goVersion(t), "a property test in 30 lines", "in less than 120 lines"}, // tested by examples/login
		"docs/testing.md": {
			"property test in 30 lines](#a-property-test-in-30-lines)", "property test in 30 lines",
			// Measured by package authntest, and what rapid prints.
			"each of 36 seeded mistakes", "100 histories take about one", "RAPID_CHECKS=5000",
			"failed after 3 tests", "1 code(s) sent", "-rapid.seed=8914956609691016717", "12:00:01",
			"| 100 | number of histories", "| 30 | average length", "| 30s | time to reduce",
		},
		"docs/hosting.md": {"W3C Web Authentication Level 3", fmt.Sprintf("at\nmost %d KiB", maxResponse>>10), fmt.Sprintf("which factors a user has: up to %d.", maxFactors),
			"NIST SP 800-63B-4 section 3.1.1.2",
			fmt.Sprintf("(at most %d bytes)", maxRelay), fmt.Sprintf("(off by default, %d hour to %d days)", 1, maxRemember/day), fmt.Sprintf("The store has %d bytes for each", deviceSize),
			fmt.Sprintf("two secrets of %d random bytes", minKey), fmt.Sprintf("`status` %d for an address that was\nverified and %d for", Active, NotSetUp),
			// Of packages httphost, which tests its own, and examples/login.
			"in OpenAPI 3.1.", "which is status 503", "of at most 32 KiB, and", "of less than 120 lines. A test runs it",
			fmt.Sprintf("%s devices are remembered", strings.ToUpper(word(maxDevices)[:1])+word(maxDevices)[1:])},
		"docs/scale.md":   scale(t),
		"SECURITY.md":     nil,
		"CONTRIBUTING.md": {"−1, 0 and +1"},
	}
}

// triesInLife returns the number of wrong codes that fit into a transaction if each
// is submitted as soon as it is evaluated.
func triesInLife(p Policy) (n int) {
	for at, wait := time.Duration(0), p.Backoff; at < p.Life && n < p.Tries; n++ {
		if n+1 >= p.BackoffFrom {
			at, wait = at+wait, min(2*wait, p.BackoffMax)
		}
	}
	return n
}

func maxOf(field string) int {
	for _, b := range counts {
		if b.name == field {
			return b.max
		}
	}
	return 0
}

func word(n int) string {
	return [...]string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}[n]
}

func goVersion(t *testing.T) string {
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(page(t, "go.mod"))
	return m[1]
}

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// names matches text with digits that is not checked: code, links, names of
// standards, of algorithms and of Okta's errors, and list numbers.
var names = regexp.MustCompile("(?s)```.*?```|`[^`]*`|\\]\\([^)]*\\)|<!--.*?-->|https?://\\S+|(?m:^\\d+\\. )|" +
	`NIST SP 800-63B(?: section)?(?: \d[\d.]*\d)?|RFC \d+(?: [\d.]*\d)?|ASVS \d[\d.]*\d(?:, \d[\d.]*\d)?|E00000\d\d|SHA-256|SHA-1|AES-256-GCM|UTF-8|IPv[46]|E\.164|E0000118|"403 Invalid session"`)

// Every number on a written page is made from its constant or default. (The other
// pages are generated.)
func TestPagesNumbers(t *testing.T) {
	checked := numbers(t)
	users, err1 := filepath.Glob("docs/*.md")
	maintainers, err2 := filepath.Glob("docs/internals/*.md")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, name := range append(users, maintainers...) {
		if name == "docs/internals/proof.md" || name == "docs/internals/performance.md" || name == "docs/internals/sign-in.md" {
			continue // TestProofPage checks one; the others are the output of bench
		}
		if _, ok := checked[name]; !ok && !strings.Contains(page(t, name), "`go run ./internal/regen`. Do not edit.") {
			t.Errorf("no test checks the numbers of %s", name)
		}
	}
	for name, claims := range checked {
		text := page(t, name)
		rest := text
		for _, c := range claims {
			if !strings.Contains(text, c) {
				t.Errorf("%s does not have %q", name, c)
			}
			rest = strings.ReplaceAll(rest, c, "")
		}
		for line := range strings.Lines(names.ReplaceAllString(rest, "")) {
			if strings.ContainsAny(line, "0123456789") {
				t.Errorf("%s: no test checks the number in %q", name, line)
			}
		}
	}
}

// The computed number of tries is that of the machine.
func TestTriesInLife(t *testing.T) {
	for _, digits := range []int{6, 8} {
		p, err := Policy{Digits: digits}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		w := begun(t, Policy{Digits: digits}, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		n := 0
		for ; ; w.at += time.Second {
			i := w.slot()
			if i < 0 || w.a.txs[i].ended() || w.m.overdue(&w.a, i, t0.Add(w.at)) {
				break
			}
			for w.m.Step(&w.a, w.h, Verify{Code: w.wrong()}, w.env(), &w.r) == nil {
				w.a = w.r.Account
				if w.r.Outcome == WrongCode {
					n++
				}
			}
			if err := w.m.Step(&w.a, w.h, Resend{}, w.env(), &w.r); err == nil {
				w.a = w.r.Account
			}
		}
		if want := triesInLife(p); n != want {
			t.Errorf("%d digits: %d tries fit, want %d", digits, n, want)
		}
	}
}
