//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime returns the CPU time of the process on all cores. Unlike elapsed time,
// it does not grow with the load of other processes.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
