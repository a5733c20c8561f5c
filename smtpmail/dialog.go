package smtpmail

import (
	"encoding/base64"
	"errors"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// A dialog is the client's side of an SMTP conversation (RFC 5321). It takes
// what servers say in practice: replies without a text, keywords in any case.
type dialog struct {
	text       *textproto.Conn
	startTLS   bool     // offered in the last EHLO
	mechanisms []string // for a login, in upper case; as above
}

func newDialog(conn net.Conn) *dialog { return &dialog{text: textproto.NewConn(conn)} }

// The first digits of replies.
const (
	done   = 2
	goOn   = 3
	refuse = 5
)

// command sends a line, and returns the text of the reply if it begins with
// that digit, else a [*textproto.Error].
func (d *dialog) command(digit int, line string) (string, error) {
	if err := d.text.PrintfLine("%s", line); err != nil {
		return "", err
	}
	return d.reply(digit)
}

// reply reads a reply. A client is to go by the first digit (RFC 5321 4.3.2).
func (d *dialog) reply(digit int) (string, error) {
	code, text, err := d.read()
	if err == nil && code/100 != digit {
		err = &textproto.Error{Code: code, Msg: text}
	}
	return text, err
}

// read reads a reply: lines that begin with the same code, the last of them
// without a hyphen. What else stands between them is text as well.
func (d *dialog) read() (code int, text string, err error) {
	line, err := d.text.ReadLine()
	if err != nil {
		return 0, "", err
	}
	code, more, text, ok := parseLine(line)
	if !ok {
		return 0, "", errProtocol
	}
	for more {
		if line, err = d.text.ReadLine(); err != nil {
			return 0, "", err
		}
		next, hyphen, rest, ok := parseLine(line)
		if !ok || next != code {
			hyphen, rest = true, line
		}
		more, text = hyphen, text+"\n"+rest
	}
	return code, text, nil
}

// parseLine takes a line of a reply apart. The last line may be the code alone.
func parseLine(line string) (code int, more bool, text string, ok bool) {
	if len(line) < 3 || line[0] < '1' || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false, "", false
	}
	n, err := strconv.ParseUint(line[:3], 10, 16)
	if err != nil {
		return 0, false, "", false
	}
	if len(line) == 3 {
		return int(n), false, "", true
	}
	return int(n), line[3] == '-', line[4:], true
}

// hello introduces the client by EHLO, or by HELO to a server that refuses
// that, and notes what the server offers.
func (d *dialog) hello(name string) error {
	d.startTLS, d.mechanisms = false, nil
	text, err := d.command(done, "EHLO "+name)
	if answer := new(textproto.Error); errors.As(err, &answer) && answer.Code/100 == refuse {
		_, err = d.command(done, "HELO "+name)
		return err
	}
	if err != nil {
		return err
	}
	for _, line := range strings.Split(text, "\n")[1:] {
		line = strings.ToUpper(line)
		if rest, ok := strings.CutPrefix(line, "AUTH="); ok { // of servers older than RFC 2554
			line = "AUTH " + rest
		}
		switch words := strings.Fields(line); {
		case len(words) == 0:
		case words[0] == "STARTTLS":
			d.startTLS = true
		case words[0] == "AUTH":
			d.mechanisms = append(d.mechanisms, words[1:]...)
		}
	}
	return nil
}

// login has the dialogue that auth makes (RFC 4954).
func (d *dialog) login(auth smtp.Auth, host string, encrypted bool) error {
	mechanism, response, err := auth.Start(&smtp.ServerInfo{Name: host, TLS: encrypted, Auth: d.mechanisms})
	if err != nil {
		return err
	}
	line := "AUTH " + mechanism
	if len(response) > 0 {
		line += " " + base64.StdEncoding.EncodeToString(response)
	}
	for {
		if err := d.text.PrintfLine("%s", line); err != nil {
			return err
		}
		code, text, err := d.read()
		switch {
		case err != nil:
			return err
		case code/100 == done:
			return nil
		case code/100 != goOn:
			return &textproto.Error{Code: code, Msg: text}
		}
		challenge, _ := base64.StdEncoding.DecodeString(text) // PLAIN and LOGIN pass over it
		if response, err = auth.Next(challenge, true); err != nil {
			_, _ = d.command(done, "*") // RFC 4954: breaks it off
			return err
		}
		line = base64.StdEncoding.EncodeToString(response)
	}
}
