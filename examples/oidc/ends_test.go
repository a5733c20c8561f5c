package main

import (
	"testing"
	"time"
)

// Cancel is access_denied, and time is login_required: for the sign-in, and for the
// request before one has begun.
func TestEnds(t *testing.T) {
	s := start(t)
	b := s.browser()
	f := s.ask("app")
	b.open(f.url).do("cancel").refused(f, "access_denied")
	f = s.ask("app")
	b.open(f.url).password("ada").do("challenge", "factor", "mail")
	held := b.page
	b.do("cancel").refused(f, "access_denied")
	b.page = held
	if b.do("verify", "code", s.browser().code("ada")); b.status != 410 {
		t.Errorf("after a cancel: %d %s", b.status, b.page)
	}
	f = s.ask("app")
	b.open(f.url).password("ada").do("challenge", "factor", "mail")
	s.advance(11 * time.Minute) // a sign-in takes ten
	b.do("verify", "code", b.code("ada")).refused(f, "login_required")
	f = s.ask("app")
	b.open(f.url).password("ada")
	at := b.issuer + "/signin?request=" + requestID.FindStringSubmatch(b.page)[1]
	s.advance(11 * time.Minute)
	b.open(at).refused(f, "login_required")
	f = s.ask("app")
	b.open(f.url)
	s.advance(requestLife)
	b.password("ada").refused(f, "login_required")
}

// The answer to a request is given once, also in two tabs.
func TestAnswerOnce(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	b.open(f.url)
	at := b.issuer + "/signin?request=" + requestID.FindStringSubmatch(b.page)[1]
	f.redeem(b.byMail("ada").back)
	if b.open(at); b.status != 410 || b.back != nil {
		t.Errorf("%d %v", b.status, b.back)
	}
}

// Wrong codes are counted by the library, over all sign-ins: the tenth in a row locks the
// account, and the user goes back with access_denied.
func TestLock(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	b.open(f.url).do("password", "name", "ada@example.com", "password", "wrong").shows("That name or password is not right")
	b.do("password", "name", "nobody@example.com", "password", password).shows("That name or password is not right")
	for n := range 10 {
		f = s.ask("app")
		b.open(f.url).password("ada").do("challenge", "factor", "mail")
		wrong := "000000"
		if b.code("ada") == wrong {
			wrong = "000001"
		}
		if b.do("verify", "code", wrong); n < 9 {
			b.shows("That is not right")
			s.advance(2 * time.Hour) // longer than each wait
		}
	}
	b.shows("The account is locked").do("cancel").refused(f, "access_denied")
	f = s.ask("app")
	b.open(f.url).password("ada").shows("The account is locked")
}
