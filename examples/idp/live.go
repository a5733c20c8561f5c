package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// changes wakes whoever shows something that may have changed.
type changes struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed at the next change.
func (c *changes) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ch == nil {
		c.ch = make(chan struct{})
	}
	return c.ch
}

func (c *changes) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ch != nil {
		close(c.ch)
		c.ch = nil
	}
}

// tick is how often a page looks again although nobody told of a change: time
// passes, and another process may share the store.
const tick = 3 * time.Second

// live tells a page, by server-sent events, to fetch its changing part again.
// The event's id is the server's time, for countdowns.
func (p *provider) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		changed := p.changes.next()
		if _, err := fmt.Fprintf(w, "id: %d\ndata: look\n\n", p.clock.now().UnixMilli()); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-p.closing:
			return
		}
	}
}
