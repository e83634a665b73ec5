package sql

import (
	"strconv"
	"strings"

	"oibus/agent/interval"
	"oibus/agent/transform/datetime"
)

// The variables of a query. They are case-sensitive.
const (
	startTime = "@StartTime"
	endTime   = "@EndTime"
)

// Syntax is what must be known of a dialect of SQL to find the variables in a query, and not what looks like them in
// its texts, names and comments.
type Syntax struct {
	// Placeholder is what stands for the n-th variable, counted from 1. nil keeps the variables: they are bound by name.
	Placeholder func(n int) string
	Backslash   bool // \ escapes in texts (MySQL)
	Escapes     bool // \ escapes in E'' texts, and $tag$ begins a text (PostgreSQL)
	Hash        bool // # begins a comment, -- only before a space, and /*! does not (MySQL)
	Bracket     bool // [] around names
	Nested      bool // comments lie in comments
	Q           bool // q'[…]' is a text (Oracle)
}

// Statement is a query whose variables are found.
type Statement struct {
	Text      string
	Variables []string // startTime or endTime, in the order of the placeholders; each once when they are kept
}

// Parse finds the variables of a query.
func (s Syntax) Parse(query string) Statement {
	var st Statement
	var out strings.Builder
	for i := 0; i < len(query); {
		end, name := s.token(query, i)
		switch {
		case name == "":
			out.WriteString(query[i:end])
		case s.Placeholder != nil:
			st.Variables = append(st.Variables, name)
			out.WriteString(s.Placeholder(len(st.Variables)))
		default:
			if len(st.Variables) == 0 || st.Variables[0] != name && len(st.Variables) < 2 {
				st.Variables = append(st.Variables, name)
			}
			out.WriteString(name)
		}
		i = end
	}
	st.Text = out.String()
	return st
}

// token finds the end of what begins at i, and the variable when it is one.
func (s Syntax) token(q string, i int) (end int, variable string) {
	rest := q[i:]
	switch c := q[i]; {
	case c == '@':
		return s.variable(q, i)
	case c == '\'':
		return s.quoted(q, i+1, c, s.Backslash), ""
	case c == '"':
		return s.quoted(q, i+1, c, s.Backslash), ""
	case c == '`':
		return s.quoted(q, i+1, c, false), ""
	case c == '[' && s.Bracket:
		return s.quoted(q, i+1, ']', false), ""
	case strings.HasPrefix(rest, "--") && (!s.Hash || len(rest) == 2 || rest[2] <= ' '), c == '#' && s.Hash:
		return lineEnd(q, i), ""
	case strings.HasPrefix(rest, "/*") && !(s.Hash && strings.HasPrefix(rest, "/*!")):
		return s.comment(q, i+2), ""
	case c == '$' && s.Escapes:
		return dollar(q, i), ""
	case wordByte(c):
		return s.word(q, i), ""
	}
	return i + 1, ""
}

func (s Syntax) variable(q string, i int) (end int, name string) {
	for _, name := range []string{startTime, endTime} {
		if after, ok := strings.CutPrefix(q[i:], name); ok && (after == "" || !wordByte(after[0]) && after[0] != '@') {
			return i + len(name), name
		}
	}
	for i < len(q) && q[i] == '@' {
		i++
	}
	for i < len(q) && wordByte(q[i]) {
		i++
	}
	return i, ""
}

// word passes over a name or number, or over the text that a letter announces.
func (s Syntax) word(q string, i int) int {
	start := i
	for i < len(q) && wordByte(q[i]) {
		i++
	}
	if i == len(q) || q[i] != '\'' {
		return i
	}
	switch prefix := strings.ToLower(q[start:i]); {
	case s.Escapes && prefix == "e":
		return s.quoted(q, i+1, '\'', true)
	case s.Q && (prefix == "q" || prefix == "nq") && i+1 < len(q):
		return alternative(q, i+1)
	}
	return i
}

