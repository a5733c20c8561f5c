package diagram

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// parsed is the content of a drawing, as a parser of its format reads it.
type parsed struct {
	names  map[string]string   // of boxes, by id
	inside map[string][]string // lines of boxes, by id
	edges  []edge
	start  []string
	ends   []string
}

type edge struct{ from, to, label string }

// norm replaces each run of white space with one blank, so that broken lines are
// equal to unbroken ones.
func norm(s string) string {
	return strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
}

// want returns the expected content of a drawing.
func want(d *drawing, list string) parsed {
	p := parsed{names: map[string]string{}, inside: map[string][]string{}}
	for i := range d.nodes {
		n := &d.nodes[i]
		p.names[n.id] = norm(n.name())
		for _, l := range n.items() {
			p.inside[n.id] = append(p.inside[n.id], norm(l))
		}
		if n.initial {
			p.start = append(p.start, n.id)
		}
		if n.final {
			p.ends = append(p.ends, n.id)
		}
	}
	for _, a := range d.arrows {
		var ls []string
		for _, l := range a.lines {
			if len(a.lines) > 1 {
				ls = append(ls, list)
			}
			ls = append(ls, l.String())
		}
		p.edges = append(p.edges, edge{d.nodes[a.from].id, d.nodes[a.to].id, norm(strings.Join(ls, " "))})
	}
	return p
}

var (
	mermaidSkip  = regexp.MustCompile(`^(---|title: "(?:[^"\\]|\\.)*"|stateDiagram-v2|    direction (TB|LR)|    classDef \w+ [\w#:,. -]+|    class \w+ \w+|    note right of \w+|        [^"eE][^"]*|        |    end note)$`)
	mermaidState = regexp.MustCompile(`^    state "([^"]*)" as (\w+)$`)
	mermaidArrow = regexp.MustCompile(`^    (\w+) --> (\w+)(?:: (.*))?$`)
	mermaidLine  = regexp.MustCompile(`^    (\w+): (.*)$`)
	startArrow   = regexp.MustCompile(`^ *\[\*\] --> (\w+)$`)
	endArrow     = regexp.MustCompile(`^ *(\w+) --> \[\*\]$`)
	mermaidText1 = regexp.MustCompile(`#\d+;|<br>|[^"#<>:;%{}*|\\` + "`" + `]`)
	entity       = regexp.MustCompile(`#(\d+);`)
)

func parseMermaid(s string) (p parsed, err error) {
	p = parsed{names: map[string]string{}, inside: map[string][]string{}}
	text := func(s string) string {
		if rest := mermaidText1.ReplaceAllString(s, ""); rest != "" {
			err = errors.Join(err, fmt.Errorf("%q in %q", rest, s))
		}
		s = strings.NewReplacer("<br>", "\n", "ﬂ"+joiner+"°", "ﬂ°", "¶"+joiner+"ß", "¶ß").Replace(s)
		return norm(decode(s, entity, 10))
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if m := mermaidState.FindStringSubmatch(l); m != nil {
			p.names[m[2]] = text(m[1])
		} else if m := mermaidArrow.FindStringSubmatch(l); m != nil {
			p.edges = append(p.edges, edge{m[1], m[2], text(m[3])})
		} else if m := startArrow.FindStringSubmatch(l); m != nil {
			p.start = append(p.start, m[1])
		} else if m := endArrow.FindStringSubmatch(l); m != nil {
			p.ends = append(p.ends, m[1])
		} else if m := mermaidLine.FindStringSubmatch(l); m != nil {
			p.inside[m[1]] = append(p.inside[m[1]], text(m[2]))
		} else if !mermaidSkip.MatchString(l) {
			err = errors.Join(err, fmt.Errorf("line %q", l))
		}
	}
	return p, err
}

// decode replaces numbered characters.
func decode(s string, re *regexp.Regexp, base int) string {
	return re.ReplaceAllStringFunc(s, func(e string) string {
		n, err := strconv.ParseUint(re.FindStringSubmatch(e)[1], base, 32)
		if err != nil {
			return "?"
		}
		return string(rune(n))
	})
}

var (
	umlSkip  = regexp.MustCompile(`^(@startuml|@enduml|left to right direction|hide empty description|skinparam .*|}|  \w+(<<\w+>>)? [#\w]+|title .*|note right of \w+ : .*)$`)
	umlState = regexp.MustCompile(`^state "([^"]*)" as (\w+)( <<\w+>>)?$`)
	umlArrow = regexp.MustCompile(`^(\w+) -(?:-|\[#\w+,bold\]-)> (\w+)(?: : (.*))?$`)
	umlLine  = regexp.MustCompile(`^(\w+) : (.*)$`)
	umlBad   = regexp.MustCompile("[\"#;:!%$*~|^{}'`&=?@+-]|__|//|\\[\\[|\\]\\]|\\.\\.|,,|\\(\\(|\\)\\)|\\\\[^n]|<[^U]|<U[^+]")
	umlChar  = regexp.MustCompile(`<U\+([0-9A-F]{4,})>`)
)

