package authntest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// A Call is a call of a port in the journal. Only the fields of its port are
// set.
type Call struct {
	N    int // from 1, over all ports
	Port Port
	At   time.Time // by the World's clock
	Done bool      // carried out without an error of its own
	Err  error     // as returned; nil if it panicked or ended its goroutine

	Key     string           // Load, Save: the record's. Send, Activated, Audit: the idempotency key
	Old     uint64           // Save: the version to replace
	Record  authn.Record     // Save: the new record. Load: the record found
	User    string           // Send, Factors, Activated, Audit, Allow
	Message authn.Message    // Send
	Factor  authn.Factor     // Activated
	Event   authn.AuditEvent // Audit
	Attempt authn.Attempt    // Allow
}

// Calls returns the journal: the calls of these ports, or of all ports if none
// is given, oldest first. The caller owns the slice, but must not change the
// records in it.
func (w *World) Calls(ports ...Port) []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(ports) == 0 {
		return slices.Clone(w.calls)
	}
	var cs []Call
	for i := range w.calls {
		if slices.Contains(ports, w.calls[i].Port) {
			cs = append(cs, w.calls[i])
		}
	}
	return cs
}

// tried returns the messages of all attempts after the first n calls in the
// journal, and the length of the journal.
func (w *World) tried(n int) (ms []authn.Message, now int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := n; i < len(w.calls); i++ {
		if w.calls[i].Port == Send {
			ms = append(ms, w.calls[i].Message)
		}
	}
	return ms, len(w.calls)
}

// Forget clears the journal and the inbox. The numbers of calls continue.
func (w *World) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.calls)
	w.calls = w.calls[:0]
}

// Messages returns the inbox of a user, or of all users if user is "": the
// accepted messages, once for each Key, oldest first. The caller owns the
// slice.
func (w *World) Messages(user string) []authn.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ms []authn.Message
	seen := map[string]bool{}
	for i := range w.calls {
		c := &w.calls[i]
		if c.Port != Send || !c.Done || user != "" && c.User != user || c.Key != "" && seen[c.Key] {
			continue
		}
		seen[c.Key] = true
		ms = append(ms, c.Message)
	}
	return ms
}

// Code returns the last code in a user's inbox, or "" if there is none.
func (w *World) Code(user string) authn.Code {
	for _, m := range slices.Backward(w.Messages(user)) {
		if m.Kind == authn.CodeMessage {
			return m.Code
		}
	}
	return ""
}

// Records returns the stored records that were saved through the World, by
// key. It bypasses faults and the journal. The caller owns the result.
func (w *World) Records(ctx context.Context) (map[string]authn.Record, error) {
	w.mu.Lock()
	keys := make([]string, 0, len(w.keys))
	for k := range w.keys {
		keys = append(keys, k)
	}
	w.mu.Unlock()
	all := map[string]authn.Record{}
	for _, k := range keys {
		r, err := w.base().Load(ctx, k)
		switch {
		case err == nil:
			all[k] = r
		case !errors.Is(err, authn.ErrNotFound):
			return nil, err
		}
	}
	return all, nil
}

// View returns the stored account of a user. m is a machine with the tenant,
// the keys and the policy of the service, such as the one of [World.Machine].
// Like [World.Records], it bypasses faults and the journal. A user without a
// record has the zero value.
func (w *World) View(ctx context.Context, m *authn.Machine, user string) (v authn.AccountView, err error) {
	key := m.Key(user)
	r, err := w.base().Load(ctx, key)
	if errors.Is(err, authn.ErrNotFound) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	a, err := m.Open(r.Value, key)
	if err != nil {
		return v, fmt.Errorf("authntest: the record of %q: %w", user, err)
	}
	return a.View(), nil
}

// Machine returns a machine with the tenant and the keys of [World.Config], and
// with that policy.
func (w *World) Machine(p authn.Policy) (*authn.Machine, error) {
	cfg := w.Config()
	return authn.NewMachine(authn.Config{Tenant: cfg.Tenant, Keys: cfg.Keys, PseudonymKey: cfg.PseudonymKey, Policy: p})
}
