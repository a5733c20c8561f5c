package script

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// Clear deletes every record that the script created.
func (s *Stage) Clear(ctx context.Context) error {
	all, err := s.world.Records(ctx)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		v := all[key].Version
		err = errors.Join(err, s.world.Base.Save(ctx, key, v, authn.Record{Version: v ^ 1}))
	}
	return err
}

// user reads the factors of a user, "mail ACTIVE ada@example.com required, spare
// NOT_SETUP …", "no factors" or "closed".
func (s *Stage) user(name, list string) error {
	var fs []authn.Factor
	switch strings.TrimSpace(list) {
	case "closed":
		s.world.Remove(name)
		return nil
	case "no factors":
	default:
		var err error
		if fs, err = readFactors(list); err != nil {
			return err
		}
	}
	s.world.SetFactors(name, fs...)
	return nil
}

// mode makes a port of the world work, or fail in one of several ways. The
// mailer may end the whole process; the store may lose the answer to its next
// Save; a deaf directory fails to activate, a fixed one changes nothing.
func (s *Stage) mode(port, mode string) error {
	down := authntest.Fault{Err: authntest.ErrDown}
	methods := map[string][]authntest.Port{
		"mailer": {authntest.Send}, "directory": {authntest.Factors, authntest.Activated}, "store": {authntest.Load, authntest.Save, authntest.Due},
	}[port]
	s.world.Heal(methods...)
	switch port + " " + mode {
	case "mailer works", "directory works", "store works":
	case "mailer down", "directory down", "store down":
		for _, m := range methods {
			s.world.Fail(m, down)
		}
	case "mailer refuses":
		s.world.Fail(authntest.Send, authntest.Fault{Err: fmt.Errorf("no such mailbox: %w", authn.ErrUndeliverable)})
	case "mailer dies":
		s.world.FailOnce(authntest.Send, authntest.Fault{Exit: true})
	case "directory deaf":
		s.world.Fail(authntest.Activated, down)
	case "directory fixed":
		s.world.Fail(authntest.Activated, authntest.Fault{Forget: true})
	case "store swallows":
		s.world.FailOnce(authntest.Save, authntest.Fault{Err: authntest.ErrDown, After: true})
	default:
		return fmt.Errorf("%q: unknown mode", port+" "+mode)
	}
	return nil
}

// limit plans that the limiter asks to wait; a wait of 0 allows the request.
func (s *Stage) limit(_ context.Context, c authntest.Call) (f authntest.Fault) {
	if c.Port == authntest.Allow && s.wait > 0 {
		f.RetryAt = s.world.Now().Add(s.wait)
	}
	return f
}
