package cloudsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"

	"oibus/testing/cloudsim/catalogue"
)

// functions are what the templates call.
var functions = template.FuncMap{
	"ago":       ago,
	"left":      func(t time.Time) string { return span(time.Until(t)) },
	"stamp":     stamp,
	"iso":       func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") },
	"size":      size,
	"count":     count,
	"pretty":    pretty,
	"deref":     text,
	"cut":       cut,
	"path":      agentPath,
	"online":    func(t time.Time) bool { return !t.IsZero() && time.Since(t) < onlineFor },
	"title":     commandTitle,
	"tone":      tone,
	"levelTone": levelTone,
	"lower":     strings.ToLower,
	"statuses":  statusTone,
	"list":      func(s ...string) []string { return s },
	"scope":     scopeName,
	"took":      took,
	"effect":    effect,
	"last":      lastBody,

	"cancellable": func(c Command) bool {
		return c.Status == CommandPending || c.Status == CommandRetrieved && !c.CancelRequested
	},
}

// onlineFor is how long after its last request an agent counts as present: a little more than the default poll
// interval of 60 s.
const onlineFor = 90 * time.Second

func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := time.Since(t)
	if d < time.Second {
		return "just now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// stamp is a time of today as a clock time, another as a date too.
func stamp(t time.Time) string {
	switch {
	case t.IsZero():
		return "–"
	case time.Since(t) < 24*time.Hour:
		return t.Local().Format("15:04:05")
	}
	return t.Local().Format("2 Jan 15:04:05")
}

func size(v any) string {
	var n float64
	if _, err := fmt.Sscan(fmt.Sprint(v), &n); err != nil {
		return fmt.Sprint(v)
	}
	units := []string{"B", "kB", "MB", "GB"}
	i := 0
	for n >= 1000 && i < len(units)-1 {
		n /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d B", int(n))
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}

// count groups the digits of a number by three.
func count(v any) string {
	digits := fmt.Sprint(v)
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteRune('\u202f') // narrow space that does not break
		}
		out.WriteRune(d)
	}
	return out.String()
}

// maxShown bounds one body on a page: a browser should stay usable. The control API has the whole.
const maxShown = 512 << 10

// pretty indents JSON. Anything else is shown as it is.
func pretty(v any) string {
	var raw []byte
	switch v := v.(type) {
	case json.RawMessage:
		raw = v
	case Content:
		raw = v
	case []byte:
		raw = v
	case string:
		raw = []byte(v)
	}
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return cut(string(raw), maxShown)
	}
	return cut(out.String(), maxShown)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// commandTitle names a command type for a person.
func commandTitle(commandType string) string {
	if t, ok := catalogue.Find(commandType); ok {
		return t.Title
	}
	return "Unknown type"
}

// tone is the colour of a command status.
func tone(status string) string {
	switch status {
	case CommandCompleted:
		return "good"
	case CommandErrored:
		return "bad"
	case CommandRunning, CommandRetrieved:
		return "busy"
	case CommandCancelled:
		return "off"
	}
	return "wait"
}

func levelTone(level string) string {
	switch level {
	case "ERROR":
		return "bad"
	case "WARN":
		return "warn"
	case "INFO":
		return "busy"
	}
	return "off"
}

// statusTone is the colour of an HTTP status.
func statusTone(status int) string {
	switch {
	case status == 0:
		return "bad"
	case status < 300:
		return "good"
	case status < 500:
		return "warn"
	}
	return "bad"
}

// took is how long a command needed.
func took(from, to time.Time) string {
	if to.IsZero() {
		return "–"
	}
	switch d := to.Sub(from); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return span(d)
	}
}

// lastBody is the newest report that is kept whole.
func lastBody(updates []Update) json.RawMessage {
	for i := len(updates) - 1; i >= 0; i-- {
		if updates[i].Body != nil {
			return updates[i].Body
		}
	}
	return nil
}

// effect says in words what a rule does.
func effect(r Rule) string {
	var out []string
	add := func(applies bool, format string, args ...any) {
		if applies {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(r.DelayMS > 0, "wait %d ms", r.DelayMS)
	add(r.Drop, "close the connection")
	add(r.Garbage != "", "answer %s", strings.ReplaceAll(r.Garbage, "-", " "))
	add(r.Status != 0, "answer %d", r.Status)
	add(r.Body != nil || r.Text != "", "answer “%s”", cut(string(r.Body)+r.Text, 60))
	add(r.RetryAfter != "", "Retry-After %s", r.RetryAfter)
	add(r.TruncateAfter != nil, "cut the answer after %d bytes", bytesKept(r))
	add(r.BytesPerSecond > 0, "send %d bytes a second", r.BytesPerSecond)
	add(r.Skip > 0, "after %d true answers", r.Skip)
	add(r.Probability > 0, "with probability %v", r.Probability)
	if r.Process {
		return "take effect, but " + strings.Join(out, ", ")
	}
	return strings.Join(out, ", ")
}

func bytesKept(r Rule) int64 {
	if r.TruncateAfter == nil {
		return 0
	}
	return *r.TruncateAfter
}

// scopeName writes a scope type in words.
func scopeName(scope string) string {
	if scope == "" {
		return ""
	}
	return capital(strings.ToLower(strings.ReplaceAll(scope, "_", " ")))
}
