package smtpmail

import (
	"errors"
	"net"
	"net/textproto"
	"slices"
	"sync"
	"time"
)

// For how long, and for how many mails, a connection is kept. A server waits for the
// next command for 5 minutes at least (RFC 5321 4.5.3.2.7), but many wait less.
const (
	idleTime = 30 * time.Second
	maxMails = 100
	maxKeep  = 100
)

// A connection is one to the server. It has no dialog until it was opened.
type connection struct {
	*dialog
	socket net.Conn // below TLS: closing it ends every read and write
	heard  *boundedConn
	mails  int
	idle   *time.Timer
}

// leave says goodbye to a server that still answers, and closes the connection.
func (c *connection) leave(err error) {
	if answered := new(textproto.Error); c.dialog != nil && (err == nil || errors.As(err, &answered)) {
		c.socket.SetDeadline(time.Now().Add(time.Second)) //nolint:errcheck // it is closed anyway
		_ = c.text.PrintfLine("QUIT")                     // out of politeness; its answer is not worth waiting for
	}
	c.socket.Close()
}

// kept are the connections that wait for the next mail.
type kept struct {
	limit int
	time  time.Duration

	mu   sync.Mutex
	free []*connection // the one used last is the last
}

// put keeps a connection over which a mail has gone, if it may.
func (k *kept) put(c *connection) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.mails++; c.mails >= maxMails || len(k.free) >= k.limit {
		return false
	}
	k.free = append(k.free, c)
	c.idle = time.AfterFunc(k.time, func() { k.drop(c) })
	return true
}

// take returns the connection used last, nil if there is none.
func (k *kept) take() *connection {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.free) == 0 {
		return nil
	}
	c := k.free[len(k.free)-1]
	k.free = k.free[:len(k.free)-1]
	c.idle.Stop()
	c.heard.left = maxAnswers
	return c
}

// drop ends a connection, unless it was taken meanwhile.
func (k *kept) drop(c *connection) {
	k.mu.Lock()
	i := slices.Index(k.free, c)
	if i >= 0 {
		k.free = slices.Delete(k.free, i, i+1)
	}
	k.mu.Unlock()
	if i >= 0 {
		c.leave(nil)
	}
}
