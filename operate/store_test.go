package operate_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/storetest"
)

// reseal seals with the key in use, keeps sign-ins alive, and says until when the old key
// is needed.
func TestReseal(t *testing.T) {
	r := newRig(t)
	r.town()
	a, code := r.begin("hal")
	r.cfg.Keys = []authn.Key{{ID: 2, Secret: secret("2")}, r.cfg.Keys[0]}
	r.open()
	seals := func() map[uint32]int {
		n := map[uint32]int{}
		for info, err := range r.svc.Accounts(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n[info.SealedBy]++
		}
		return n
	}
	r.want(0, []string{"reseal", "-dry"}, "8 accounts, 8 to be sealed anew with key 2", "key 1 is needed by 8 accounts, of which it seals 8", "1 owe something", "run it again")
	r.want(0, []string{"reseal", "-dry", "-json"}, `"resealed":8`)
	if got := seals(); !maps.Equal(got, map[uint32]int{1: 8}) {
		t.Errorf("-dry has changed records: %v", got)
	}
	r.want(5, []string{"doctor", "-all"}, "1 seals 8 and is needed by 8", "is key 2 the first one on every node?")
	r.want(0, []string{"reseal"}, "8 accounts, 8 sealed anew with key 2, 0 unreadable", "key 1 is needed by 4 accounts, sign-ins end until 2026-03-01 12:50:30Z")
	r.want(5, []string{"doctor", "-all"}, "1 seals 0 and is needed by 4; 2 seals 8 and is needed by 8", "before key 1 goes: authnctl reseal")
	if got := seals(); !maps.Equal(got, map[uint32]int{2: 8}) {
		t.Errorf("sealed: %v", got)
	}
	if out := r.want(0, []string{"reseal", "-json"}); !strings.Contains(out, `"inUse":2,"accounts":8,"resealed":0,"unreadable":0,"needed":{"1":{"accounts":4,"owed":1,"until":"2026-03-01T12:50:30Z"}}`) {
		t.Error(out)
	}
	if a, err := r.svc.Do(t.Context(), a.Token, authn.Verify{Code: code}); err != nil || a.State != authn.Success {
		t.Errorf("a sign-in under way: %v, %v", a, err)
	}
	r.now = r.now.Add(time.Hour)
	if _, err := r.svc.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(0, []string{"reseal"}, "Service.Reseal", "take the old keys out")
	r.cfg.Keys = r.cfg.Keys[:1]
	r.open()
	r.want(0, []string{"doctor", "-all"}, "2 seals")
}

// A record that cannot be opened is never taken for a fresh account: the program may be
// the one that is wrong.
func TestUnreadable(t *testing.T) {
	r := newRig(t)
	r.town()
	r.tool.Keys = []authn.Key{{ID: 2, Secret: secret("2")}}
	r.want(1, []string{"show", "carol"}, "not in the ring", "Are these the keys")
	r.want(1, []string{"list"}, "7 records cannot be opened")
	r.want(1, []string{"reseal"}, "7 records cannot be opened")
	r.want(5, []string{"doctor", "-all"}, "fail  records        7 records cannot be opened")
	r.want(1, []string{"revoke", "-yes", "carol"}, "not in the ring")
	for _, c := range []string{"unlock -reason x", "erase"} {
		r.want(3, append(strings.Fields(c), "-yes", "carol"), "give it that key", "-replace")
	}
	carol, err := r.svc.Account(t.Context(), "carol")
	if err != nil || !carol.Disabled || len(r.audit) > 0 {
		t.Fatalf("a refused command has changed the record: %+v, %v, %v", carol, err, r.audit)
	}
	r.want(3, []string{"unlock", "-yes", "-replace", "-reason", "x", "-account", carol.Account}, "name its USER")
	r.want(0, []string{"unlock", "-yes", "-replace", "-reason", "x", "carol"}, "all its limits are lost")
	if carol, err := r.svc.Account(t.Context(), "carol"); err != nil || carol.SealedBy != 0 {
		t.Errorf("%+v, %v", carol, err)
	}
}

// A program that has the host's ports tends; without an error there is no message twice.
func TestTend(t *testing.T) {
	r := newRig(t)
	r.town()
	for _, c := range []authn.Config{{Mailer: r.mail}, {Directory: directory{}}} {
		r.tool.Mailer, r.tool.Directory = c.Mailer, c.Directory
		r.want(3, []string{"tend"}, "sends messages")
	}
	if fay, err := r.svc.Account(t.Context(), "fay"); err != nil || len(fay.Owed) != 1 {
		t.Fatal(fay, err)
	}
	r.now = r.now.Add(time.Minute)
	r.tool = r.cfg
	r.want(0, []string{"tend"}, "1 deliveries")
	if fay, err := r.svc.Account(t.Context(), "fay"); err != nil || len(fay.Owed) != 0 || r.mail.Last(address("fay")).Code == "" {
		t.Error(fay, err)
	}
	r.want(0, []string{"tend", "-json"}, `"delivered":0`)
}

