package smtpmail

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 5 * time.Minute
	maxService = 64
	maxContact = 200
	maxPage    = 200
	maxAddress = 254 // RFC 5321 4.5.3.1.3, without the brackets
)

// New returns a Sender. It connects to nothing. The error names the field of
// c, or the template, that is missing or wrong.
func New(c Config) (*Sender, error) {
	m := &Sender{
		addr: c.Addr, hello: c.Hello, mode: c.TLS, timeout: c.Timeout,
	}
	for _, step := range []func(*Config) error{m.setServer, m.setSender, m.setTexts, m.setLogin} {
		if err := step(&c); err != nil {
			return nil, fmt.Errorf("smtpmail: %w", err)
		}
	}
	return m, nil
}

func (m *Sender) setServer(c *Config) error {
	host, port, err := net.SplitHostPort(c.Addr)
	if n, e := strconv.Atoi(port); err != nil || e != nil || host == "" || n < 1 || n > 65535 {
		return errors.New("Config.Addr: want host:port")
	}
	m.host = host
	if c.TLS > Plaintext {
		return fmt.Errorf("Config.TLS: no mode %d", c.TLS)
	}
	switch {
	case c.Timeout == 0:
		m.timeout = DefaultTimeout
	case c.Timeout < minTimeout || c.Timeout > maxTimeout:
		return fmt.Errorf("Config.Timeout: want %v to %v", minTimeout, maxTimeout)
	}
	if c.Keep < 0 || c.Keep > maxKeep {
		return fmt.Errorf("Config.Keep: want 0 to %d", maxKeep)
	}
	m.kept = &kept{limit: c.Keep, time: idleTime}
	m.tls = new(tls.Config)
	if c.TLSConfig != nil {
		m.tls = c.TLSConfig.Clone()
	}
	if m.tls.ServerName == "" {
		m.tls.ServerName = host
	}
	if m.tls.MinVersion == 0 {
		m.tls.MinVersion = tls.VersionTLS12
	}
	return nil
}

func (m *Sender) setSender(c *Config) error {
	from, err := mail.ParseAddress(c.From)
	if err != nil || !validAddress(from.Address) || from.Name != "" && !printable(from.Name, maxService) {
		return errors.New("Config.From: want one address, with or without a name")
	}
	m.from = *from
	m.domain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	if m.hello == "" {
		m.hello = m.domain
	}
	if !validHost(strings.Trim(m.hello, "[]")) {
		return errors.New("Config.Hello: want a host name")
	}
	return nil
}

func (m *Sender) setTexts(c *Config) (err error) {
	m.words, err = newComposer(c)
	return err
}

func newComposer(c *Config) (w *Composer, err error) {
	w = &Composer{service: c.Service, contact: c.Contact, now: c.Now, zone: c.Zone, links: maps.Clone(c.Links)}
	if !printable(w.service, maxService) {
		return nil, fmt.Errorf("Config.Service: want 1 to %d printable characters", maxService)
	}
	if w.contact == "" {
		w.contact = "the support of " + w.service
	}
	if !printable(w.contact, maxContact) {
		return nil, fmt.Errorf("Config.Contact: want at most %d printable characters", maxContact)
	}
	if w.now == nil {
		w.now = time.Now
	}
	if w.zone == nil {
		w.zone = time.UTC
	}
	for p, page := range w.links {
		if !slices.Contains(purposes, p) || !validPage(page) {
			return nil, fmt.Errorf("Config.Links: want a page for a purpose of codes, by https, of at most %d bytes, without user, query or fragment", maxPage)
		}
	}
	if w.templates, err = loadTemplates(c.Templates); err != nil {
		return nil, err
	}
	return w, w.tryTemplates()
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func validPage(page string) bool {
	u, err := url.Parse(page)
	return err == nil && len(page) <= maxPage && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())) &&
		u.Hostname() != "" && strings.HasPrefix(u.Path, "/") && u.User == nil && !strings.ContainsAny(page, "?#")
}

func (m *Sender) setLogin(c *Config) error {
	if (c.Username == "") != (c.Password == "") {
		return errors.New("Config.Username and Config.Password go together")
	}
	if c.Username == "" {
		return nil
	}
	if c.TLS == Plaintext && !loopback(m.host) {
		return errors.New("Config.Password would travel in the clear")
	}
	m.auth = login(c.Username, string(c.Password), m.host)
	return nil
}

// printable says that s is 1 to limit characters of one line, and shows as
// what it is.
func printable(s string, limit int) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(s) && strings.TrimSpace(s) == s && s != "" && utf8.RuneCountInString(s) <= limit
}

// validAddress says that s is an address and nothing else: ASCII, without
// quotes, comments, brackets or anything that could begin another one.
func validAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(s) > maxAddress || strings.Contains("."+local+".", "..") {
		return false
	}
	for i := range len(local) {
		if local[i] <= ' ' || local[i] > '~' || strings.IndexByte(`<>()[]\,;:"`, local[i]) >= 0 {
			return false
		}
	}
	return validHost(domain)
}

// validHost says that s is a host name, or looks like an IP address.
func validHost(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '.' || c == ':') {
			return false
		}
	}
	return s != "" && !strings.Contains("."+s+".", "..")
}
