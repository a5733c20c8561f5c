package authn

import (
	"errors"
	"testing"
)

// A notice about a factor that codes are not sent to goes to the first active one that
// they are sent to, wherever it is in the list; if there is none, it cannot be sent.
func TestNoticeAboutFactorWithoutAddress(t *testing.T) {
	spare := adaMail
	spare.ID, spare.Status = "spare", NotSetUp
	for name, c := range map[string]struct {
		fs   []Factor
		want string // the factor that it goes to
	}{
		"mail behind":    {[]Factor{adaPhone, spare, adaMail}, adaMail.ID},
		"mail before":    {[]Factor{adaMail, adaPhone}, adaMail.ID},
		"no mail":        {[]Factor{adaPhone}, ""},
		"mail to set up": {[]Factor{adaPhone, spare}, ""},
	} {
		w := pushed(t, c.fs[0], c.fs[1:]...)
		if c.fs[0].ID != adaPhone.ID {
			w = &walk{TB: t, m: newMachine(t, Policy{}, pushType, easyType), fs: c.fs, seed: 1}
			w.begin(ada)
			w.do(Challenge{adaPhone.ID})
		}
		for range 3 {
			w.a.fails++
		}
		w.responds(w.approval(), Reply{}, WrongCode) // the first one with a back-off
		es := w.r.Effects()
		if len(es) != 1 || es[0].Name != notifyBackoff.String() {
			t.Fatalf("%s: %+v", name, es)
		}
		job, err := w.m.Job(&w.a, "k", es[0], c.fs, t0)
		switch {
		case c.want == "" && !errors.Is(err, ErrUndeliverable):
			t.Errorf("%s: %+v, %v", name, job.Message, err)
		case c.want != "" && (err != nil || job.Message.Factor != c.want || job.Message.To != adaMail.Address || job.Message.Channel != mailChannel):
			t.Errorf("%s: %+v, %v", name, job.Message, err)
		}
	}
}

// A wrong code without a challenge concerns its own factor, not one to which a code was
// sent before.
func TestNoticeAboutFactorTried(t *testing.T) {
	m := newMachine(t, Policy{BackoffFrom: 1})
	w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app"), adaMail, adaSpare}, seed: 1}
	w.begin(ada)
	w.do(Challenge{adaSpare.ID})
	w.do(Previous{})
	w.do(Verify{Factor: "app", Code: "000000"})
	if es := w.r.Effects(); len(es) != 1 || es[0].Factor != adaMail.ID {
		t.Errorf("%+v", es)
	}
}
