package sim

import (
	"context"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// kind is the one factor that a user has.
type kind struct {
	id, typ string
	status  authn.Status // at first; what is not set up has to be enrolled
}

// IDs of factors.
const (
	mail  = "mail"
	app   = "app"
	list  = "list"
	token = "token" // responds to a challenge, and counts
	phone = "phone" // is asked to approve
)

var (
	tokenType = authn.FactorType{Name: "acme:token", Methods: []string{"hwk"}}
	phoneType = authn.FactorType{Name: "acme:phone", Methods: []string{"swk"}, Channel: "push", Awaited: true}
)

// kindsOf are the kinds of the two users of a seed. The factor of the first may be active
// from the beginning.
func kindsOf(n uint64) [2]kind {
	all := []kind{
		{mail, authn.Email, authn.NotSetUp}, {app, authn.TOTP, authn.NotSetUp}, {list, authn.RecoveryCodes, authn.NotSetUp},
		{token, tokenType.Name, authn.NotSetUp}, {phone, phoneType.Name, authn.NotSetUp},
	}
	first, second := all[n%5], all[n/5%5]
	if first.id == mail || first.id == phone {
		first.status = authn.Active
	}
	return [2]kind{first, second}
}

// seedsOf are seeds that have users of a kind, those first that have two.
func seedsOf(id string) (ns []uint64) {
	for _, want := range []int{2, 1} {
		for n := uint64(1); n <= 3*Seeds; n++ {
			have := 0
			for _, k := range kindsOf(n) {
				if k.id == id {
					have++
				}
			}
			if have == want || id == "" && want == 2 {
				ns = append(ns, n)
			}
		}
	}
	return ns
}

func address(user string) string { return user + "@example.com" }

// factor is what the Directory says of a kind at first.
func (k kind) factor(user string) authn.Factor {
	f := authn.Factor{ID: k.id, Type: k.typ, Status: k.status, Required: k.status == authn.NotSetUp}
	if k.id == mail {
		f.Address = address(user)
	}
	return f
}

// atOnce says that the factor is proved without a challenge.
func (k kind) atOnce() bool { return k.id == app || k.id == list }

// belongings are what a user has since a factor was enrolled, and what was used up of
// it. The ledger keeps them.
type belongings struct {
	secret authn.Secret // of the app,
	step   int64        // and the last time step of a code that was accepted
	codes  []authn.Code // the list,
	gone   []bool       // and which of them were accepted
	count  int          // the last one of the token that was accepted
}

// shown is what a tab shows of a challenge.
type shown struct {
	secret  authn.Secret
	codes   []authn.Code
	options string
	number  string
	pairing authn.Secret
}

func show(p authn.Prompt) shown {
	return shown{secret: p.Secret, codes: p.Codes, options: string(p.Options), number: p.Number, pairing: p.Pairing}
}

// typed is what the user types into a tab, or has a device send: mostly what is right.
func (s *sim) typed(p *person, b *tab) authn.Code {
	n := s.rnd.IntN(10)
	if p.clumsy && n < 5 {
		n = 0
	}
	enrolling := b.state == authn.MFAEnrollActivate
	switch p.kind.id {
	case app:
		secret := p.own.secret
		if enrolling {
			secret = b.secret
		}
		if n == 0 || secret == "" {
			return authn.Code(fmt.Sprintf("%06d", s.rnd.IntN(1e6)))
		}
		off := []int{0, 0, 0, 0, -1, 1, 1, -3}[s.rnd.IntN(8)]
		return testhost.AppCode(secret, s.world.Now().Add(time.Duration(off)*30*time.Second))
	case list:
		codes := p.own.codes
		if enrolling {
			codes = b.codes
		}
		if n == 0 || len(codes) == 0 {
			return authn.Code(strings.Repeat(string("ABCDEFGHIJ"[s.rnd.IntN(10)]), 16))
		}
		return codes[s.rnd.IntN(len(codes))]
	case token:
		return s.response(p, b.options, n)
	case phone:
		return "" // only asks
	}
	return s.someCode(p, n)
}

// response is what the token says to a challenge. It counts what it says, unless it is
// a copy; or it is what it said before, or says to something else.
func (s *sim) response(p *person, challenge string, n int) authn.Code {
	switch p.count++; {
	case n == 0:
		return authn.Code(challenge + "/0")
	case n == 1:
		return authn.Code(fmt.Sprint(challenge, "/", p.count-2))
	case n == 2:
		return authn.Code(fmt.Sprint("another/", p.count))
	case n == 3 && p.said != "":
		return p.said
	}
	p.said = authn.Code(fmt.Sprint(challenge, "/", p.count))
	return p.said
}

// counted takes a response apart.
func counted(response string) (challenge string, count int) {
	challenge, n, _ := strings.Cut(response, "/")
	count, _ = strconv.Atoi(n)
	return challenge, count
}

// verdict is the Verifier of tokens.
type verdict struct{ sim *sim }

const verify authntest.Port = "verify"

func (v verdict) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	return []byte(hex.EncodeToString(c.Challenge[:])), nil
}

