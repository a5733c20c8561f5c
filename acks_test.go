package authn

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// holding is a service that keeps acknowledgements, and an account that owes a message.
func holding(t *testing.T) (*Service, *walk) {
	s := &Service{cfg: Config{AcknowledgeLater: true}}
	w := begun(t, Policy{}, Login{User: ada.User, Challenge: true}, adaMail)
	s.m = w.m
	s.cfg.Now = func() time.Time { return t0.Add(w.at) }
	return s, w
}

func TestHoldIsBounded(t *testing.T) {
	for _, c := range []struct {
		records int
		want    bool
	}{{maxHeld - 1, true}, {maxHeld, false}} {
		s, w := holding(t)
		s.acks.held = map[string]ack{}
		for i := range c.records {
			s.acks.held[fmt.Sprint(i)] = ack{}
		}
		es := w.a.owed()
		if got := s.hold("mine", &w.a, es, make([]error, len(es))); got != c.want || len(s.acks.held) > maxHeld {
			t.Errorf("with %d records: %t, %d", c.records, got, len(s.acks.held))
		}
		s.acks.held["0"] = ack{}
		if got := s.hold("0", &w.a, es, make([]error, len(es))); !got {
			t.Errorf("with %d records, one of which is there already", c.records)
		}
	}
}

// What is held is what was taken, is a message or a report, and still has time.
func TestHoldOnlyWhatMayWait(t *testing.T) {
	for name, c := range map[string]struct {
		at    time.Duration
		err   error
		spoil func(*Account)
		want  bool
	}{
		"a message":       {0, nil, nil, true},
		"the last moment": {35*time.Second - ahead - 1, nil, nil, true},
		"too late":        {35*time.Second - ahead, nil, nil, false},
		"a failure":       {0, errors.New("down"), nil, false},
		"gone":            {0, nil, func(a *Account) { a.outbox = [maxOutbox]entry{} }, false},
		"a factor":        {0, nil, func(a *Account) { a.outbox[0].kind = handOver }, false},
		"a password":      {0, nil, func(a *Account) { a.outbox[0].kind = storePassword }, false},
		"a report":        {0, nil, func(a *Account) { a.outbox[0].kind = reportSignIn }, true},
	} {
		s, w := holding(t)
		es := w.a.owed()
		if c.spoil != nil {
			c.spoil(&w.a)
		}
		w.at = c.at
		if got := s.hold("mine", &w.a, es, []error{c.err}); got != c.want {
			t.Errorf("%s: held %t", name, got)
		}
	}
	s, w := holding(t)
	s.cfg.AcknowledgeLater = false
	if es := w.a.owed(); s.hold("mine", &w.a, es, []error{nil}) || s.withHeld("mine", &w.a) != nil {
		t.Error("held although it is off")
	}
}

// A release forgets what was saved, and nothing that was added since.
func TestReleaseOnlyWhatIsSaved(t *testing.T) {
	s, w := holding(t)
	es := w.a.owed()
	later := Effect{Key: "later", Next: es[0].Next}
	if !s.hold("mine", &w.a, es, []error{nil}) {
		t.Fatal("not held")
	}
	h := s.acks.held["mine"]
	h.effects = append(h.effects, later)
	s.acks.held["mine"] = h
	for range 2 {
		s.release("mine", es)
		if got := s.acks.held["mine"].effects; len(got) != 1 || got[0].Key != "later" {
			t.Errorf("left: %v", got)
		}
	}
	s.release("mine", []Effect{later})
	if len(s.acks.held) != 0 {
		t.Errorf("left: %v", s.acks.held)
	}
}
