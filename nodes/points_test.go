package nodes

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/authnfsm/authn"
)

// points are the moments at which a node may die: before, during and after
// each call of a port that leaves the process.
type points struct {
	say func(save) // tells the test of each save

	mu   sync.Mutex // guards what follows
	left int        // points until it dies; 0: it lives
}

// A save is what a node tells of one, before it and, if it came back without
// an error, after it.
type save struct {
	Done     bool
	Key      string
	Old, New uint64
	Sum      [32]byte // of the value
}

// dieAt lets the node die at the n-th point from now on, 0 never.
func (p *points) dieAt(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = n
}

// reached says that the node dies now.
func (p *points) reached() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left > 0 {
		p.left--
		return p.left == 0
	}
	return false
}

// die ends the process as a power cut would.
func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}

// around carries out a call between its points. One that dies during it does
// so a little after its start.
func (p *points) around(call func() error) error {
	if p.reached() {
		die()
	}
	during := p.reached()
	if during {
		go func() {
			time.Sleep(rand.N(2 * time.Millisecond))
			die()
		}()
	}
	err := call()
	if during {
		select {}
	}
	if p.reached() {
		die()
	}
	return err
}

// watch puts the points around the ports.
func (p *points) watch(c *authn.Config) {
	c.Store = watchedStore{c.Store, c.Store.(authn.Sweeper), p}
	c.Mailer = watchedSender{c.Mailer, p}
	for channel, s := range c.Senders {
		c.Senders[channel] = watchedSender{s, p}
	}
	c.Directory = watchedDirectory{c.Directory, p}
	c.Passwords = watchedVault{c.Passwords, p}
	for i := range c.Gates {
		c.Gates[i].Keeper = watchedPorter{c.Gates[i].Keeper, p}
	}
	if c.Auditor != nil {
		c.Auditor = watchedAuditor{c.Auditor, p}
	}
}

// watchedStore is no [authn.Clock]: the clock of the test is not the server's.
type watchedStore struct {
	authn.Store
	authn.Sweeper
	p *points
}

func (s watchedStore) Load(ctx context.Context, key string) (r authn.Record, err error) {
	err = s.p.around(func() error {
		r, err = s.Store.Load(ctx, key)
		return err
	})
	return r, err
}

func (s watchedStore) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	told := save{Key: key, Old: old, New: r.Version, Sum: sha256.Sum256(r.Value)}
	return s.p.around(func() error {
		s.p.say(told)
		err := s.Store.Save(ctx, key, old, r)
		if err == nil {
			told.Done = true
			s.p.say(told)
		}
		return err
	})
}

type watchedSender struct {
	authn.Sender
	p *points
}

func (m watchedSender) Send(ctx context.Context, msg authn.Message) error {
	return m.p.around(func() error { return m.Sender.Send(ctx, msg) })
}

type watchedDirectory struct {
	authn.Directory
	p *points
}

func (d watchedDirectory) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	return d.p.around(func() error { return d.Directory.Activated(ctx, key, user, f) })
}

type watchedAuditor struct {
	authn.Auditor
	p *points
}

func (a watchedAuditor) Audit(ctx context.Context, e authn.AuditEvent) error {
	if e.Key == "" { // told once, whatever comes of it
		return nil
	}
	return a.p.around(func() error { return a.Auditor.Audit(ctx, e) })
}
