package webhooksend

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 5 * time.Minute
)

// New returns a Sender. It connects to nothing. The error names the field of c
// that is missing or wrong, and quotes no secret.
func New(c Config) (*Sender, error) {
	s := &Sender{url: c.URL, secret: []byte(c.Secret), timeout: c.Timeout, now: c.Now}
	for _, step := range []func(*Config) error{s.setURL, s.setSecret, s.setHeader, s.setTimes, s.setClient} {
		if err := step(&c); err != nil {
			return nil, fmt.Errorf("webhooksend: %w", err)
		}
	}
	return s, nil
}

func (s *Sender) setURL(c *Config) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" || !validPort(u.Port()) {
		return errors.New("Config.URL: want https://host/path")
	}
	if u.User != nil || u.Fragment != "" {
		return errors.New("Config.URL: it must not have user information or a fragment")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return errors.New("Config.URL: want https; codes would travel in the clear")
	}
	s.host = u.Host
	return nil
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return s == "" || err == nil && n >= 1 && n <= 65535
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (s *Sender) setSecret(c *Config) error {
	if len(c.Secret) < minSecret {
		return fmt.Errorf("Config.Secret: want at least %d bytes", minSecret)
	}
	return nil
}

// reserved are the headers that a Sender sets, and those by which HTTP finds the
// end of a request and the server.
var reserved = []string{
	"Content-Type", "Idempotency-Key", SignatureHeader,
	"Connection", "Content-Encoding", "Content-Length", "Expect", "Host", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

func (s *Sender) setHeader(c *Config) error {
	s.header = make(http.Header)
	for name, value := range c.Header {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !token(name):
			return fmt.Errorf("Config.Header: %q is not the name of a header", name)
		case slices.Contains(reserved, canonical):
			return fmt.Errorf("Config.Header: %s is not the host's to set", canonical)
		case s.header[canonical] != nil:
			return fmt.Errorf("Config.Header: %s occurs twice", canonical)
		case !printable(value):
			return fmt.Errorf("Config.Header: the value of %s is not printable ASCII", canonical)
		}
		s.header.Set(name, string(value))
	}
	return nil
}

// token says that s is a token of RFC 9110.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

func printable(s authn.Secret) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

func (s *Sender) setTimes(c *Config) error {
	switch {
	case c.Timeout == 0:
		s.timeout = DefaultTimeout
	case c.Timeout < minTimeout || c.Timeout > maxTimeout:
		return fmt.Errorf("Config.Timeout: want %v to %v", minTimeout, maxTimeout)
	}
	if s.now == nil {
		s.now = time.Now
	}
	return nil
}

func (s *Sender) setClient(c *Config) error {
	s.client = &http.Client{Transport: transport()}
	if c.Client != nil {
		copied := *c.Client
		s.client = &copied
	}
	// A redirection would take the code to an address that nobody configured.
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return nil
}

func transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        30 * time.Second, // less than gateways wait, so that they seldom close first
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // the answer is not read
	}
}
