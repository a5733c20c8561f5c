package operate

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

func resealFlags(fs *flag.FlagSet) action {
	dry := fs.Bool("dry", false, "count only, change nothing")
	return func(ctx context.Context, r *run) error { return r.reseal(ctx, *dry) }
}

// resealed is the result of reseal.
type resealed struct {
	InUse      uint32            `json:"inUse"`      // the key that seals
	Accounts   int               `json:"accounts"`   // that were looked at
	Resealed   int               `json:"resealed"`   // or with -dry, would be
	Unreadable int               `json:"unreadable"` // records that were left alone
	Needed     map[uint32]needed `json:"needed"`     // other keys, by id
}

// needed says what is left of a key in records: codes, session tokens and data that are
// owed.
type needed struct {
	Accounts int       `json:"accounts"`
	Owed     int       `json:"owed"`               // accounts that owe something, which has no end
	Until    time.Time `json:"until,omitzero"`     // when the last sign-in of those accounts ends
	Sealed   int       `json:"sealedBy,omitempty"` // accounts whose record it still seals
}

// reseal seals every record with the key in use.
func (r *run) reseal(ctx context.Context, dry bool) error {
	if !dry {
		if err := r.sameTime(ctx); err != nil {
			return err
		}
	}
	res := resealed{InUse: r.cfg.Keys[0].ID, Needed: map[uint32]needed{}}
	err := r.each(ctx, func(a *authn.AccountInfo) (bool, error) {
		res.Accounts++
		if a.SealedBy != res.InUse {
			res.Resealed++
			if !dry {
				return true, r.resealOne(ctx, a, &res)
			}
		}
		res.add(a)
		return true, nil
	}, &res.Unreadable)
	if err != nil {
		return err
	}
	if err := r.print(res, func(w io.Writer) { r.resealedText(w, &res, dry) }); err != nil {
		return err
	}
	return unreadable(res.Unreadable)
}

// resealOne seals one record, and notes what it needs afterwards.
func (r *run) resealOne(ctx context.Context, a *authn.AccountInfo, res *resealed) error {
	did, err := r.svc.ResealRecord(ctx, a.Account)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Account, err)
	}
	if !did { // it is gone, or somebody else was faster
		res.Resealed--
	}
	after, err := r.svc.AccountByKey(ctx, a.Account)
	if err == nil {
		res.add(&after)
	}
	return err
}

// add notes the other keys that an account needs.
func (res *resealed) add(a *authn.AccountInfo) {
	for _, id := range a.Keys {
		if id == res.InUse {
			continue
		}
		n := res.Needed[id]
		n.Accounts++
		if id == a.SealedBy {
			n.Sealed++
		}
		if len(a.Owed) > 0 {
			n.Owed++
		}
		for _, t := range a.Transactions {
			if !ended(&t) && t.Expires.After(n.Until) {
				n.Until = t.Expires
			}
		}
		res.Needed[id] = n
	}
}

func (r *run) resealedText(w io.Writer, res *resealed, dry bool) {
	what := "sealed anew"
	if dry {
		what = "to be sealed anew"
	}
	fmt.Fprintf(w, "%s, %d %s with key %d, %d unreadable\n", count(res.Accounts, "account"), res.Resealed, what, res.InUse, res.Unreadable)
	for _, id := range slices.Sorted(maps.Keys(res.Needed)) {
		n := res.Needed[id]
		fmt.Fprintf(w, "key %d is needed by %s", id, count(n.Accounts, "account"))
		if n.Sealed > 0 {
			fmt.Fprintf(w, ", of which it seals %d", n.Sealed)
		}
		if !n.Until.IsZero() {
			fmt.Fprintf(w, ", sign-ins end until %s", when(n.Until, r.svc.Now()))
		}
		if n.Owed > 0 {
			fmt.Fprintf(w, ", %d owe something", n.Owed)
		}
		fmt.Fprintln(w)
	}
	if len(r.cfg.Keys) < 2 {
		return
	}
	if len(res.Needed) > 0 {
		fmt.Fprintf(w, "next: when that is over, run it again; then take the key out of all nodes\n")
		return
	}
	fmt.Fprintln(w, "next: seal Factor.Data of your Directory with Service.Reseal, if there are any; then take the old keys out of all nodes")
}
