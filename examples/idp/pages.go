package main

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/authnfsm/authn/okta"
)

var (
	//go:embed pages
	pageFiles embed.FS
	//go:embed assets
	assetFiles embed.FS

	pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{
		"stamp": stamp, "utc": utc, "newestFirst": newestFirst,
	}).ParseFS(pageFiles, "pages/*.html"))
)

// stamp is a time for scripts: milliseconds since 1970, 0 for none.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// newestFirst turns a list around, of whatever type it is.
func newestFirst(list any) (turned []any) {
	v := reflect.ValueOf(list)
	for i := v.Len() - 1; i >= 0; i-- {
		turned = append(turned, v.Index(i).Interface())
	}
	return turned
}

func utc(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") }

// assets are files of the program: they change with it alone.
func assets() http.Handler {
	files := http.FileServerFS(assetFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	})
}

// page is what every page's template gets.
type page struct {
	Title, Here string
	Now         time.Time
	Session     *session
	Data        any
}

// show writes a page whole, or an error.
func (p *provider) show(w http.ResponseWriter, r *http.Request, name, title string, data any) {
	s, err := p.sessions.of(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	greet(w, r)
	if err := writePage(w, name+".html", page{title, name, p.clock.now(), s, data}); err != nil {
		p.fail(w, r, err)
	}
}

func writePage(w http.ResponseWriter, name string, data any) error {
	var b bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := w.Write(b.Bytes())
	return err
}

func (p *provider) fail(w http.ResponseWriter, r *http.Request, err error) {
	p.log.Printf("%s: %v", r.URL.Path, err)
	http.Error(w, "The server cannot answer now. Try again.", http.StatusServiceUnavailable)
}

// part serves the part of a page that changes.
func (p *provider) part(name string, read func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := read(r)
		if err == nil {
			err = writePage(w, name, data)
		}
		if err != nil {
			p.fail(w, r, err)
		}
	}
}

func (p *provider) signInPage(w http.ResponseWriter, r *http.Request) { p.signIn(w, r, "") }

// signIn serves the page. What it recovers is "password", "unlock" or "".
func (p *provider) signIn(w http.ResponseWriter, r *http.Request, recovers string) {
	data := struct {
		Recovers         string
		Kinds            []kind
		Domain, Password string
		Relay, KeyHost   string
		Questions        []okta.Question
	}{recovers, kinds, domain, password, p.relay, strings.TrimPrefix(p.site, "http://"), questions}
	p.show(w, r, "signin", "Sign in", data)
}

// accountPage needs a session: one that came from a redeemed session token.
func (p *provider) accountPage(w http.ResponseWriter, r *http.Request) {
	s, err := p.sessions.of(r)
	switch {
	case err != nil:
		p.fail(w, r, err)
	case s == nil:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	default:
		k, _, _ := find(s.User)
		p.show(w, r, "account", "Account", k)
	}
}

func (p *provider) signOut(w http.ResponseWriter, r *http.Request) {
	if err := p.sessions.end(r); err != nil {
		p.fail(w, r, err)
		return
	}
	http.SetCookie(w, cookie(sessionCookie, "/", "", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// inboxView is what the inbox shows: the newest mail first.
type inboxView struct {
	Mails []inboxItem
	To    string
	Relay string
}

type inboxItem struct {
	mail
	Open bool   // the phone can answer
	Back string // whose messages the page shows alone; "": all
}

func (p *provider) readInbox(r *http.Request) (v inboxView, err error) {
	v.To, v.Relay = r.URL.Query().Get("to"), p.relay
	list, err := p.inbox.list(r.Context(), v.To)
	now, asked := p.clock.now(), map[string]bool{}
	for i := len(list) - 1; i >= 0; i-- {
		m := inboxItem{mail: list[i], Back: v.To}
		if q := m.Ask; q != nil {
			m.Open = q.openAt(now) && !asked[q.Factor]
			asked[q.Factor] = !q.Pairing || asked[q.Factor] // a newer request takes the place of an older one
		}
		v.Mails = append(v.Mails, m)
	}
	return v, err
}

func (p *provider) inboxPage(w http.ResponseWriter, r *http.Request) {
	v, err := p.readInbox(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.show(w, r, "inbox", "Inbox", v)
}

// inboxJSON is the inbox for programs: the oldest first. What a phone is asked says where
// its answer is posted to.
func (p *provider) inboxJSON(w http.ResponseWriter, r *http.Request) {
	type message struct {
		To      string `json:"to"`
		Subject string `json:"subject"`
		Text    string `json:"text"`
		HTML    string `json:"html,omitempty"`
		Reply   string `json:"reply,omitempty"`
	}
	list := []message{}
	v, err := p.readInbox(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for i := len(v.Mails) - 1; i >= 0; i-- {
		m := v.Mails[i]
		said := message{To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML}
		if m.Open {
			said.Reply = "/inbox/reply/" + m.ID
		}
		list = append(list, said)
	}
	writeJSON(w, list)
}

// inboxMail is the HTML part of one mail, for a frame in which nothing runs.
func (p *provider) inboxMail(w http.ResponseWriter, r *http.Request) {
	v, err := p.readInbox(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for _, m := range v.Mails {
		if m.ID == r.PathValue("id") {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, m.HTML)
			return
		}
	}
	http.NotFound(w, r)
}
