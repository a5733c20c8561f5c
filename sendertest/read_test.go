package sendertest

import (
	"strings"
	"testing"
)

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

func TestParse(t *testing.T) {
	m, err := Parse([]string{"a@example.com"}, crlf(`From: x@example.com
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Message-ID: <1@example.com>
Received: one
Received: two
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

caf=C3=A9 =
012345
--a
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: base64

PHA+MDEy
MzQ1PC9wPg==
--a--
--m
Content-Type: text/plain
Content-Disposition: attachment; filename=x

attached
--m--
`))
	if err != nil {
		t.Fatal(err)
	}
	if m.Text != "café 012345" || m.HTML != "<p>012345</p>" || m.ID != "<1@example.com>" {
		t.Errorf("text %q, html %q, id %q", m.Text, m.HTML, m.ID)
	}
	if got := m.Header["Subject"]; len(got) != 1 || got[0] != "Grüße" {
		t.Errorf("subject %q", got)
	}
	if got := m.Header["Received"]; len(got) != 2 {
		t.Errorf("received %q", got)
	}
}

func TestParsePlain(t *testing.T) {
	m, err := Parse(nil, crlf("Subject: x\n\n012345\n"))
	if err != nil || m.Text != "012345\r\n" || m.HTML != "" {
		t.Errorf("text %q, html %q, error %v", m.Text, m.HTML, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, raw := range map[string]string{
		"no header":         "no header\n",
		"a broken word":     "Subject: =?koi8-r?q?x?=\n\n",
		"content type":      "Content-Type: ;\n\n",
		"charset":           "Content-Type: text/plain; charset=utf-16\n\n",
		"transfer encoding": "Content-Transfer-Encoding: rot13\n\n",
		"base64":            "Content-Transfer-Encoding: base64\n\n!\n",
		"an open multipart": "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n",
	} {
		if m, err := Parse(nil, crlf(raw)); err == nil {
			t.Errorf("%s: no error, text %q", name, m.Text)
		}
	}
}

func TestWellFormed(t *testing.T) {
	for name, m := range map[string]Mail{
		"long line":      {Raw: []byte(strings.Repeat("x", 999) + "\r\n")},
		"header":         {Header: map[string][]string{"Subject": {"a\u2028b"}}},
		"control":        {Text: "a\x00b"},
		"lone CR":        {HTML: "a\rb"},
		"next line":      {Text: "a\u0085b"},
		"not UTF-8":      {HTML: "\xff"},
		"paragraph":      {HTML: "a\u2029b"},
		"escape in text": {Text: "\x1b[2J"},
	} {
		if wellFormed(m) == nil {
			t.Errorf("%s: nothing found", name)
		}
	}
	fine := Mail{Raw: []byte(strings.Repeat("x", 998) + "\r\ny"), Text: "a\r\n\tb\n", HTML: "<p>ä\r\n</p>"}
	if err := wellFormed(fine); err != nil {
		t.Error(err)
	}
}

func TestSays(t *testing.T) {
	for _, c := range []struct {
		text, word string
		want       bool
	}{
		{"code 012345.", "012345", true},
		{"012345", "012345", true},
		{"a\n012345\nb", "012345", true},
		{"1012345", "012345", false},
		{"0123450", "012345", false},
		{"1111", "111", false},
		{"37:05 and 12:37", "37", false},
		{"code 37, until 12:37", "37", true},
		{"", "1", false},
	} {
		if got := says(c.text, c.word); got != c.want {
			t.Errorf("says(%q, %q) = %v", c.text, c.word, got)
		}
	}
}

func TestVisible(t *testing.T) {
	const s = `<head><title>111111</title><style>p{color:#222222}</style></head>` +
		`<body><!-- 333333 --><p style="x:444444"><b>012</b><i>345</i></p><p>a &amp; b</p></body>`
	got := strings.Fields(visible(s))
	if strings.Join(got, " ") != "012345 a & b" {
		t.Errorf("%q", got)
	}
}
