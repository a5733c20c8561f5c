package authn

import (
	"testing"
	"time"
)

func TestEnrollment(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	w.want(w.a.txs[0].name(), MFAEnroll)
	w.refuses(Skip{}, ErrRequired)
	w.refuses(Enroll{"sms"}, ErrNotOffered)
	w.want(w.do(Enroll{Email}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: w.wrong()}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: w.right()}), Success)
	if es := w.a.owed(); len(es) != 4 || es[0].Do != FactorActivated || es[0].Factor != graceMail.ID {
		t.Errorf("owed: %+v", es)
	}
}

func TestSeveralRequiredFactors(t *testing.T) {
	one := Factor{ID: "one", Type: Email, Address: "one@example.com", Status: NotSetUp, Required: true}
	two := Factor{ID: "two", Type: Email, Address: "two@example.com", Status: NotSetUp, Required: true}
	w := begun(t, Policy{}, grace, one, two)
	w.do(Enroll{Email})
	w.want(w.do(Activate{Code: w.right()}), MFAEnroll)
	w.refuses(Skip{}, ErrRequired)
	w.refuses(Enroll{Email}, ErrTooSoon)
	w.at = time.Minute
	w.want(w.do(Enroll{Email}), MFAEnrollActivate)
	if id := w.a.txs[0].factor().id; id != "two" {
		t.Fatalf("enrolling %q", id)
	}
	w.want(w.do(Activate{Code: w.right()}), Success)
}

// Enrollment on the password alone is only for an account without a factor.
func TestEnrollmentIsCheckedWhenUsed(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	active := graceMail
	active.Status = Active
	w.fs = []Factor{active}
	w.refuses(Enroll{Email}, ErrNotOffered)
	w.fs = []Factor{graceMail, adaMail}
	w.refuses(Enroll{Email}, ErrNotOffered)
	w.fs = []Factor{graceMail}
	w.do(Enroll{Email})
	code := w.right()
	w.fs = []Factor{graceMail, adaMail}
	w.refuses(Activate{Code: code}, ErrNoCode)
	moved := graceMail
	moved.Address = "other@example.com"
	w.fs = []Factor{moved}
	w.refuses(Activate{Code: code}, ErrNoCode)
	w.fs = []Factor{graceMail}
	w.want(w.do(Activate{Code: code}), Success)
}

// Two tabs enroll; the first to finish ends the other.
func TestActivationCancelsOthers(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	other := w.h
	w.do(Enroll{Email})
	w.begin(grace)
	w.do(Enroll{Email})
	w.do(Activate{Code: w.right()})
	if st := w.a.txs[w.a.find(other.digest())].name(); st != Canceled {
		t.Errorf("the other tab is in %s", st)
	}
	if len(w.r.Moves()) != 2 {
		t.Errorf("rows taken: %v", w.r.Moves())
	}
	// The factor counts as active before the Directory has taken it.
	w.begin(grace)
	w.want(w.a.txs[w.slot()].name(), MFARequired)
}
