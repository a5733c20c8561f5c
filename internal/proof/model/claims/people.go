package claims

import (
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"pgregory.net/rapid"
)

// Who there is, and what the host's Finder says of names.

const (
	claimedMail = "ada@example.com"
	workMail    = "ada@work.example"
	phone       = "+4520000001"
	familyMail  = "family@example.com"
)

// has are sets of factors, by what is special about them.
var has = [][]string{
	{}, {"same"}, {"work"}, {"app"}, {"app"}, {"same", "app"}, {"same", "app"}, {"same", "unknown"}, {"unknown"}, {"unset same"}, {"unset work"}, {"same", "unset work"},
	{"sms"}, {"call"}, {"SAME"}, {"verified work"}, {"verified same"}, {"work", "app"}, {"app", "sms"}, {"unset same", "unset work"}, {"work", "unknown"},
}

// people draws users with their names and factors.
func (w *world) people() {
	for _, u := range []struct {
		user, mail string
		names      []string
	}{
		{"ada", claimedMail, []string{"ada", "countess", "ada@example.com"}},
		{"bob", familyMail, []string{"bob"}},
		{"eve", familyMail, []string{"eve"}},
		{"turing", "turing@bounces.example", []string{"turing"}},
	} {
		for _, n := range u.names {
			w.names[authn.Email+" "+n] = authn.Subject{User: u.user, Address: u.mail, Locale: "en"}
		}
		var fs []authn.Factor
		for i, kind := range rapid.SampledFrom(has).Draw(w.t, "factors of "+u.user) {
			fs = append(fs, w.factor(u.user, u.mail, kind, "f"+string(rune('0'+i))))
		}
		w.SetFactors(u.user, fs...)
		w.users = append(w.users, u.user)
		w.userKeys[w.machine.Key(u.user)] = u.user
	}
	w.names[authn.Email+" ada-work"] = authn.Subject{User: "ada", Address: workMail}
	w.names[authn.SMS+" ada"] = authn.Subject{User: "ada", Address: phone}
}

// factor makes a factor of a user whose claims go to a mailbox.
func (w *world) factor(user, mail, kind, id string) authn.Factor {
	f := authn.Factor{ID: id, Type: authn.Email, Address: mail, Status: authn.Active}
	switch kind {
	case "work":
		f.Address = workMail
	case "SAME":
		f.Address = mail[:len(mail)-4] + ".COM"
	case "unset same":
		f.Status = authn.NotSetUp
	case "unset work":
		f.Address, f.Status = workMail, authn.NotSetUp
	case "verified same":
		f.Status, f.Verified = authn.NotSetUp, true
	case "verified work":
		f.Address, f.Status, f.Verified = workMail, authn.NotSetUp, true
	case "unknown":
		f.Type, f.Address = "acme:gone", ""
	case "sms":
		f.Type, f.Address = authn.SMS, phone
	case "call":
		f.Type, f.Address = authn.Call, phone
	case "app":
		secret := authn.Secret(map[string]string{"ada": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "bob": "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"}[user])
		if secret == "" {
			secret = "NBSWY3DPEB3W64TMMQQGQZLZNBSWY3DP"
		}
		got, err := w.services[0].Import(user, authn.Factor{ID: id, Type: authn.TOTP}, "otpauth://totp/x?secret="+secret)
		if err != nil {
			w.failf("Import: %v", err)
		}
		got.Status = authn.Active
		w.apps[user] = &app{secret: secret}
		return got
	}
	return f
}

// shown returns what a user's app shows now; ok is false while that was used.
func (a *app) shown(now time.Time) (code authn.Code, ok bool) {
	return testhost.AppCode(a.secret, now), now.Unix()/30 > a.used
}

// notShown returns a code that the app does not show in a step near now.
func (a *app) notShown(now time.Time) authn.Code {
	code := testhost.AppCode(a.secret, now)
	for {
		code = testhost.OtherCode(code)
		if code != testhost.AppCode(a.secret, now.Add(-30*time.Second)) && code != testhost.AppCode(a.secret, now.Add(30*time.Second)) {
			return code
		}
	}
}