// clocked is a store with a clock that is right, but for a difference.
type clocked struct {
	*rig
	authn.Store
	authn.Sweeper
	authn.Lister
	ahead time.Duration
	down  error
}

func (c *clocked) Now(context.Context) (time.Time, error) { return c.rig.now.Add(c.ahead), c.down }

// A program with a wrong clock changes nothing: locks would look over.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		ahead  time.Duration
		down   error
		code   int // of a change
		doctor int
		says   string
	}{
		{0, nil, 0, 0, "at most 1ms"},
		{2 * time.Second, nil, 0, 0, "at most 2s"},
		{2*time.Second + 1, nil, 0, 5, "warn  clock"},
		{-2*time.Second - 1, nil, 0, 5, "ahead of the store"},
		{authn.MaxSkew, nil, 0, 5, "behind the store"},
		{authn.MaxSkew + 1, nil, 3, 5, "fail  clock"},
		{-authn.MaxSkew, nil, 0, 5, "warn  clock"},
		{-authn.MaxSkew - 1, nil, 3, 5, "fail  clock"},
		{0, errors.New("down"), 1, 5, "fail  clock"},
	} {
		r := newRig(t)
		r.town()
		r.tool.Store = &clocked{r, r.store, r.store, r.store, c.ahead, c.down}
		r.want(c.doctor, []string{"doctor"}, c.says)
		r.want(c.code, []string{"revoke", "-yes", "ada"})
		r.want(c.code, []string{"reseal"})
		if ada, err := r.svc.Account(t.Context(), "ada"); err != nil || (ada.Transactions[0].State == authn.Canceled) != (c.code == 0) {
			t.Errorf("%v ahead: %+v, %v", c.ahead, ada, err)
		}
	}
}

// doctor finds what is wrong with a store.
func TestDoctor(t *testing.T) {
	r := newRig(t)
	r.town()
	n := r.store.Len()
	r.want(0, []string{"doctor", "-all"}, `tenant "shop"; keys 1 (in use)`, "LockEvery 3", "Remember 720h0m0s",
		"7, of which 1 locked, 1 disabled, 1 owe something", "1 seals 7 and is needed by 7")
	var res struct {
		OK       bool
		Findings []struct{ Check, Result, Says, Next string }
	}
	if err := json.Unmarshal([]byte(r.want(0, []string{"doctor", "-json"})), &res); err != nil || !res.OK || len(res.Findings) != 6 {
		t.Error(err, res)
	}
	r.now = r.now.Add(20 * time.Minute)
	r.want(5, []string{"doctor"}, "warn  tend", "overdue, the first since", "Service.Tend")
	r.now = r.now.Add(-20 * time.Minute)
	for says, store := range map[string]authn.Store{
		"no Lister":       struct{ authn.Store }{r.store},
		"no Sweeper":      struct{ authn.Store }{r.store},
		"fail  latency":   storetest.Faulty(r.store, storetest.Nth(storetest.Save, 3, storetest.Fault{Err: errors.New("down")})),
		"from a replica?": storetest.Faulty(r.store, storetest.Nth(storetest.Load, 1, storetest.Fault{Damage: storetest.Instead(authn.Record{Value: []byte("old"), Version: 1})})),
		"fail  tend":      storetest.Faulty(r.store, storetest.Always(storetest.Due, storetest.Fault{Err: errors.New("down")})),
	} {
		r.tool.Store = store
		r.want(5, []string{"doctor"}, says)
	}
	r.tool.Store = struct{ authn.Store }{r.store}
	r.want(1, []string{"list"}, "no Lister")
	r.tool.Store = failing{r.store}
	r.want(1, []string{"list"}, "unavailable: keys: down")
	r.want(1, []string{"doctor", "-all"}, "unavailable: keys: down")
	if r.store.Len() != n {
		t.Errorf("doctor has left %d records", r.store.Len()-n)
	}
}

type failing struct{ authn.Store }

func (failing) Keys(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield("", errors.New("down")) }
}

// A store that is slow is a finding, and one that is just fast enough is none.
func TestSlowStore(t *testing.T) {
	for d, code := range map[time.Duration]int{250 * time.Millisecond: 0, 250*time.Millisecond + 1: 5} {
		for _, op := range []storetest.Op{storetest.Save, storetest.Load} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				slow := storetest.Faulty(r.store, storetest.Always(op, storetest.Fault{Delay: d}))
				r.tool.Store = &clocked{r, slow, r.store, r.store, 0, nil}
				r.want(code, []string{"doctor"})
			})
		}
	}
}
