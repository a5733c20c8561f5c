package operate

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

func doctorFlags(fs *flag.FlagSet) action {
	all := fs.Bool("all", false, "also read every record: can it be opened, and by which key?")
	return func(ctx context.Context, r *run) error { return r.doctor(ctx, *all) }
}

// A finding is what doctor says about one thing.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // "ok", "warn" or "fail"
	Says   string `json:"says"`
	Next   string `json:"next,omitempty"` // what to do
}

func ok(check, format string, args ...any) finding {
	return finding{check, "ok", fmt.Sprintf(format, args...), ""}
}

func warn(check, says, next string) finding { return finding{check, "warn", says, next} }
func fail(check, says, next string) finding { return finding{check, "fail", says, next} }

// cannotOpen is the finding of a doctor who comes no further.
func (r *run) cannotOpen(err error) error {
	return r.found([]finding{fail("open", err.Error(), "set right what this says, and run doctor again")})
}

// doctor looks at everything that it can look at without a user.
func (r *run) doctor(ctx context.Context, all bool) error {
	fs := []finding{r.configuration(), r.abilities(), r.clock(ctx)}
	fs = append(fs, r.latency(ctx)...)
	fs = append(fs, r.overdue(ctx))
	if all {
		more, err := r.records(ctx)
		if err != nil {
			return err
		}
		fs = append(fs, more...)
	}
	return r.found(fs)
}

// found prints the findings. Any that is not ok has an exit code.
func (r *run) found(fs []finding) error {
	bad := slices.ContainsFunc(fs, func(f finding) bool { return f.Result != "ok" })
	err := r.print(struct {
		OK       bool      `json:"ok"`
		Findings []finding `json:"findings"`
	}{!bad, fs}, func(w io.Writer) {
		for _, f := range fs {
			fmt.Fprintf(w, "%-4s  %-13s  %s\n", f.Result, f.Check, f.Says)
			if f.Next != "" {
				fmt.Fprintf(w, "%21snext: %s\n", "", f.Next)
			}
		}
	})
	if err == nil && bad {
		return silent(unwell)
	}
	return err
}

// configuration says what is configured, to be compared with that of a node.
func (r *run) configuration() finding {
	var keys, policy []string
	for i, k := range r.cfg.Keys {
		keys = append(keys, fmt.Sprint(k.ID)+[]string{" (in use)", ""}[min(i, 1)])
	}
	p := reflect.ValueOf(r.cfg.Policy)
	for i := range p.NumField() {
		if !p.Field(i).IsZero() {
			policy = append(policy, fmt.Sprintf("%s %v", p.Type().Field(i).Name, p.Field(i).Interface()))
		}
	}
	if policy == nil {
		policy = []string{"all defaults"}
	}
	return ok("configuration", "tenant %q; keys %s; policy: %s", r.cfg.Tenant, strings.Join(keys, ", "), strings.Join(policy, ", "))
}

// abilities says what the store can do besides.
func (r *run) abilities() finding {
	var lacks []string
	for _, x := range []struct {
		has  bool
		what string
	}{
		{is[authn.Sweeper](r.cfg.Store), "is no Sweeper, so nothing can tend"},
		{is[authn.Lister](r.cfg.Store), "is no Lister, so list and reseal cannot work"},
	} {
		if !x.has {
			lacks = append(lacks, x.what)
		}
	}
	if lacks != nil {
		return warn("store", fmt.Sprintf("%T %s", r.cfg.Store, strings.Join(lacks, "; ")), "implement the interface, or pass it on in your wrapper")
	}
	return ok("store", "%T is open: it has looked at its settings and its rights", r.cfg.Store)
}

func is[T any](s authn.Store) bool {
	_, ok := s.(T)
	return ok
}

// clock compares this machine's clock with the store's.
func (r *run) clock(ctx context.Context) finding {
	clock, has := r.cfg.Store.(authn.Clock)
	if !has {
		return ok("clock", "the store has none to compare with")
	}
	var off time.Duration
	for i := range 5 { // the call that takes least says most
		d, err := skew(ctx, clock, r.svc.Now)
		if err != nil {
			return fail("clock", err.Error(), "without its time no node tends: look at the store")
		}
		if i == 0 || d.Abs() > off.Abs() {
			off = d
		}
	}
	says := fmt.Sprintf("this machine is %v %s the store", off.Abs().Round(time.Millisecond), side(off))
	switch {
	case off.Abs() > authn.MaxSkew:
		return fail("clock", says, fmt.Sprintf("synchronize it: with more than %v ahead Tend does nothing, and sign-ins end early", authn.MaxSkew))
	case off.Abs() > 2*time.Second:
		return warn("clock", says, fmt.Sprintf("synchronize it: %v are allowed", authn.MaxSkew))
	}
	return ok("clock", "at most %v from the store's, of %v allowed", max(off.Abs().Round(time.Millisecond), time.Millisecond), authn.MaxSkew)
}

const (
	rounds  = 10
	slow    = 250 * time.Millisecond
	probing = 5 * time.Second
)

