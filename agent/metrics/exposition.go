package metrics

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// longestLabel bounds the value of a label, in characters: a name as long as a book would be written again with each figure.
const longestLabel = 200

// Label is one of a sample. Its value may be any text.
type Label struct{ Name, Value string }

// Sample is one value of a figure.
type Sample struct {
	Labels []Label
	Value  float64
}

// Exposition writes figures in the text format of Prometheus, version 0.0.4. A figure is written as a whole, as the format
// wants it. Names and helps are those of the program; labels are what people entered, and can break nothing. The first
// error of writing is told by Close.
type Exposition struct{ out *bufio.Writer }

// NewExposition writes to w.
func NewExposition(w io.Writer) *Exposition { return &Exposition{bufio.NewWriter(w)} }

// Close writes what is left.
func (e *Exposition) Close() error { return e.out.Flush() }

// Gauge is a figure that goes up and down.
func (e *Exposition) Gauge(name, help string, samples ...Sample) {
	e.family(name, help, "gauge", samples)
}

// Counter is a figure that goes up only, and begins anew at 0. Its name ends with _total.
func (e *Exposition) Counter(name, help string, samples ...Sample) {
	e.family(name, help, "counter", samples)
}

func (e *Exposition) family(name, help, kind string, samples []Sample) {
	if len(samples) == 0 {
		return
	}
	for _, text := range []string{"# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"} {
		e.out.WriteString(text) // errors stay with the writer
	}
	for _, s := range samples {
		e.out.WriteString(name)
		for i, l := range s.Labels {
			e.out.WriteByte("{,"[min(i, 1)])
			e.out.WriteString(l.Name)
			e.out.WriteString(`="`)
			e.out.WriteString(labelText(l.Value))
			e.out.WriteByte('"')
		}
		if len(s.Labels) > 0 {
			e.out.WriteByte('}')
		}
		e.out.WriteByte(' ')
		e.out.WriteString(strconv.FormatFloat(s.Value, 'g', -1, 64))
		e.out.WriteByte('\n')
	}
}

// labelText is a text inside of the quotes of a label. Control characters, which no one wants to read and some parsers stop
// at, are replaced.
func labelText(text string) string {
	var b strings.Builder
	count := 0
	for _, r := range text { // what is no UTF-8 comes as U+FFFD
		if count++; count > longestLabel {
			b.WriteRune('…')
			break
		}
		switch {
		case r == '\\' || r == '"':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case unicode.IsControl(r):
			b.WriteRune(unicode.ReplacementChar)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// One is the only sample of a figure without labels.
func One(value float64) Sample { return Sample{Value: value} }

// Flag is 1 for true.
func Flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Stamp is a moment as Prometheus has them: seconds since 1970; ok is false when there was none.
func Stamp(t time.Time) (seconds float64, ok bool) {
	if t.IsZero() {
		return 0, false
	}
	return float64(t.UnixMilli()) / 1000, true
}
