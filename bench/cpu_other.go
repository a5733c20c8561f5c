//go:build !unix

package main

import "time"

var began = time.Now()

// cpuTime falls back on the clock on the wall.
func cpuTime() time.Duration { return time.Since(began) }
