package nodes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
)

var epoch = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// A world is a store, its mail and its people, a node that lives and one that
// is killed.
type world struct {
	t         *testing.T
	config    config
	post      *post
	survivor  *node
	victim    *process          // nil: start one
	reference *node             // nobody is killed there
	elsewhere people            // of the reference
	shapes    map[string]string // of accounts there
	copy      *node             // on a store of its own, with the same Directory, which takes nothing from it
	users     int
	mark      string // how PostgreSQL knows the connections of the victim

	killed, repeated int // processes, mails that came once more
}

func newWorld(t *testing.T, store string) *world {
	t.Helper()
	w := &world{t: t, post: openPost(t), shapes: map[string]string{}, mark: "authn-test-" + rand.Text()[:8]}
	w.config = config{
		Store: store, Relay: w.post.addr, People: t.TempDir(),
		Policy: authn.Policy{SessionLife: 5 * time.Minute}, // a recovery takes time
	}
	w.survivor = w.open(w.config)
	c := w.config
	c.Store, c.Spoil = host.Memory, "takes nothing"
	w.copy = w.open(c)
	w.elsewhere = people(t.TempDir())
	c.People, c.Spoil = string(w.elsewhere), ""
	w.reference = w.open(c)
	return w
}

// open makes a node in this process.
func (w *world) open(c config) *node {
	w.t.Helper()
	n, err := c.open(w.t.Context(), &points{say: func(save) {}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { n.storage.Close() })
	return n
}

// live is a node that lives, as a server.
func (n *node) live(now time.Time, rs ...request) ([]reply, error) {
	return n.serve(context.Background(), now, rs), nil
}

func (l *ledger) live(now time.Time, rs ...request) ([]reply, error) {
	return l.survivor.live(now, rs...)
}

func (l *ledger) account() (account, error) {
	return l.survivor.account(l.t.Context(), l.user)
}

// mortal is the node that dies at a point, as a server; at 0 it lives on.
func (l *ledger) mortal(point int) server {
	return func(now time.Time, rs ...request) ([]reply, error) {
		if l.victim == nil {
			p, err := l.marked().run()
			if err != nil {
				return nil, err
			}
			l.t.Cleanup(p.kill)
			l.victim = p
		}
		l.victim.told = l.note
		replies, err := l.victim.serve(now, point, rs...)
		if err != nil {
			l.victim = nil
		}
		if errors.Is(err, errDied) {
			l.killed++
		}
		return replies, err
	}
}

func (w *world) marked() config {
	c := w.config
	if u, err := url.Parse(c.Store); err == nil && u.Scheme == "postgres" {
		q := u.Query()
		q.Set("application_name", w.mark)
		u.RawQuery = q.Encode()
		c.Store = u.String()
	}
	return c
}

// settled waits until PostgreSQL has carried out, or thrown away, what a dead
// node had sent. The other stores are files.
func (w *world) settled(ctx context.Context) error {
	u, err := url.Parse(w.config.Store)
	if err != nil || u.Scheme != "postgres" {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	const alive = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
	for n := 1; n > 0; {
		if err := w.survivor.storage.DB.QueryRowContext(ctx, alive, w.mark).Scan(&n); err != nil {
			return fmt.Errorf("a dead node is still connected: %w", err)
		}
	}
	return nil
}