func (v verdict) Verify(ctx context.Context, c authn.Check) (authn.Verdict, error) {
	switch f := v.sim.fault(ctx, authntest.Call{Port: verify}); {
	case f.Exit:
		runtime.Goexit()
	case f.Err != nil:
		return authn.Verdict{}, f.Err
	}
	challenge, count := counted(string(c.Response))
	_, last := counted(string(c.Factor.Data))
	if challenge != hex.EncodeToString(c.Challenge[:]) {
		return authn.Verdict{Malformed: true}, nil
	}
	return authn.Verdict{Right: count > last, Data: []byte(fmt.Sprint("/", count))}, nil
}

// answering is what the user does at the phone: mostly it approves with the right
// number, or it is paired.
func (s *sim) answering(p *person, b *tab, n int) *errand {
	r := authn.Reply{Approve: true, Number: b.number}
	approval := b.pairing
	if inbox := s.inbox[p.user]; b.state != authn.MFAEnrollActivate && len(inbox) > 0 {
		approval = authn.Secret(inbox[len(inbox)-1])
	}
	switch n {
	case 0:
		r.Approve = false
	case 1:
		r.Number = "1"
	}
	return p.answer(s.ledger.asked[approval], approval, r)
}

func (p *person) answer(tx string, approval authn.Secret, r authn.Reply) *errand {
	e := &errand{what: fmt.Sprintf("%s answers %t %s in %.4s", p.user, r.Approve, r.Number, tx), kind: "respond", request: request{event: "respond"}, person: p, tx: tx, reply: r}
	e.do = func(ctx context.Context, n *node) {
		e.answer, e.err = n.Respond(ctx, approval, r)
		e.told = true
	}
	return e
}

// proves is what a user does in a tab who wants to sign in, with everything at hand.
func (s *sim) proves(p *person, b *tab, event string) {
	var code authn.Code
	enrolling := event == "activate"
	switch p.kind.id {
	case mail:
		if inbox := s.inbox[p.user]; len(inbox) > 0 {
			code = inbox[len(inbox)-1]
		}
	case app:
		secret := p.own.secret
		if enrolling {
			secret = b.secret
		}
		code = testhost.AppCode(secret, s.world.Now())
	case list:
		if code = "none"; enrolling {
			code = b.codes[0]
		} else if i := slices.Index(p.own.gone, false); i >= 0 {
			code = p.own.codes[i]
		}
	case token:
		code = s.response(p, b.options, 9)
	case phone:
		s.run(s.answering(p, b, 9))
	}
	s.run(p.ask(b, request{event: event, code: code}))
}

// contacts is a Directory that says where notices go.
type contacts struct{ authn.Directory }

func (contacts) Contacts(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{authntest.Mail(address(user), authn.Active)}, nil
}
