package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// compared lists the modules whose versions are on the page.
var compared = []string{
	"github.com/looplab/fsm", "github.com/qmuntal/stateless", "github.com/jackc/pgx/v5", "github.com/go-sql-driver/mysql",
	"modernc.org/sqlite", "github.com/redis/go-redis/v9",
}

// about writes the last section of the page: machine, versions and date.
func about(b *strings.Builder, p *plan, now time.Time) {
	t := table{head: []string{"", ""}}
	t.add("date", now.UTC().Format("2 January 2006"))
	t.add("processor", fmt.Sprintf("%s, %d cores", fileField("/proc/cpuinfo", "model name"), runtime.NumCPU()))
	t.add("instructions for SHA-256", shaInstructions())
	t.add("memory", fileField("/proc/meminfo", "MemTotal"))
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	t.add("system", strings.TrimSpace(fmt.Sprintf("%s/%s %s", runtime.GOOS, runtime.GOARCH, kernel)))
	if p.load != "" {
		t.add("runnable programs just before", p.load)
	}
	t.add("Go", runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if slices.Contains(compared, d.Path) {
				t.add(d.Path, d.Version)
			}
		}
	}
	b.WriteString("\n## Machine and versions\n")
	t.markdown(b)
}

// shaInstructions says whether the processor hashes by itself, on which the figures of steps
// and of the Service depend.
func shaInstructions() string {
	flags := strings.Fields(fileField("/proc/cpuinfo", "flags") + " " + fileField("/proc/cpuinfo", "Features"))
	switch {
	case slices.Contains(flags, "sha_ni"), slices.Contains(flags, "sha2"):
		return "yes"
	case len(flags) > 2:
		return "no"
	}
	return "unknown"
}

// fileField returns the value of a line "name: value" of a system file.
func fileField(path, name string) string {
	raw, _ := os.ReadFile(path)
	for line := range strings.Lines(string(raw)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
