package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/questionfactor"
)

// The phone of an account has what a person would have beside the browser: text messages,
// calls, an authenticator app, requests to approve, and the list of recovery codes.

// held is what the phone remembers of a factor.
type held struct {
	Secret string      `json:",omitempty"` // of an app, in base32
	Codes  []string    `json:",omitempty"` // of a list: those that were not used
	Pair   *ask        `json:",omitempty"` // to become a factor
	Number json.Number `json:",omitempty"` // on the screen of the sign-in that asks
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// furnish sets up, on first sight, a factor that an account has had all along: what the
// phone is to have of it is drawn, and imported as from another system.
func (p *people) furnish(ctx context.Context, user string, f authn.Factor) (*activated, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, err := load[activated](ctx, p.kept, factorKind, f.ID); err != nil || a != nil {
		return a, err
	}
	var from authn.Secret
	var h held
	var err error
	switch f.Type {
	case authn.TOTP:
		h.Secret = secretText(20)
		from = authn.Secret("otpauth://totp/" + url.PathEscape(user) + "?secret=" + h.Secret)
	case authn.RecoveryCodes:
		for range 10 {
			h.Codes = append(h.Codes, secretText(10))
		}
		from = authn.Secret(strings.Join(h.Codes, " "))
	case questionType:
		from, err = questionfactor.Imported(questionfactor.Question{Text: accountQuestion}, accountAnswer)
	default:
		return &activated{Address: f.Address}, nil
	}
	if err != nil {
		return nil, err
	}
	made, err := p.imports(user, f, from)
	if err != nil {
		return nil, err
	}
	if err := save(ctx, p.kept, heldKind, f.ID, h); err != nil {
		return nil, err
	}
	a := activated{f.Address, made.Handle, made.Data, made.Revision}
	return &a, save(ctx, p.kept, factorKind, f.ID, a)
}

func secretText(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return base32Text.EncodeToString(b)
}

// handset is what /phone shows of an account, and /phone.json has.
type handset struct {
	Number   string      `json:"number"`
	SMS      []said      `json:"sms"`
	Calls    []said      `json:"calls"`
	TOTP     []totpCode  `json:"totp"`
	Push     []request   `json:"push"`
	Pairing  []enrolling `json:"enrolling"`
	Recovery []string    `json:"recoveryCodes"`

	Of string `json:"-"`
}

type (
	said struct {
		Text string `json:"text"`
	}
	totpCode struct {
		Issuer  string    `json:"issuer"`
		Account string    `json:"account"`
		Secret  string    `json:"secret"`
		Code    string    `json:"code"`
		Until   time.Time `json:"-"` // when the next code is shown
	}
	// request asks whether the owner is signing in.
	request struct {
		ID      string `json:"id"`
		State   string `json:"state"` // waiting, approved, rejected or gone
		Numbers []int  `json:"numbers"`
	}
	enrolling struct {
		ID string `json:"id"`
	}
)

// handset reads what the phone of an account has, the oldest first.
func (p *provider) handset(ctx context.Context, of string) (h handset, err error) {
	of = strings.ToLower(strings.TrimSpace(of))
	h = handset{Of: of, SMS: []said{}, Calls: []said{}, TOTP: []totpCode{}, Push: []request{}, Pairing: []enrolling{}, Recovery: []string{}}
	_, local, ok := find(of)
	if !ok {
		return h, nil
	}
	h.Number = phoneNumber(local)
	fs, err := p.people.Factors(ctx, of)
	if err != nil {
		return h, err
	}
	texts, err := p.inbox.list(ctx, h.Number)
	if err != nil {
		return h, err
	}
	for _, m := range texts {
		if m.By == byCall {
			h.Calls = append(h.Calls, said{m.Text})
		} else {
			h.SMS = append(h.SMS, said{m.Text})
		}
	}
	now := p.clock.now()
	for _, f := range fs {
		has, err := load[held](ctx, p.people.kept, heldKind, f.ID)
		if err != nil {
			return h, err
		}
		if has == nil {
			continue
		}
		if has.Secret != "" {
			code, until := shownCode(has.Secret, now)
			h.TOTP = append(h.TOTP, totpCode{serviceName, cmp.Or(f.Address, of), has.Secret, code, until})
		}
		if has.Pair != nil && has.Pair.openAt(now) && f.Status != authn.Active {
			h.Pairing = append(h.Pairing, enrolling{f.ID})
		}
		h.Recovery = append(h.Recovery, has.Codes...)
	}
	return h, p.requests(ctx, &h, now)
}

// requests adds those that the phone got. A newer one takes the place of an older one.
func (p *provider) requests(ctx context.Context, h *handset, now time.Time) error {
	all, err := p.inbox.list(ctx, h.Of)
	newest := map[string]bool{}
	for _, m := range slices.Backward(all) {
		q := m.Ask
		if q == nil || q.Pairing {
			continue
		}
		r := request{ID: m.ID, State: "gone", Numbers: []int{}}
		switch {
		case q.Said == saidYes:
			r.State = "approved"
		case q.Said == saidNo, q.Said == saidWrong:
			r.State = "rejected"
		case q.openAt(now) && !newest[q.Factor]:
			r.State = "waiting"
			r.Numbers = p.numbers(ctx, q.Factor, m.ID)
		}
		newest[q.Factor] = true
		h.Push = append(h.Push, r)
	}
	slices.Reverse(h.Push)
	return err
}

// numbers are three to choose from: the one on the screen, and two that follow from the
// request. None are known before the screen has one.
func (p *provider) numbers(ctx context.Context, factor, id string) []int {
	has, err := load[held](ctx, p.people.kept, heldKind, factor)
	if err != nil || has == nil {
		return []int{}
	}
	right, err := has.Number.Int64()
	if err != nil {
		return []int{}
	}
	list := []int{int(right)}
	for i := 0; len(list) < 3; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", id, i))
		if n := 10 + int(binary.BigEndian.Uint32(sum[:])%90); !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

func (p *provider) phonePage(w http.ResponseWriter, r *http.Request) {
	h, err := p.handset(r.Context(), r.URL.Query().Get("of"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.show(w, r, "phone", "Phone", h)
}

func (p *provider) phoneJSON(w http.ResponseWriter, r *http.Request) {
	h, err := p.handset(r.Context(), r.URL.Query().Get("of"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	writeJSON(w, h)
}

// press is POST /phone/push/{id}: the owner answers a request, or pairs the phone. A form
// of the page is answered by the page, and JSON by 200 if it was taken, or 409 if the
// request was answered before or is gone.
func (p *provider) press(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Answer string
		Number json.Number
	}
	form := r.Header.Get("Content-Type") == "application/x-www-form-urlencoded"
	if r.Body = http.MaxBytesReader(w, r.Body, maxScan); form {
		in.Answer, in.Number = r.PostFormValue("answer"), json.Number(r.PostFormValue("number"))
	} else if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		in.Answer = ""
	}
	if in.Answer != "approve" && in.Answer != "reject" {
		http.Error(w, `{"answer":"approve","number":N} or {"answer":"reject"} is expected.`, http.StatusBadRequest)
		return
	}
	taken, err := p.pressed(r.Context(), r.PathValue("id"), authn.Reply{Approve: in.Answer == "approve", Number: in.Number.String()})
	p.changes.tell()
	switch {
	case err != nil:
		p.fail(w, r, err)
	case form:
		http.Redirect(w, r, "/phone?"+url.Values{"of": {r.PostFormValue("of")}}.Encode(), http.StatusSeeOther)
	case taken:
		writeJSON(w, struct{}{})
	default:
		http.Error(w, "The request was answered, or is gone.", http.StatusConflict)
	}
}

// pressed hands an answer over. The id is that of a message, or of a factor that is to be
// paired.
func (p *provider) pressed(ctx context.Context, id string, reply authn.Reply) (taken bool, err error) {
	m, err := load[mail](ctx, p.inbox.kept, mailKind, id)
	if err != nil {
		return false, err
	}
	if m != nil && m.Ask != nil {
		if !m.Ask.openAt(p.clock.now()) {
			return false, nil
		}
		if m.Ask.Said, err = p.respond(ctx, m.Ask, reply); err != nil {
			return false, err
		}
		return m.Ask.Said != saidOver, save(ctx, p.inbox.kept, mailKind, id, m)
	}
	has, err := load[held](ctx, p.people.kept, heldKind, id)
	if err != nil || has == nil || has.Pair == nil || !has.Pair.openAt(p.clock.now()) {
		return false, err
	}
	if has.Pair.Said, err = p.respond(ctx, has.Pair, reply); err != nil {
		return false, err
	}
	return has.Pair.Said != saidOver, save(ctx, p.people.kept, heldKind, id, has)
}

const mostBody = 64 << 10

// phoned lets the phone see what a person would scan or write down from the page: of a
// factor that is being set up its secret, its codes or its pairing, and the number of a
// sign-in that asks. A recovery code that was used is crossed out.
func (p *provider) phoned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/api/v1/authn") {
			next.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(io.LimitReader(r.Body, mostBody))
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		b := &buffered{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(b, r)
		if b.status == http.StatusOK {
			if err := p.see(r.Context(), r.URL.Path, body, b.body.Bytes()); err != nil {
				p.log.Printf("the phone: %v", err)
			}
		}
		w.WriteHeader(b.status)
		w.Write(b.body.Bytes())
	})
}

func (p *provider) see(ctx context.Context, path string, request, response []byte) error {
	var asked struct{ PassCode string }
	if json.Unmarshal(request, &asked) == nil && asked.PassCode != "" {
		if id, ok := strings.CutSuffix(strings.TrimPrefix(path, "/api/v1/authn/factors/"), "/verify"); ok {
			if err := p.crossOut(ctx, id, asked.PassCode); err != nil {
				return err
			}
		}
	}
	var answer struct {
		Status     authn.State
		StateToken string
	}
	if json.Unmarshal(response, &answer) != nil || answer.Status != authn.MFAEnrollActivate && answer.Status != authn.MFAChallenge {
		return nil
	}
	a, err := p.svc.Status(ctx, unmarked(answer.StateToken))
	if err != nil {
		return nil // it has ended meanwhile
	}
	h := held{Secret: string(a.Prompt.Secret)}
	for _, c := range a.Prompt.Codes {
		h.Codes = append(h.Codes, string(c))
	}
	switch {
	case a.Prompt.Pairing != "":
		h.Pair = &ask{Token: string(a.Prompt.Pairing), Pairing: true, Expires: a.CodeExpires}
	case a.Prompt.Number != "":
		h.Number = json.Number(a.Prompt.Number)
	case h.Secret == "" && len(h.Codes) == 0:
		return nil
	}
	old, err := load[held](ctx, p.people.kept, heldKind, a.Factor.ID)
	if err == nil && old != nil && old.Pair != nil && h.Pair != nil && old.Pair.Token == h.Pair.Token {
		return nil
	}
	return cmp.Or(err, save(ctx, p.people.kept, heldKind, a.Factor.ID, h))
}

// crossOut takes a recovery code that was used off the list.
func (p *provider) crossOut(ctx context.Context, id, code string) error {
	has, err := load[held](ctx, p.people.kept, heldKind, id)
	if err != nil || has == nil || len(has.Codes) == 0 {
		return err
	}
	plain := func(s string) string { return strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(s)) }
	has.Codes = slices.DeleteFunc(has.Codes, func(c string) bool { return plain(c) == plain(code) })
	return save(ctx, p.people.kept, heldKind, id, has)
}
