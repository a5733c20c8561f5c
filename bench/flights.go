package main

import (
	"context"
	"net"
	"sync/atomic"
)

// flights counts round trips: how often a connection sent data after it had
// received data.
type flights struct{ n atomic.Int64 }

// dial is the dial function of a driver.
func (f *flights) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &counted{Conn: c, to: &f.n}, nil
}

type counted struct {
	net.Conn
	to   *atomic.Int64
	sent atomic.Bool // data was sent and none received since
}

func (c *counted) Write(b []byte) (int, error) {
	if c.sent.CompareAndSwap(false, true) {
		c.to.Add(1)
	}
	return c.Conn.Write(b)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.sent.Store(false)
	}
	return n, err
}
