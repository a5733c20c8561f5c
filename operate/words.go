package operate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// shown is a text as it is, or quoted if it could be mistaken or do harm on a terminal.
func shown(s string) string {
	if q := strconv.Quote(s); s == "" || q != `"`+s+`"` || strings.ContainsAny(s, " ") {
		return q
	}
	return s
}

// short is a duration for people: the one or two units that matter.
func short(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < 10*time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// when is a time, and how far it is from now.
func when(t, now time.Time) string {
	at := t.UTC().Format("2006-01-02 15:04:05Z")
	if d := t.Sub(now); d >= 0 {
		return at + " (in " + short(d) + ")"
	}
	return at + " (" + short(now.Sub(t)) + " ago)"
}

// count is a number of things: "1 code", "2 codes".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprint(n, " ", thing)
}
