package diagram

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns valid UTF-8 in which the only control character is the line
// break.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\r' || c == '\u0085' || c == '\u2028' || c == '\u2029':
			return '\n'
		case c == '\t':
			return ' '
		case c < ' ':
			return '\u2400' + c
		case c == 0x7f:
			return '\u2421'
		case c > 0x7f && c < 0xa0, c >= 0xfdd0 && c <= 0xfdef, c&0xfffe == 0xfffe:
			return '\uFFFD'
		}
		return c
	}, s)
}

// wrap breaks a text at spaces into lines of at most n characters if possible,
// and keeps its line breaks.
func wrap(s string, n int) []string {
	var ls []string
	for p := range strings.SplitSeq(clean(s), "\n") {
		l := ""
		for w := range strings.SplitSeq(p, " ") {
			switch {
			case l == "":
				l = w
			case utf8.RuneCountInString(l)+1+utf8.RuneCountInString(w) <= n:
				l += " " + w
			default:
				ls = append(ls, l)
				l = w
			}
		}
		ls = append(ls, l)
	}
	return ls
}

// escape replaces each character for which f does not return "".
func escape(s string, f func(c rune) string) string {
	return escapeAmong(s, func(_, c, _ rune) string { return f(c) })
}

// escapeAmong is escape with the characters before and after, 0 if there is
// none.
func escapeAmong(s string, f func(before, c, after rune) string) string {
	var b strings.Builder
	rs := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(rs) {
			return 0
		}
		return rs[i]
	}
	for i, c := range rs {
		if e := f(at(i-1), c, at(i+1)); e != "" {
			b.WriteString(e)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// inWord reports whether a character between before and after is within a word,
// as the underscore in MFA_ENROLL.
func inWord(before, after rune) bool {
	in := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
	return in(before) && in(after)
}

// plain reports whether a character has no meaning in any format.
func plain(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ' ' || c > 0x7f
}

// after returns the colon and the label, or "" if the label is blank.
func after(colon, label string) string {
	if strings.Trim(label, " \u00a0") == "" {
		return ""
	}
	return colon + label
}