// quoted finds the end of a text whose quote has been passed. A doubled quote is part of it.
func (s Syntax) quoted(q string, i int, quote byte, backslash bool) int {
	for i < len(q) {
		switch {
		case backslash && q[i] == '\\':
			i += 2
			continue
		case q[i] != quote:
		case i+1 < len(q) && q[i+1] == quote:
			i++
		default:
			return i + 1
		}
		i++
	}
	return len(q)
}

// alternative finds the end of Oracle's q'[…]', from its opening bracket on.
func alternative(q string, i int) int {
	closing := q[i]
	if j := strings.IndexByte("([{<", closing); j >= 0 {
		closing = ")]}>"[j]
	}
	if j := strings.Index(q[i+1:], string([]byte{closing, '\''})); j >= 0 {
		return i + 1 + j + 2
	}
	return len(q)
}

// dollar finds the end of $tag$ … $tag$, or passes over a lone $.
func dollar(q string, i int) int {
	j := i + 1
	for j < len(q) && q[j] != '$' && wordByte(q[j]) {
		j++
	}
	if j == len(q) || q[j] != '$' || q[i+1] >= '0' && q[i+1] <= '9' {
		return i + 1
	}
	tag := q[i : j+1]
	if k := strings.Index(q[j+1:], tag); k >= 0 {
		return j + 1 + k + len(tag)
	}
	return len(q)
}

func (s Syntax) comment(q string, i int) int {
	for depth := 1; i < len(q); {
		switch {
		case strings.HasPrefix(q[i:], "*/"):
			i += 2
			if depth--; depth == 0 {
				return i
			}
		case s.Nested && strings.HasPrefix(q[i:], "/*"):
			i += 2
			depth++
		default:
			i++
		}
	}
	return len(q)
}

func lineEnd(q string, i int) int {
	if j := strings.IndexByte(q[i:], '\n'); j >= 0 {
		return i + j + 1
	}
	return len(q)
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// Arg is the value of a variable.
type Arg struct {
	Name    string // without @
	Text    string
	Integer int64 // when Number
	Number  bool
}

// Value is the value as an int64 or a string.
func (a Arg) Value() any {
	if a.Number {
		return a.Integer
	}
	return a.Text
}

// args are the values of the variables, spelled like the column that is tracked, or as instants when there is none.
func (st Statement) args(reference *field, w interval.Window) ([]Arg, error) {
	if len(st.Variables) == 0 {
		return nil, nil
	}
	spec := datetime.Spec{Type: datetime.ISOString}
	if reference != nil {
		spec = reference.spec()
		w = foldOf(spec).widen(w)
	}
	out, err := datetime.NewOutput(spec)
	if err != nil {
		return nil, err
	}
	args := make([]Arg, len(st.Variables))
	for i, name := range st.Variables {
		at := w.Start
		if name == endTime {
			at = w.End
		}
		args[i] = Arg{Name: name[1:], Text: string(out.Append(nil, at.UnixMilli())), Number: out.Number()}
		if out.Number() {
			if args[i].Integer, err = strconv.ParseInt(args[i].Text, 10, 64); err != nil {
				return nil, err
			}
		}
	}
	return args, nil
}

// spec is how the column spells a date. A column type that says nothing of a zone, and that no zone can be chosen for,
// is in that of the agent, whatever is left in the settings.
func (f *field) spec() datetime.Spec {
	spec := datetime.Spec{Type: datetime.Type(f.Type), Timezone: f.Timezone, Format: f.Format, Locale: f.Locale}
	if spec.Type == datetime.Timestamp {
		spec.Timezone = ""
	}
	return spec
}

// describe tells the values, for the log.
func describe(args []Arg) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, a := range args {
		if !seen[a.Name] {
			seen[a.Name] = true
			if b.Len() == 0 {
				b.WriteString(" with")
			}
			b.WriteString(" @" + a.Name + " = " + a.Text)
		}
	}
	return b.String()
}
