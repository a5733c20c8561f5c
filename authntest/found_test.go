package authntest

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// verdicts is where a run that may fail reports to.
type verdicts struct {
	testing.TB
	mu     sync.Mutex
	failed bool
	text   strings.Builder
}

func (v *verdicts) Helper()                           {}
func (v *verdicts) Logf(format string, args ...any)   { v.add(false, fmt.Sprintf(format, args...)) }
func (v *verdicts) Log(args ...any)                   { v.add(false, fmt.Sprint(args...)) }
func (v *verdicts) Errorf(format string, args ...any) { v.add(true, fmt.Sprintf(format, args...)) }
func (v *verdicts) Error(args ...any)                 { v.add(true, fmt.Sprint(args...)) }
func (v *verdicts) Fail()                             { v.add(true, "") }
func (v *verdicts) FailNow()                          { v.add(true, ""); runtime.Goexit() }
func (v *verdicts) Fatalf(format string, args ...any) { v.Errorf(format, args...); runtime.Goexit() }
func (v *verdicts) Fatal(args ...any)                 { v.Error(args...); runtime.Goexit() }

func (v *verdicts) Failed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.failed
}

func (v *verdicts) add(failed bool, s string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failed = v.failed || failed
	v.text.WriteString(s + "\n")
}

var found = regexp.MustCompile(`failed after (\d+) tests: authntest: broken rule "([a-z ]+)": (.*)`)

// TestMistakes holds that Run finds each mistake, by a rule that speaks of it.
// With AUTHNTEST_ROUNDS it does so again and again, and tells how many
// histories that takes.
func TestMistakes(t *testing.T) {
	settle(t)
	rounds, _ := strconv.Atoi(os.Getenv("AUTHNTEST_ROUNDS"))
	all := slices.Concat(answerMistakes(), sessionMistakes(), shownMistakes(), requestMistakes(), keyMistakes(), portMistakes())
	if len(all) < 30 {
		t.Errorf("only %d mistakes", len(all))
	}
	for _, m := range all {
		n, most, by := 0, 0, ""
		for range max(1, rounds) {
			one, rule := find(t, &m)
			n, most, by = n+one, max(most, one), rule
		}
		t.Logf("%-50s %5.1f histories, at most %d, by %s", m.name, float64(n)/float64(max(1, rounds)), most, by)
	}
}

// settle makes rapid look as far as it does by default, and not shrink.
func settle(t *testing.T) {
	values := map[string]string{"rapid.shrinktime": "0s", "rapid.nofailfile": "true", "rapid.checks": "100", "rapid.steps": "30"}
	if testing.Short() {
		values["rapid.checks"], values["rapid.steps"] = "500", "60" // it takes a fifth, and a half
	}
	for name, value := range values {
		f := flag.Lookup(name)
		old := f.Value.String()
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Value.Set(old) })
	}
}

// find runs a host with a mistake, and returns the history and the rule that
// have found it.
func find(t *testing.T, m *mistake) (history int, rule string) {
	v := &verdicts{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(v, t, m.open, nil)
	}()
	<-done
	why := found.FindStringSubmatch(v.text.String())
	if why == nil {
		t.Errorf("%s: not found\n%.2000s", m.name, v.text.String())
		return 0, ""
	}
	if !slices.Contains(strings.Fields(m.by), why[2]) {
		t.Errorf("%s: found by the rule %q, which is not %s: %s", m.name, why[2], m.by, why[3])
	}
	history, _ = strconv.Atoi(why[1])
	return history + 1, why[2]
}
