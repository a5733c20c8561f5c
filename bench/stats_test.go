package main

import (
	"math"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want spread
	}{
		{[]float64{7}, spread{7, 7, 7}},
		{[]float64{3, 1}, spread{1.5, 2, 2.5}},
		{[]float64{5, 1, 4, 2, 3}, spread{2, 3, 4}},
		{[]float64{1, 1, 1, 1, 1000}, spread{1, 1, 1}},
	} {
		if got := spreadOf(c.xs); got != c.want {
			t.Errorf("%v: %v, want %v", c.xs, got, c.want)
		}
	}
	if !math.IsNaN(spreadOf(nil).mid) {
		t.Error("the median of no values is a number")
	}
}

// TestPaired checks that a slow lap does not change the ratios.
func TestPaired(t *testing.T) {
	r := paired([]float64{2, 20, 2}, []float64{1, 10, 1})
	if s := spreadOf(r); s != (spread{2, 2, 2}) {
		t.Errorf("%v", s)
	}
}

func TestNumbers(t *testing.T) {
	for want, got := range map[string]string{
		"1.23": short(1.234), "0.0451": short(0.04512), "123": short(123.4), "1234567": short(1234567),
		"999 ns": nanos(999), "9999 ns": nanos(9999), "10 µs": nanos(10_000), "2.5 ms": nanos(2.5e6), "3 s": nanos(3e9),
		"50 %": percent(spread{3, 4, 5}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
