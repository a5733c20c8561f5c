package otelauthn

import (
	"context"

	"github.com/authnfsm/authn"
)

// directory observes a Directory.
type directory struct {
	inner              authn.Directory
	factors, activated *operation
}

// contacts and finder are what a Directory may be besides.
type (
	contacts struct {
		inner    authn.Contacts
		contacts *operation
	}
	finder struct {
		inner authn.Finder
		find  *operation
	}
)

// directory wraps a Directory: the wrapper has Contacts and is a Finder if the Directory
// is, and only then.
func (t *Telemetry) directory(d authn.Directory) authn.Directory {
	base := &directory{d, t.operation("directory", "factors"), t.operation("directory", "activated")}
	c, notifies := d.(authn.Contacts)
	f, finds := d.(authn.Finder)
	cs, fr := &contacts{c, t.operation("directory", "contacts")}, &finder{f, t.operation("directory", "find")}
	switch {
	case notifies && finds:
		return struct {
			*directory
			*contacts
			*finder
		}{base, cs, fr}
	case notifies:
		return struct {
			*directory
			*contacts
		}{base, cs}
	case finds:
		return struct {
			*directory
			*finder
		}{base, fr}
	}
	return base
}

func (f *finder) Find(ctx context.Context, c authn.Claimed) (authn.Subject, error) {
	var x running
	ctx = x.begin(ctx, f.find)
	defer x.end()
	s, err := f.inner.Find(ctx, c)
	x.result = resultOf(err)
	return s, err
}

func (d *directory) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	var x running
	ctx = x.begin(ctx, d.factors)
	defer x.end()
	fs, err := d.inner.Factors(ctx, user)
	x.result = resultOf(err)
	return fs, err
}

func (d *directory) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	var x running
	ctx = x.begin(ctx, d.activated)
	defer x.end()
	err := d.inner.Activated(ctx, key, user, f)
	x.result = resultOf(err)
	return err
}

func (d *contacts) Contacts(ctx context.Context, user string) ([]authn.Factor, error) {
	var x running
	ctx = x.begin(ctx, d.contacts)
	defer x.end()
	fs, err := d.inner.Contacts(ctx, user)
	x.result = resultOf(err)
	return fs, err
}
