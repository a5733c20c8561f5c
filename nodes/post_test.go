package nodes

import (
	"io"
	"log"
	"net"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/authnfsm/authn/sendertest"
)

// A post is a mail server in the test's process. What it has accepted no
// killed node takes away.
type post struct {
	addr string

	mu sync.Mutex
	in map[string][]letter // by recipient
}

// A letter is a mail that has arrived. Those without a code are notices.
type letter struct {
	id         string
	code       string
	generation int
}

func openPost(t *testing.T) *post {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{addr: l.Addr().String(), in: map[string][]letter{}}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{post: p}, nil }))
	s.Domain = "mail.example.com"
	s.ErrorLog = log.New(io.Discard, "", 0) // of connections that end in the middle
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Close()
		l.Close()
		wg.Wait()
	})
	return p
}

type session struct {
	post *post
	to   string
}

func (s *session) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = to; return nil }
func (s *session) Reset()                                    {}
func (s *session) Logout() error                             { return nil }

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := sendertest.Parse([]string{s.to}, raw)
	if err != nil {
		return err
	}
	s.post.deliver(s.to, read(m))
	return nil
}

var (
	codeLine   = regexp.MustCompile(`(?m)^(\d{6,12})\r?$`)
	numberLine = regexp.MustCompile(`This is code (\d+)\.`)
)

func read(m sendertest.Mail) letter {
	l := letter{id: m.ID}
	if c, n := codeLine.FindStringSubmatch(m.Text), numberLine.FindStringSubmatch(m.Text); c != nil && n != nil {
		l.code = c[1]
		l.generation, _ = strconv.Atoi(n[1])
	}
	return l
}

func (p *post) deliver(to string, l letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in[to] = append(p.in[to], l)
}

// letters returns the mail of a user, the oldest first.
func (p *post) letters(user string) []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.in[address(user)]...)
}

// code is the newest one of a user.
func (p *post) code(user string) string {
	var newest letter
	for _, l := range p.letters(user) {
		if l.generation >= newest.generation && l.code != "" {
			newest = l
		}
	}
	return newest.code
}

// otherCode is a wrong one of the same length.
func otherCode(code string) string {
	if code == "" {
		return ""
	}
	return string('0'+(code[0]-'0'+1)%10) + code[1:]
}
