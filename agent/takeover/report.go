package takeover

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Line says of one kind of things how many come over.
type Line struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	Note  string `json:"note,omitempty"`
}

// Report says what an import brings, or has brought.
type Report struct {
	From    string   `json:"from"`
	Version string   `json:"version"` // of the other OIBus
	To      string   `json:"to"`
	DryRun  bool     `json:"dryRun"`
	Lines   []Line   `json:"lines"`
	Changes []Change `json:"changes"`
	Cache   Moved    `json:"cache"`
	// What who switches needs to know of the other OIBus.
	Registered bool     `json:"registered"`
	Host       string   `json:"host"`            // of OIAnalytics
	Port       int      `json:"port"`            // of its page
	Paths      []string `json:"paths"`           // outside of the data folder, that connectors use
	Occupied   bool     `json:"occupied"`        // of a dry run: the folder has a configuration, which Replace would put aside
	Aside      string   `json:"aside,omitempty"` // folder of what was there before
}

func (s *Site) lines() []Line {
	groups, items, past, links := 0, 0, 0, 0
	for i := range s.Souths {
		groups, items = groups+len(s.Souths[i].Groups), items+len(s.Souths[i].Items)
	}
	for i := range s.Norths {
		links += len(s.Norths[i].Transformers)
	}
	for i := range s.Histories {
		past += len(s.Histories[i].South.Items)
	}
	return []Line{
		{"engine settings", 1, fmt.Sprintf("%q, id %s", s.Engine.Settings.General.Name, s.Engine.ID)},
		{"registration", 1, s.Registration.Status + " " + s.Registration.Host},
		{"scan modes", len(s.ScanModes), ""}, {"IP filters", len(s.IPFilters), ""}, {"certificates", len(s.Certificates), ""}, {"users", len(s.Users), "with their passwords"},
		{"custom transformers", len(s.Custom), ""},
		{"souths", len(s.Souths), fmt.Sprintf("%d groups, %d items", groups, items)},
		{"norths", len(s.Norths), fmt.Sprintf("%d transformer bindings", links)},
		{"history queries", len(s.Histories), fmt.Sprintf("%d items", past)},
		{"tracked positions", len(s.Tracked), ""},
		{"commands not yet confirmed", len(s.Commands), ""},
		{"secrets, sealed anew", s.Secrets, ""},
	}
}

// Print writes the report for a person.
func (r Report) Print(w io.Writer) error {
	head := "Brought over"
	if r.DryRun {
		head = "Would be brought over"
	}
	if _, err := fmt.Fprintf(w, "%s from OIBus %s in %s:\n\n", head, r.Version, r.From); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, l := range r.Lines {
		fmt.Fprintf(t, "  %s\t%d\t%s\n", l.What, l.Count, l.Note) // the error comes with Flush
	}
	fmt.Fprintf(t, "  contents of caches\t%d\t%.1f MB, waiting, in error and archived\n", r.Cache.Contents, float64(r.Cache.Bytes)/1e6)
	if err := t.Flush(); err != nil {
		return err
	}
	text := "\nNot as it was:\n  the page: it answers on this machine only, until [web] address in the settings says otherwise\n"
	for _, c := range r.Changes {
		text += fmt.Sprintf("  %s: %s\n", c.What, c.Reason)
	}
	if len(r.Paths) > 0 {
		text += "\nConnectors use these paths: let the service of this OIBus into them.\n  " + strings.Join(r.Paths, "\n  ") + "\n"
	}
	if r.Occupied {
		text += "\nThe folder " + r.To + " has a configuration: --replace puts it aside.\n"
	}
	if r.Aside != "" {
		text += "\nWhat the folder had before is in " + r.Aside + ", contents that were not sent, too.\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
