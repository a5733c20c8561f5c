//go:build !unix

package main

import "time"

var began = time.Now()

// cpuTime returns the elapsed time, since the CPU time is not available.
func cpuTime() time.Duration { return time.Since(began) }
