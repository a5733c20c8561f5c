package smtpmail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode/utf8"

	"github.com/authnfsm/authn"
)

//go:embed templates
var embedded embed.FS

// catalog has the templates by locale, in lower case, and kind. The default
// is under "", which no Locale leads to but by falling back. Locales are never
// made into a path.
type catalog map[string]map[authn.MessageKind]*template

const (
	defaultLocale = "default"
	maxLocale     = 35 // of a tag: BCP 47 4.4.1
	maxTemplate   = 64 << 10
	maxDepth      = 2 // of folders in a folder, so that the error can name a file
)

var byteOrderMark = []byte("\ufeff")

var (
	kinds = []authn.MessageKind{authn.CodeMessage, authn.BackoffMessage, authn.LockedMessage, authn.ActivatedMessage, authn.RecoveryMessage, authn.StartsMessage, authn.PasswordMessage, linkMail}
	tag   = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
)

// lookup never returns the template of another kind; nil if kind is unknown.
func (c catalog) lookup(locale string, kind authn.MessageKind) *template {
	if len(locale) > maxLocale {
		locale = ""
	}
	locale = strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	for locale != "" {
		if t := c[locale][kind]; t != nil {
			return t
		}
		locale = locale[:max(strings.LastIndexByte(locale, '-'), 0)]
	}
	return c[""][kind]
}

// A template is the three parts of a mail.
type template struct {
	name          string // "de/code"
	subject, text *texttemplate.Template
	html          *htmltemplate.Template
}

type rendered struct{ subject, text, html string }

func (t *template) render(d Data) (rendered, error) {
	var subject, text, html strings.Builder
	if err := t.text.Execute(&text, d); err != nil {
		return rendered{}, err
	}
	if err := t.html.Execute(&html, d); err != nil {
		return rendered{}, err
	}
	d.Code, d.URL = "", ""
	if err := t.subject.Execute(&subject, d); err != nil {
		return rendered{}, err
	}
	return rendered{oneLine(subject.String()), text.String(), html.String()}, nil
}

// subjectHas says that the subject would print the code or the link, if it got it.
func (t *template) subjectHas(d Data) bool {
	var b strings.Builder
	return t.subject.Execute(&b, d) != nil || strings.Contains(b.String(), d.secret())
}

// secret is what the mail is sent for: a code or a link; "" of a notice.
func (d *Data) secret() string { return d.Code + d.URL }

// loadTemplates reads the embedded templates, and then those of the host.
func loadTemplates(host fs.FS) (catalog, error) {
	own, err := fs.Sub(embedded, "templates")
	if err != nil {
		return nil, err
	}
	c := make(catalog)
	if err := c.add(own); err != nil {
		return nil, err
	}
	if host == nil {
		return c, nil
	}
	if err := c.add(host); err != nil {
		return nil, fmt.Errorf("Config.Templates: %w", err)
	}
	return c, nil
}

// add reads all of fsys. What it does not know is an error: a misspelled file
// would else be a mail in the wrong language.
func (c catalog) add(fsys fs.FS) error {
	found := make(map[string]*template) // by name
	err := eachFile(fsys, ".", func(path string, b []byte) error {
		locale, file, _ := strings.Cut(path, "/")
		kind, part, _ := strings.Cut(file, ".")
		if locale != defaultLocale && (!tag.MatchString(locale) || len(locale) > maxLocale) ||
			!slices.Contains(kinds, authn.MessageKind(kind)) {
			return fmt.Errorf("%s: want LOCALE/KIND.PART", path)
		}
		b = bytes.TrimPrefix(b, byteOrderMark)
		if !utf8.Valid(b) {
			return fmt.Errorf("%s: not in UTF-8", path)
		}
		name := strings.ToLower(locale) + "/" + kind
		if found[name] == nil {
			found[name] = &template{name: locale + "/" + kind}
		}
		if is := found[name].name; is != locale+"/"+kind {
			return fmt.Errorf("%s: there is %s too", path, is)
		}
		return found[name].parse(path, part, string(b))
	})
	if err != nil {
		return err
	}
	for name, t := range found {
		if t.subject == nil || t.text == nil || t.html == nil {
			return fmt.Errorf("%s: want .subject, .txt and .html", t.name)
		}
		locale, kind, _ := strings.Cut(name, "/")
		if locale == defaultLocale {
			locale = ""
		}
		if c[locale] == nil {
			c[locale] = make(map[authn.MessageKind]*template)
		}
		c[locale][authn.MessageKind(kind)] = t
	}
	return nil
}

