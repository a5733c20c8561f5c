package authntest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// A Call is one call of a port, as the journal has it. Only the fields of its
// port are set.
type Call struct {
	N    int // from 1, over all ports
	Port Port
	At   time.Time // by the World's clock
	Done bool      // it was carried out; false also if it then found nothing to do
	Err  error     // what it returned; nil for one that panicked or ended its goroutine

	Key     string           // Load, Save: the record's. Send, Activated, Audit: the idempotency key
	Old     uint64           // Save: the version that was to be replaced
	Record  authn.Record     // Save: what was to be saved. Load: what was found
	User    string           // Send, Factors, Activated, Audit, Allow
	Message authn.Message    // Send
	Factor  authn.Factor     // Activated
	Event   authn.AuditEvent // Audit
	Attempt authn.Attempt    // Allow
}

// Calls returns the journal: every call of the ports that are named, or of all
// if none is, the oldest first. The caller owns the slice, and must not
// change the records in it.
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

// tried are the messages that were tried from the n-th call in the journal on,
// and how long the journal is.
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

// Forget empties the journal, and with it the inbox. Calls go on counting.
func (w *World) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = nil
}

// Messages is the inbox of a user, or of all users if user is "": what was
// accepted, once for each Key, the oldest first. The caller owns the slice.
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

// Code returns the code that reached a user last; "" if none did.
func (w *World) Code(user string) authn.Code {
	for _, m := range slices.Backward(w.Messages(user)) {
		if m.Kind == authn.CodeMessage {
			return m.Code
		}
	}
	return ""
}

// Records returns every record that was saved through the World and is still
// in the store, by key. It reads past all faults and leaves no trace in the
// journal. The caller owns the result.
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

// View returns the account of a user as it is stored. m is a machine with the
// tenant, the keys and the policy of the service, such as [World.Machine]
// makes. Like [World.Records] it reads past all faults. A user without a
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

// Machine returns the bare machine of [World.Config], with that policy.
func (w *World) Machine(p authn.Policy) (*authn.Machine, error) {
	cfg := w.Config()
	return authn.NewMachine(cfg.Tenant, cfg.Keys, cfg.PseudonymKey, p)
}
