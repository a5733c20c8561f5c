//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime is what the process has used so far, on all cores. Others on the
// machine lengthen the time on the wall, but not this.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