// eachFile calls f with every file in a folder and below, also where a link
// leads to one. It passes over what is nobody's template: see [Config].
func eachFile(fsys fs.FS, folder string, f func(path string, b []byte) error) error {
	entries, err := fs.ReadDir(fsys, folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if leftBehind(e.Name()) {
			continue
		}
		name := path.Join(folder, e.Name())
		info, err := fs.Stat(fsys, name) // of what a link leads to
		switch {
		case err != nil:
		case info.IsDir() && strings.Count(name, "/") == maxDepth: // or a link to a folder above
			err = fmt.Errorf("%s: want LOCALE/KIND.PART", name)
		case info.IsDir():
			err = eachFile(fsys, name, f)
		case !info.Mode().IsRegular():
			err = fmt.Errorf("%s: not a file", name)
		case info.Size() > maxTemplate:
			err = fmt.Errorf("%s: larger than %d bytes", name, maxTemplate)
		default:
			var b []byte
			if b, err = fs.ReadFile(fsys, name); err == nil {
				err = f(name, b)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leftBehind says that a file or folder is of a system or an editor: hidden, as
// what Kubernetes keeps the versions of a volume in, or a backup.
func leftBehind(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") ||
		strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") ||
		slices.Contains([]string{"lost+found", "Thumbs.db", "desktop.ini", "__MACOSX"}, name)
}

func (t *template) parse(path, part, s string) (err error) {
	switch part {
	case "subject":
		t.subject, err = texttemplate.New(path).Parse(s)
	case "txt":
		t.text, err = texttemplate.New(path).Parse(s)
	case "html":
		t.html, err = htmltemplate.New(path).Parse(s)
	default:
		err = fmt.Errorf("%s: want .subject, .txt or .html", path)
	}
	return err
}

// tryTemplates renders every template for whatever it may print, so that a fault shows
// when the program starts and not when somebody waits for a code.
func (w *Composer) tryTemplates() error {
	for _, kinds := range w.templates {
		for kind, t := range kinds {
			for _, m := range samples(kind) {
				if err := w.try(t, m); err != nil {
					return fmt.Errorf("Config.Templates: %w", err)
				}
			}
		}
	}
	return nil
}

const sampleCode = "074936180257"

var sampleTime = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// samples are messages that differ in all that a template of the kind can tell apart.
func samples(kind authn.MessageKind) (list []authn.Message) {
	m := authn.Message{Kind: kind}
	if kind != authn.CodeMessage && kind != linkMail {
		locked := m
		locked.Until = sampleTime
		return append(list, m, locked)
	}
	m.Code, m.Generation, m.Expires = sampleCode, 2, sampleTime.Add(time.Hour)
	m.Kind = authn.CodeMessage
	if kind == linkMail {
		m.Link = sampleCode
	}
	for _, m.Purpose = range append(slices.Clip(purposes), "another") {
		for _, m.Factor = range []string{"", "factor"} {
			list = append(list, m)
		}
	}
	return list
}

func (w *Composer) try(t *template, m authn.Message) error {
	sample := *w
	if m.Link != "" {
		sample.links = map[authn.Purpose]string{m.Purpose: "https://id.example.com/open"}
	}
	d, err := sample.data(m, sampleTime)
	if err != nil {
		return err
	}
	out, err := t.render(d)
	switch {
	case err != nil:
		return err
	case out.subject == "" || strings.TrimSpace(out.text) == "" || strings.TrimSpace(out.html) == "":
		return fmt.Errorf("%s: a part is empty", t.name)
	case d.secret() != "" && t.subjectHas(d):
		return fmt.Errorf("%s: the subject must not have the code or the link", t.name)
	case d.secret() != "" && (!strings.Contains(out.text, d.secret()) || !strings.Contains(out.html, d.secret())):
		return fmt.Errorf("%s: .txt and .html have to print the code, digit by digit, or the URL of the link", t.name)
	}
	return nil
}

var errUnsaid = errors.New("failed")
