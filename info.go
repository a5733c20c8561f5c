package authn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// AccountInfo is what an operator asks about an account: what is stored of it, and what
// follows from that at a moment, by the policy and the keys of the service that says so;
// the Directory is not asked. It holds no secret and no address. The caller owns it.
type AccountInfo struct {
	AccountView
	Account  string    `json:"account"`            // the key of its record: a pseudonym of the user, as in audit events
	At       time.Time `json:"at"`                 // the moment
	Due      time.Time `json:"due,omitzero"`       // when Tend looks at it next; zero: there is no record
	LockEnds time.Time `json:"lockEnds,omitzero"`  // end of the lock in force: the soft lock, or a budget of wrong codes; zero: none
	Budgets  []Budget  `json:"budgets,omitempty"`  // of the account, in the order of [Policy]
	SealedBy uint32    `json:"sealedBy,omitempty"` // ID of the key that seals the record; 0: there is no record
	Keys     []uint32  `json:"keys,omitempty"`     // IDs of all keys without which something in the record is lost, in ascending order
}

// A Budget is how much of a limit of an account is used.
type Budget struct {
	Policy string    `json:"policy"` // the field of [Policy]: "FailuresPerDay"
	Used   int       `json:"used"`
	Of     int       `json:"of"`
	FreeAt time.Time `json:"freeAt,omitzero"` // when one more fits; zero: now, or only after [Service.Reinstate]
}

// Account describes the account of a user, for operators. A user without a record has an
// AccountInfo whose SealedBy is 0. It changes nothing and reads once from the store. A
// record that cannot be opened is an error that wraps [ErrCorrupt] and [ErrUnavailable].
func (s *Service) Account(ctx context.Context, user string) (AccountInfo, error) {
	if !validUser(user) {
		return AccountInfo{}, &Refusal{Event: EventInspect, Err: ErrMalformed}
	}
	return s.info(ctx, s.m.Key(user))
}

// AccountByKey is Account by the key of the record: the pseudonym in audit events and
// traces. The key of another tenant's record is [ErrMalformed].
func (s *Service) AccountByKey(ctx context.Context, account string) (AccountInfo, error) {
	if !s.m.isKey(account) {
		return AccountInfo{}, &Refusal{Event: EventInspect, Err: ErrMalformed}
	}
	return s.info(ctx, account)
}

// Accounts yields every account of the tenant that has a record, in any order; one that
// is saved meanwhile may come twice, one that is created or deleted may be missing. The
// store must be a [Lister].
//
// An error that wraps [ErrCorrupt] is about one record, whose key is in Account, and more
// accounts follow. After any other error there are none.
func (s *Service) Accounts(ctx context.Context) iter.Seq2[AccountInfo, error] {
	return func(yield func(AccountInfo, error) bool) {
		lister, ok := s.cfg.Store.(Lister)
		if !ok {
			yield(AccountInfo{}, errors.New("authn: the Store is no Lister"))
			return
		}
		for key, err := range lister.Keys(ctx) {
			if err != nil {
				yield(AccountInfo{}, fmt.Errorf("%w: keys: %w", ErrUnavailable, err))
				return
			}
			if !s.m.isKey(key) {
				continue
			}
			info, err := s.info(ctx, key)
			if err == nil && info.SealedBy == 0 {
				continue // deleted meanwhile
			}
			if !yield(info, err) || err != nil && !errors.Is(err, ErrCorrupt) {
				return
			}
		}
	}
}