// latency saves, loads and deletes a record that has no user, and takes the time.
func (r *run) latency(ctx context.Context) []finding {
	times := map[string][]time.Duration{}
	took := func(what string, f func() error) error {
		start := time.Now()
		err := f()
		times[what] = append(times[what], time.Since(start))
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	for range rounds {
		if err := r.probe(ctx, took); err != nil {
			return []finding{fail("latency", err.Error(), "look at the store, and at the rights of its user")}
		}
	}
	var fs []finding
	for _, what := range []string{"save", "load"} {
		all := slices.Sorted(slices.Values(times[what]))
		median, worst := all[len(all)/2], all[len(all)-1]
		says := fmt.Sprintf("%v, at worst %v, of %d", median.Round(10*time.Microsecond), worst.Round(10*time.Microsecond), len(all))
		if median > slow {
			fs = append(fs, warn(what, says, "a step is one load and one or two saves: look at the store, and at the network between"))
			continue
		}
		fs = append(fs, ok(what, "%s", says))
	}
	return fs
}

// probe is one round of latency.
func (r *run) probe(ctx context.Context, took func(string, func() error) error) (err error) {
	s, key := r.cfg.Store, "doctor-"+rand.Text()
	var b [8]byte
	rand.Read(b[:])
	rec := authn.Record{Value: make([]byte, 512), Version: binary.LittleEndian.Uint64(b[:]) | 1}
	defer func() {
		if err == nil {
			return
		}
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), probing)
		defer stop()
		_ = s.Save(ctx, key, rec.Version, authn.Record{Version: rec.Version})
	}()
	if err := took("save", func() error { return s.Save(ctx, key, 0, rec) }); err != nil {
		return err
	}
	if err := took("load", func() error {
		got, err := s.Load(ctx, key)
		if err == nil && got.Version != rec.Version {
			err = errors.New("it is not what was saved: does the store read from a replica?")
		}
		return err
	}); err != nil {
		return err
	}
	return took("save", func() error { return s.Save(ctx, key, rec.Version, authn.Record{Version: rec.Version}) })
}

// late is how long a record may be due before it is a finding: Tend is called every ten
// seconds or so.
const late = 2 * time.Minute

// overdue says whether somebody tends.
func (r *run) overdue(ctx context.Context) finding {
	sw, has := r.cfg.Store.(authn.Sweeper)
	if !has {
		return ok("tend", "the store is no Sweeper: nothing to look at")
	}
	now := r.svc.Now()
	keys, err := sw.Due(ctx, now.Add(-late), 1000)
	if err != nil {
		return fail("tend", err.Error(), "look at the store")
	}
	n, bad := 0, 0
	var first time.Time
	for _, k := range keys {
		info, err := r.svc.AccountByKey(ctx, k)
		switch {
		case errors.Is(err, authn.ErrMalformed): // another tenant's
		case errors.Is(err, authn.ErrCorrupt):
			bad++
		case err != nil:
			return fail("tend", err.Error(), "look at the store")
		case info.SealedBy != 0 && info.Due.Before(now.Add(-late)):
			if n++; first.IsZero() {
				first = info.Due
			}
		}
	}
	switch {
	case n > 0:
		return warn("tend", fmt.Sprintf("%s overdue, the first since %s", count(n, "record"), when(first, now)),
			"does a node call Service.Tend, and with what error? What is owed to an Auditor is taken up only by a service that has one")
	case bad > 0:
		return warn("tend", fmt.Sprintf("%s overdue that cannot be opened", count(bad, "record")), r.name+" doctor -all")
	}
	return ok("tend", "nothing has been due for more than %s", short(late))
}

// records reads all of them.
func (r *run) records(ctx context.Context) ([]finding, error) {
	var n, locked, disabled, owing, bad int
	seals, needs := map[uint32]int{}, map[uint32]int{}
	err := r.each(ctx, func(a *authn.AccountInfo) (bool, error) {
		n++
		seals[a.SealedBy]++
		for _, id := range a.Keys {
			needs[id]++
		}
		switch {
		case a.Disabled:
			disabled++
		case a.LockEnds.After(a.At):
			locked++
		}
		if len(a.Owed) > 0 {
			owing++
		}
		return true, nil
	}, &bad)
	if err != nil {
		return nil, err
	}
	fs := []finding{ok("accounts", "%d, of which %d locked, %d disabled, %d owe something", n, locked, disabled, owing)}
	if bad > 0 {
		fs = append(fs, fail("records", fmt.Sprintf("%s cannot be opened: see above", count(bad, "record")),
			"does a node have a key that this program lacks? If not, they were altered: unlock -replace USER"))
	}
	var use []string
	for _, id := range slices.Sorted(maps.Keys(needs)) {
		use = append(use, fmt.Sprintf("%d seals %d and is needed by %d", id, seals[id], needs[id]))
	}
	return append(fs, r.keysInUse(n, seals, needs, use)), nil
}

// keysInUse compares the keys that records need with those of this program: what it saves
// is sealed with its first key, which a node may lack.
func (r *run) keysInUse(n int, seals, needs map[uint32]int, use []string) finding {
	if n == 0 {
		return ok("keys", "no record needs one")
	}
	f := ok("keys", "%s", strings.Join(use, "; "))
	if first := r.cfg.Keys[0].ID; seals[first] == 0 {
		return warn("keys", f.Says, fmt.Sprintf("key %d seals nothing yet: is key %[1]d the first one on every node? Until it is, change nothing from here", first))
	}
	for _, k := range r.cfg.Keys[1:] {
		if needs[k.ID] > 0 {
			return warn("keys", f.Says, fmt.Sprintf("before key %d goes: %s reseal", k.ID, r.name))
		}
	}
	return f
}
