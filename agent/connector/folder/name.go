package folder

import (
	"strings"
	"time"
)

// Namer decorates the names of contents with the prefix and the suffix of a North (protocol/data-plane.md, section 6.0).
// It is used by one goroutine at a time.
type Namer struct {
	Connector      string // its name
	Prefix, Suffix string
	Now            func() time.Time

	last time.Time // that a name was made for
}

// Name is the file name of a content called name. No two names hold the same date.
func (n *Namer) Name(name string) string {
	date := Stamp(n.instant())
	fill := func(text string) string {
		text = strings.Replace(text, "@CurrentDate", date, 1)
		return strings.Replace(text, "@ConnectorName", Plain(n.Connector), 1)
	}
	base, extension := Split(name)
	return fill(n.Prefix) + Plain(base) + fill(n.Suffix) + Plain(extension)
}

// instant is a millisecond that no other name was made with.
func (n *Namer) instant() time.Time {
	now := n.Now().Truncate(time.Millisecond)
	if !now.After(n.last) && n.last.Sub(now) < time.Minute { // later than that the clock was put back
		now = n.last.Add(time.Millisecond)
	}
	n.last = now
	return now
}
