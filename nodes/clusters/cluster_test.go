package clusters

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/storetest"
)

const memberEnv = "AUTHN_TEST_MEMBER"

func TestMain(m *testing.M) {
	debug.SetGCPercent(400)                        // most of what is made is soon dead
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of stores that may forget
	storetest.Serve(openWhere)
	if spec := os.Getenv(memberEnv); spec != "" {
		beMember(spec)
	}
	os.Exit(m.Run())
}

// A kind is a kind of cluster.
type kind struct {
	name  string
	serve func(member) error // runs a member, and returns when it has started

	// dial connects a client. Its stores, of the same name, have the same records.
	dial func(ctx context.Context, addrs []string) (client, error)
}

// A client is connected to a cluster.
type client interface {
	open(ctx context.Context, name string) (authn.Store, error)
	wipe(ctx context.Context, name string) error // deletes all records, in no particular way
	leader(ctx context.Context, name string) (int, error)
	Close() error
}

var kinds = []kind{etcd, jetStream}

func kindOf(name string) kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	panic(name)
}

// A member is one process of a cluster.
type member struct {
	Kind    string
	Index   int
	Dir     string
	Clients []string // addresses of all members, for clients
	Peers   []string // and for each other
}

func (m member) name() string { return fmt.Sprint("m", m.Index) }

// beMember is the life of a member: it ends when its parent does, or is killed.
func beMember(spec string) {
	var m member
	err := json.Unmarshal([]byte(spec), &m)
	if err == nil {
		err = kindOf(m.Kind).serve(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "member:", err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// A cluster is a number of members.
type cluster struct {
	kind
	t       *testing.T
	members []member
	running []*exec.Cmd // nil: killed
	one     client      // of the test itself
}

// startCluster starts members with their own data, on ports that are free.
func startCluster(t *testing.T, k kind, members int) *cluster {
	t.Helper()
	c := &cluster{kind: k, t: t, running: make([]*exec.Cmd, members)}
	var addrs []string
	for _, port := range servers.Ports(t, 2*members) {
		addrs = append(addrs, fmt.Sprintf("127.0.0.1:%d", port))
	}
	clients, peers := addrs[:members], addrs[members:]
	for i := range members {
		c.members = append(c.members, member{k.name, i, filepath.Join(t.TempDir(), fmt.Sprint(i)), clients, peers})
	}
	t.Cleanup(func() {
		if c.one != nil {
			c.one.Close()
		}
		for i := range c.members {
			c.kill(i)
		}
	})
	for i := range c.members {
		c.start(i)
	}
	c.one = c.client(t)
	return c
}

func (c *cluster) start(i int) {
	c.t.Helper()
	spec, err := json.Marshal(c.members[i])
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), memberEnv+"="+string(spec))
	cmd.Stderr = os.Stderr
	if _, err = cmd.StdinPipe(); err == nil { // which ends with this process
		err = cmd.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.running[i] = cmd
}

// kill ends a member as a crash would.
func (c *cluster) kill(i int) {
	if cmd := c.running[i]; cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		c.running[i] = nil
	}
}

// findLeader says which member leads a store.
func (c *cluster) findLeader(name string) (leader int, err error) {
	err = persist(func(ctx context.Context) (err error) {
		leader, err = c.one.leader(ctx, name)
		return err
	})
	return leader, err
}

// killLeader kills the leader of a store and returns which member that was.
func (c *cluster) killLeader(name string) (killed int, err error) {
	if killed, err = c.findLeader(name); err == nil {
		c.kill(killed)
	}
	return killed, err
}

// client connects a client.
func (c *cluster) client(t *testing.T) (conn client) {
	t.Helper()
	c.await("a client", func(ctx context.Context) (err error) {
		conn, err = c.dial(ctx, c.members[0].Clients)
		return err
	})
	return conn
}

// store opens a store with a client of its own.
func (c *cluster) store(t *testing.T, name string) authn.Store {
	t.Helper()
	conn := c.client(t)
	t.Cleanup(func() { conn.Close() })
	return c.open(conn, name)
}

func (c *cluster) open(conn client, name string) (s authn.Store) {
	c.t.Helper()
	c.await("a store", func(ctx context.Context) (err error) {
		s, err = conn.open(ctx, name)
		return err
	})
	return s
}

// patience is for a cluster to elect a leader, on a machine that is busy.
const patience = 2 * time.Minute

// await fails the test if there is an error each time.
func (c *cluster) await(what string, try func(context.Context) error) {
	c.t.Helper()
	if err := persist(try); err != nil {
		c.t.Fatalf("%s: no %s: %v", c.kind.name, what, err)
	}
}

// persist tries until there is no error, or returns the last.
func persist(try func(context.Context) error) error {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	for {
		once, stop := context.WithTimeout(ctx, 5*time.Second)
		err := try(once)
		stop()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// where is what a process needs to open a store.
type where struct {
	Kind, Name string
	Clients    []string
}

func (c *cluster) where(name string) string {
	b, _ := json.Marshal(where{c.kind.name, name, c.members[0].Clients})
	return string(b)
}

// openWhere opens a store in a process that is only a client.
func openWhere(spec string) (authn.Store, error) {
	var w where
	if err := json.Unmarshal([]byte(spec), &w); err != nil {
		return nil, err
	}
	conn, err := kindOf(w.Kind).dial(context.Background(), w.Clients)
	if err != nil {
		return nil, err
	}
	return conn.open(context.Background(), w.Name)
}
