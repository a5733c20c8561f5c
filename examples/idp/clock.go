package main

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/authnfsm/authn"
)

// clock is the server's. With -dev it can be set forward, never back.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// clockless is a store that does not tell the time: where the server's clock can be
// set forward, it is ahead of the store's on purpose.
type clockless struct {
	authn.Store
	authn.Sweeper
}

const maxAdvance = 366 * 24 * time.Hour

// advance is POST /dev/clock?advance=5m.
func (p *provider) advance(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("advance"))
	if err != nil || d < 0 || d > maxAdvance {
		http.Error(w, "advance: a duration is expected, such as 5m", http.StatusBadRequest)
		return
	}
	p.clock.ahead.Add(int64(d))
	p.changes.tell()
	writeJSON(w, map[string]string{"now": p.clock.now().UTC().Format(time.RFC3339Nano)})
}
