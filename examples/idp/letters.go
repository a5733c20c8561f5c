package main

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"time"

	"github.com/authnfsm/authn"
)

// letters sends links, by which Okta's clients recover a password. The words are the
// demo's own: it may be served without TLS, and smtpmail writes no link to such a page.
type letters struct {
	*inbox
	base string
	mail authn.Sender // sends the rest
}

// Send implements authn.Sender. A link is shown in the inbox, also if a relay has the rest.
func (l letters) Send(ctx context.Context, m authn.Message) error {
	if m.Link == "" {
		return l.mail.Send(ctx, m)
	}
	left := m.Expires.Sub(l.now())
	if left <= 0 {
		return authn.ErrUndeliverable
	}
	w := letter{Service: serviceName, Minutes: max(1, int(left.Round(time.Minute)/time.Minute))}
	switch m.Purpose {
	case authn.PurposeRecover:
		w.Wish, w.URL = "reset your password", l.base+recoverPath
	case authn.PurposeUnlock:
		w.Wish, w.URL = "unlock your account", l.base+unlockPath
	default:
		return authn.ErrUndeliverable
	}
	w.URL += "#" + string(m.Link)
	var html bytes.Buffer
	if err := letterHTML.Execute(&html, w); err != nil {
		return fmt.Errorf("a letter: %w", err)
	}
	return l.keep(ctx, &mail{Key: m.Key, To: m.To, Link: w.URL, Subject: serviceName + ": your link to " + w.Wish, Text: w.text(), HTML: html.String()})
}

// letter is what a mail with a link says.
type letter struct {
	Service, Wish, URL string
	Minutes            int
}

func (l letter) text() string {
	return fmt.Sprintf("%s\n\nSomebody wants to %s at %s. If it is you, open this link:\n\n%s\n\n"+
		"The link works once, for %d minutes after this mail was sent.\n\n"+
		"Was it not you? Then do nothing: without the link nothing happens.\n", l.Service, l.Wish, l.Service, l.URL, l.Minutes)
}

var letterHTML = template.Must(template.New("letter").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{{.Service}}</title></head>
<body style="margin:0;padding:24px;background:#ffffff;color:#1a1a1a;font-family:sans-serif;font-size:16px;line-height:1.5">
<p><strong>{{.Service}}</strong></p>
<p>Somebody wants to {{.Wish}} at {{.Service}}. If it is you, open this link:</p>
<p style="overflow-wrap:anywhere"><a href="{{.URL}}">{{.URL}}</a></p>
<p>The link works once, for {{.Minutes}} minutes after this mail was sent.</p>
<p><strong>Was it not you?</strong> Then do nothing: without the link nothing happens.</p>
</body>
</html>
`))

// texts is the Sender of text messages and calls: the inbox plays the phone network.
type texts struct{ *inbox }

// Send implements authn.Sender.
func (t texts) Send(ctx context.Context, m authn.Message) error {
	wish, ok := wishes[m.Purpose]
	if m.Kind != authn.CodeMessage || m.Code == "" || !ok {
		return authn.ErrUndeliverable
	}
	msg := &mail{Key: m.Key, To: m.To, Code: string(m.Code), By: "text message", Subject: "Your code to " + wish}
	if m.Channel == authn.Call {
		msg.By = byCall
	}
	msg.Text = fmt.Sprintf("%s: this is your code to %s.\n\n%s\n\nIt is for you alone. Nobody will ask you for it.\n", serviceName, wish, string(m.Code))
	return t.keep(ctx, msg)
}

const byCall = "call"

// wishes are what a code is for.
var wishes = map[authn.Purpose]string{
	authn.PurposeSignIn: "sign in", authn.PurposeEnroll: "confirm this phone", authn.PurposeRecover: "reset your password", authn.PurposeUnlock: "unlock your account",
}
