package main

import (
	"math"
	"slices"
)

// A spread is the median of values and the quartiles around it.
type spread struct{ low, mid, high float64 }

// spreadOf returns the quartiles.
func spreadOf(xs []float64) spread {
	s := slices.Sorted(slices.Values(xs))
	return spread{quantile(s, 0.25), quantile(s, 0.5), quantile(s, 0.75)}
}

// quantile interpolates between the two nearest of the sorted values.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	f := at - float64(i)
	return sorted[i]*(1-f) + sorted[i+1]*f
}

// paired divides the values of each lap: a disturbance that affects both mostly
// cancels out.
func paired(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}
