package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

// mail is a message as somebody would read it.
type mail struct {
	ID      string `json:",omitempty"`
	Key     string
	At      time.Time
	Code    string
	Link    string `json:",omitempty"`
	To      string
	Subject string
	Text    string
	HTML    string
	By      string `json:",omitempty"` // how it went: "text message", "call"; "" is a mail
	Ask     *ask   `json:",omitempty"` // not a mail: for the phone
}

const maxMails = 200

// inbox plays the mail provider and the phone: it keeps what is sent, codes in the
// clear, for whoever looks. No real server has such a thing.
type inbox struct {
	mu   sync.Mutex // guards that a message is kept once
	kept kept
	now  func() time.Time
	say  *smtpmail.Composer
	told func() // what is sent after an answer has its own news
}

func newInbox(k kept, now func() time.Time, told func()) (*inbox, error) {
	say, err := smtpmail.NewComposer(smtpmail.Config{Service: serviceName, Now: now})
	return &inbox{kept: k, now: now, say: say, told: told}, err
}

// Send implements authn.Sender.
func (b *inbox) Send(ctx context.Context, m authn.Message) error {
	msg := &mail{Key: m.Key, Code: string(m.Code), To: m.To}
	var err error
	if msg.Subject, msg.Text, msg.HTML, err = b.say.Compose(m); err != nil {
		return err
	}
	return b.keep(ctx, msg)
}

// keep keeps a message, once.
func (b *inbox) keep(ctx context.Context, msg *mail) error {
	defer b.told()
	msg.At = b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	all, err := b.list(ctx, "")
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(old mail) bool { return old.Key == msg.Key }) {
		return nil
	}
	for len(all) >= maxMails {
		if err := b.kept.remove(ctx, mailKind, all[0].ID); err != nil {
			return err
		}
		all = all[1:]
	}
	// In the order of time, also for another process on the same store.
	return save(ctx, b.kept, mailKind, fmt.Sprintf("%019d-%s", time.Now().UnixNano(), rand.Text()[:6]), msg)
}

// list returns what was sent to an address, or to all, the oldest first.
func (b *inbox) list(ctx context.Context, to string) ([]mail, error) {
	all, err := b.kept.all(ctx, mailKind)
	if err != nil {
		return nil, err
	}
	list := make([]mail, 0, len(all))
	for id, raw := range all {
		m, err := decode[mail](mailKind, raw)
		if err != nil {
			return nil, err
		}
		if m.ID = id; to == "" || strings.EqualFold(m.To, to) {
			list = append(list, *m)
		}
	}
	slices.SortFunc(list, func(a, b mail) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// serviceName is what mails call the server.
const serviceName = "authn demo"

// relay sends mail for real, or as real as the relay is.
func relay(addr string, now func() time.Time) (authn.Sender, error) {
	m, err := smtpmail.New(smtpmail.Config{
		Addr: addr, From: serviceName + " <sign-in@example.com>", Service: serviceName, TLS: smtpmail.Plaintext, Keep: 4, Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("-smtp: %w", err)
	}
	return m, nil
}