// ResealRecord seals the record of an account anew if another key than the one in use
// seals it, and says whether it has. Tend does so at least every 90 days by itself: call
// it for all accounts to take a key out of [Config].Keys earlier. Nothing else in the
// record changes, so what AccountInfo.Keys names besides stays until it ends.
// It is safe while the account signs in.
func (s *Service) ResealRecord(ctx context.Context, account string) (bool, error) {
	if !s.m.isKey(account) {
		return false, &Refusal{Event: EventInspect, Err: ErrMalformed}
	}
	for try := range maxReruns {
		if err := pause(ctx, try); err != nil {
			return false, err
		}
		var a Account
		rec, err := s.read(ctx, account, &a)
		if err != nil || rec.Version == 0 || sealedBy(rec.Value) == s.m.keys[0].id {
			return false, err
		}
		next := s.record(&a, account)
		if !rec.Due.IsZero() && rec.Due.Before(next.Due) {
			next.Due = rec.Due
		}
		if err := s.save(ctx, account, rec.Version, next); !errors.Is(err, ErrConflict) {
			return err == nil, err
		}
	}
	return false, fmt.Errorf("%w: %d save conflicts in a row", ErrUnavailable, maxReruns)
}

// info reads and describes one account.
func (s *Service) info(ctx context.Context, key string) (AccountInfo, error) {
	var a Account
	rec, err := s.read(ctx, key, &a)
	if err != nil {
		return AccountInfo{Account: key, At: s.cfg.Now().UTC(), Due: rec.Due}, err
	}
	info := s.m.info(&a, s.cfg.Now())
	info.Account, info.Due = key, rec.Due
	if rec.Version != 0 {
		info.SealedBy = sealedBy(rec.Value)
		info.Keys = a.keys(info.SealedBy)
	}
	return info, nil
}

// info is what follows from an account at a moment.
func (m *Machine) info(a *Account, at time.Time) AccountInfo {
	now, p := at.UnixNano(), &m.policy
	i := AccountInfo{AccountView: a.View(), At: at.UTC()}
	i.Transactions = nil
	for j := range a.txs {
		if t := &a.txs[j]; t.state != 0 && (t.isLive() || now < t.expires) { // what is over is only not cleared away yet
			v := t.view()
			v.State = m.stateOf(t)
			i.Transactions = append(i.Transactions, v)
		}
	}
	if end := m.lockEnd(a); end > now {
		i.LockEnds = unix(end)
	}
	fails := Budget{Policy: "DisableAfter", Used: int(a.fails), Of: p.DisableAfter}
	i.Budgets = []Budget{
		budget("SendsPerHour", a.sends, p.SendsPerHour, hour, now), budget("SendsPerDay", a.sends, p.SendsPerDay, day, now),
		budget("StartsPerHour", a.starts, p.StartsPerHour, hour, now), budget("FailuresPerDay", a.failures.at, p.FailuresPerDay, day, now),
	}
	if p.FailuresPerYear > 0 {
		i.Budgets = append(i.Budgets, budget("FailuresPerYear", a.failures.at, p.FailuresPerYear, year, now))
	}
	i.Budgets = append(i.Budgets, fails)
	return i
}

func budget(policy string, w window, of int, span time.Duration, now int64) Budget {
	b := Budget{Policy: policy, Used: w.within(now, span), Of: of}
	if at := w.freeAt(of, span); at > now {
		b.FreeAt = unix(at)
	}
	return b
}

// isKey says that it may be the key of an account of this tenant.
func (m *Machine) isKey(key string) bool {
	return m.owns(key) && len(key) == len(m.mark)+2*len(id{}) && strings.Trim(key, "0123456789abcdef") == ""
}

// sealedBy is the id of the key that seals a stored form that could be opened.
func sealedBy(b []byte) uint32 {
	id, _ := binary.Uvarint(b[1:])
	return uint32(id)
}

// keys are the ids of the keys that the account depends on, besides the one that seals it.
func (a *Account) keys(seal uint32) []uint32 {
	ids := []uint32{seal}
	for i := range a.txs {
		t := &a.txs[i]
		if t.code.live {
			ids = append(ids, t.code.key)
		}
		if t.session.live {
			ids = append(ids, t.session.key)
		}
	}
	sealed := []string{a.claim}
	for i := range a.outbox {
		sealed = append(sealed, a.outbox[i].data)
	}
	for _, s := range sealed {
		if b := []byte(s); len(b) > dataHead && b[0] == dataVersion {
			ids = append(ids, binary.BigEndian.Uint32(b[1:]))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
