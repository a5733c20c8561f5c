package main

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	"sync"
	texttemplate "text/template"
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
	To      string
	Subject string
	Text    string
	HTML    string
}

const maxMails = 200

// inbox plays the mail provider: it keeps what is sent, codes in the clear,
// for whoever looks. No real server has such a thing.
type inbox struct {
	mu   sync.Mutex // guards that a message is kept once
	kept kept
	now  func() time.Time
}

// Mail implements authn.Sender.
func (b *inbox) Send(ctx context.Context, m authn.Message) error {
	msg, err := compose(m, b.now())
	if err != nil {
		return fmt.Errorf("%w: %w", authn.ErrUndeliverable, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all, err := b.list(ctx, "")
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(old mail) bool { return old.Key == m.Key }) {
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

//go:embed mail
var mailFiles embed.FS

var (
	mailTexts = texttemplate.Must(texttemplate.ParseFS(mailFiles, "mail/*.txt"))
	mailHTML  = htmltemplate.Must(htmltemplate.ParseFS(mailFiles, "mail/*.html"))
)

// serviceName is what mails call the server.
const serviceName = "authn demo"

// compose writes a message in English: subject, blank line, text; and HTML.
func compose(m authn.Message, now time.Time) (*mail, error) {
	data := struct {
		authn.Message
		Service, Code string
		Minutes       int
	}{m, serviceName, string(m.Code), max(1, int(m.Expires.Sub(now).Round(time.Minute)/time.Minute))}
	var b, html strings.Builder
	if err := mailTexts.ExecuteTemplate(&b, string(m.Kind)+".txt", data); err != nil {
		return nil, err
	}
	subject, text, _ := strings.Cut(strings.TrimSpace(b.String()), "\n\n")
	page := struct {
		Service, Code string
		Paragraphs    []string
	}{serviceName, data.Code, strings.Split(text, "\n\n")}
	if err := mailHTML.ExecuteTemplate(&html, "mail.html", page); err != nil {
		return nil, err
	}
	return &mail{Key: m.Key, At: now, Code: data.Code, To: m.To, Subject: subject, Text: text + "\n", HTML: html.String()}, nil
}

// relay sends mail for real, or as real as the relay is.
func relay(addr string, now func() time.Time) (authn.Sender, error) {
	m, err := smtpmail.New(smtpmail.Config{
		Addr: addr, From: serviceName + " <sign-in@example.com>", Service: serviceName, TLS: smtpmail.Plaintext, Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("-smtp: %w", err)
	}
	return m, nil
}
