package authn

import (
	"fmt"
	"testing"
)

// many are n active e-mail factors.
func many(n int) []Factor {
	fs := make([]Factor, n)
	for i := range fs {
		fs[i] = Factor{ID: fmt.Sprint("eml", i), Type: Email, Address: fmt.Sprintf("ada.lovelace.%d@example.com", i), Status: Active}
	}
	return fs
}

func BenchmarkKinds(b *testing.B) {
	m := newMachine(b, Policy{}, pushType, tokenType)
	app := Factor{ID: "app", Type: TOTP, Status: Active, Revision: 1}
	app.Data = m.fresh().sealData(ada.User, "app", TOTP, make([]byte, 12), append([]byte{0, 6, 30}, "12345678901234567890"...))
	begun := func(fs ...Factor) *walk {
		w := &walk{TB: b, m: m, fs: fs, seed: 1}
		w.begin(ada)
		return w
	}
	var r Result
	step := func(w *walk, ev Event) func(*testing.B) {
		e := w.env()
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Step(&w.a, w.h, ev, e, &r)
			}
		}
	}
	status := func(w *walk) func(*testing.B) {
		e := w.env()
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Status(&w.a, w.h, e)
			}
		}
	}
	mail := begun(adaMail)
	mail.do(Challenge{adaMail.ID})
	mail.at += minute
	b.Run("mail", step(mail, Verify{Code: mail.right()}))
	b.Run("resend", step(mail, Resend{}))
	b.Run("app", step(begun(app), Verify{Factor: "app", Code: appCode(importedSecret, t0)}))
	push := begun(adaPhone)
	push.do(Challenge{adaPhone.ID})
	b.Run("poll", step(push, Verify{}))
	b.Run("push status", status(push))
	b.Run("choose 1", step(begun(many(1)...), Challenge{"eml0"}))
	b.Run("choose 32", step(begun(many(32)...), Challenge{"eml31"}))
	b.Run("status 1", status(begun(many(1)...)))
	b.Run("status 32", status(begun(many(32)...)))
}