func parsePlantUML(s string) (p parsed, err error) {
	p = parsed{names: map[string]string{}, inside: map[string][]string{}}
	text := func(s string) string {
		if bad := umlBad.FindString(umlChar.ReplaceAllString(s, "A")); bad != "" {
			err = errors.Join(err, fmt.Errorf("%q in %q", bad, s))
		}
		return norm(decode(strings.ReplaceAll(s, `\n`, "\n"), umlChar, 16))
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if m := umlState.FindStringSubmatch(l); m != nil {
			p.names[m[2]] = text(m[1])
		} else if m := umlArrow.FindStringSubmatch(l); m != nil {
			p.edges = append(p.edges, edge{m[1], m[2], text(m[3])})
		} else if m := startArrow.FindStringSubmatch(l); m != nil {
			p.start = append(p.start, m[1])
		} else if m := endArrow.FindStringSubmatch(l); m != nil {
			p.ends = append(p.ends, m[1])
		} else if m := umlLine.FindStringSubmatch(l); m != nil {
			p.inside[m[1]] = append(p.inside[m[1]], text(m[2]))
		} else if !umlSkip.MatchString(l) {
			err = errors.Join(err, fmt.Errorf("line %q", l))
		}
	}
	return p, err
}

const (
	dotString = `"(?:[^"\\\n]|\\.)*"`
	dotMarkup = `<<TABLE[^\n]*</TABLE>>`
)

var (
	dotSkip  = regexp.MustCompile(`^(digraph {|}|\tlabel=` + dotString + ` labelloc=t fontsize=\d+|\trankdir=(TB|LR) [^\n]*|\t(node|edge) \[[^\n]*\]|\t{rank=sink; [\w; ]+}|\tnote\d+ [^\n]*)$`)
	dotState = regexp.MustCompile(`^\t(\w+) \[label=(` + dotString + `|` + dotMarkup + `) class=\w+ fillcolor="[#\w]+" color="[#\w]+" fontcolor="[#\w]+"( style="rounded,dashed")?( peripheries=2)?\]$`)
	dotArrow = regexp.MustCompile(`^\t(\w+) -> (\w+) \[label=(` + dotString + `) class=[^"]*( color="[^"]*" fontcolor="[^"]*" penwidth=2.5)?\]$`)
	dotStart = regexp.MustCompile(`^\tstart\d+ -> (\w+) \[class=arrow\]$`)
	dotPoint = regexp.MustCompile(`^\tstart\d+ \[shape=point [^\]]*\]$`)
	dotCell  = regexp.MustCompile(`^<(<TABLE.*</TABLE>)>$`)
)

func parseDOT(s string) (p parsed, err error) {
	p = parsed{names: map[string]string{}, inside: map[string][]string{}}
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if m := dotState.FindStringSubmatch(l); m != nil && m[1] != "node" {
			p.names[m[1]] = dotUnquoted(m[2])
			if t := dotCell.FindStringSubmatch(m[2]); t != nil {
				var name string
				name, p.inside[m[1]], err = dotTable(t[1], err)
				p.names[m[1]] = name
			}
			if m[4] != "" {
				p.ends = append(p.ends, m[1])
			}
		} else if m := dotStart.FindStringSubmatch(l); m != nil {
			p.start = append(p.start, m[1])
		} else if m := dotArrow.FindStringSubmatch(l); m != nil {
			p.edges = append(p.edges, edge{m[1], m[2], dotUnquoted(m[3])})
		} else if !dotSkip.MatchString(l) && !dotPoint.MatchString(l) {
			err = errors.Join(err, fmt.Errorf("line %q", l))
		}
	}
	return p, err
}

var dotEscape = regexp.MustCompile(`\\.`)

func dotUnquoted(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`)
	s = dotEscape.ReplaceAllStringFunc(s, func(e string) string {
		if e == `\n` || e == `\l` {
			return "\n"
		}
		return e[1:]
	})
	return norm(strings.ReplaceAll(s, "&amp;", "&"))
}

// dotTable parses an HTML-like label as XML.
func dotTable(s string, err error) (name string, lines []string, _ error) {
	dec := xml.NewDecoder(strings.NewReader(s))
	var cells []string
	for {
		tok, e := dec.Token()
		if e == io.EOF {
			break
		}
		if e != nil {
			return "", nil, errors.Join(err, e)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			switch tok.Name.Local {
			case "TD":
				cells = append(cells, "")
			case "BR":
				cells[len(cells)-1] += "\n"
			case "TABLE", "TR", "HR":
			default:
				err = errors.Join(err, fmt.Errorf("element %s", tok.Name.Local))
			}
		case xml.CharData:
			cells[len(cells)-1] += strings.ReplaceAll(string(tok), `\\`, `\`)
		}
	}
	if len(cells) != 2 {
		return "", nil, errors.Join(err, fmt.Errorf("%d cells", len(cells)))
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(cells[1], "\n"), "\n") {
		if strings.HasPrefix(l, blanks) && lines != nil {
			lines[len(lines)-1] = norm(lines[len(lines)-1] + " " + l)
		} else {
			lines = append(lines, norm(l))
		}
	}
	return norm(cells[0]), lines, err
}
