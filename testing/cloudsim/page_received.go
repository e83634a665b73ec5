package cloudsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

type configurationView struct {
	Kind    string
	Latest  *Configuration
	Before  *Configuration
	Changes []Change
	More    bool
}

func (s *Sim) configurationPage(r *http.Request) (any, error) {
	v := configurationView{Kind: FullConfig}
	if r.URL.Query().Get("kind") == HistoryQueries {
		v.Kind = HistoryQueries
	}
	var err error
	v.Latest, v.Before, err = s.Configuration(r.PathValue("agent"), v.Kind)
	if err == nil && v.Latest != nil && v.Before != nil && v.Latest.Body != nil && v.Before.Body != nil {
		v.Changes, v.More = differences(v.Before.Body, v.Latest.Body)
	}
	return v, err
}

// logsShown is how many entries the page shows: more is for the control API.
const logsShown = 200

type logsView struct {
	Filter  LogFilter
	Entries []LogEntry
	Total   uint64
	Names   map[string]string // of the agents, when several are shown
}

func (s *Sim) logsPage(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := LogFilter{Agent: r.PathValue("agent"), Level: q.Get("level"), Scope: q.Get("scope"), Text: q.Get("text"), Limit: logsShown}
	v := logsView{Filter: f, Entries: reversed(s.Logs(f)), Total: s.LogCount(), Names: map[string]string{}}
	for _, e := range v.Entries {
		s.nameInto(v.Names, e.Agent)
	}
	return v, s.agentExists(f.Agent)
}

func (s *Sim) agentExists(id string) error {
	if id == "" {
		return nil
	}
	_, err := s.Agent(id)
	return err
}

func (s *Sim) nameInto(names map[string]string, id string) {
	if _, done := names[id]; done || id == "" {
		return
	}
	names[id] = id
	if a, err := s.Agent(id); err == nil && a.Name != "" {
		names[id] = a.Name
	}
}

type dataView struct {
	Filter        DataFilter
	Entries       []Data
	Pager         pager
	Values, Files uint64
	Bytes         uint64
	Names         map[string]string
}

func (s *Sim) dataPage(r *http.Request) (any, error) {
	q := r.URL.Query()
	v := dataView{Filter: DataFilter{Agent: r.PathValue("agent"), Kind: q.Get("kind"), Source: q.Get("source")}, Names: map[string]string{}}
	v.Entries, v.Pager = cutPage(reversed(s.Data(v.Filter)), r)
	v.Values, v.Files, v.Bytes = s.DataTotals()
	for _, d := range v.Entries {
		s.nameInto(v.Names, d.Agent)
	}
	return v, s.agentExists(v.Filter.Agent)
}

// value is one time value as a page shows it.
type value struct {
	Point     string
	Timestamp string
	Value     string
}

type datumView struct {
	Data   Data
	Values []value
	Text   string // of a file
}

// valuesShown bounds the table of one batch.
const valuesShown = 500

func (s *Sim) datumPage(r *http.Request) (any, error) {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
	if err != nil {
		return nil, &UnknownError{What: "data", ID: r.PathValue("seq")}
	}
	d, err := s.dataEntry(seq)
	if err != nil {
		return nil, err
	}
	v := datumView{Data: d}
	if d.Kind == TimeValues {
		v.Values = readValues(d.Content)
	} else {
		v.Text = readText(d)
	}
	return v, nil
}

func readValues(content []byte) []value {
	var list []struct {
		Point     string          `json:"pointId"`
		Timestamp string          `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if json.Unmarshal(content, &list) != nil {
		return nil // another shape: the download has it
	}
	out := make([]value, 0, min(len(list), valuesShown))
	for _, e := range list[:min(len(list), valuesShown)] {
		out = append(out, value{e.Point, e.Timestamp, shortValue(e.Data)})
	}
	return out
}

// shortValue is the value alone when there is nothing beside it.
func shortValue(data json.RawMessage) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil || len(fields) != 1 || fields["value"] == nil {
		return string(data)
	}
	return string(fields["value"])
}

// readText shows the start of a file, unpacked when it is packed, unless it is binary.
func readText(d Data) string {
	content := d.Content
	if unpacked, err := gunzip(content); err == nil {
		content = unpacked
	}
	for _, b := range content[:min(len(content), 4096)] {
		if b == 0 {
			return ""
		}
	}
	return cut(string(content), maxShown)
}

type requestsView struct {
	Filter    RequestFilter
	Entries   []Request
	Pager     pager
	Endpoints []*endpoint
	Recording bool
	Names     map[string]string
}

func (s *Sim) requestsPage(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := RequestFilter{Agent: r.PathValue("agent"), Endpoint: q.Get("endpoint"), Text: q.Get("text")}
	v := requestsView{Filter: f, Endpoints: endpoints, Recording: s.journal.recording(), Names: map[string]string{}}
	v.Entries, v.Pager = cutPage(reversed(s.Requests(f)), r)
	for _, e := range v.Entries {
		s.nameInto(v.Names, e.Agent)
	}
	return v, s.agentExists(f.Agent)
}

func (s *Sim) requestPage(r *http.Request) (any, error) {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
	if err == nil && seq > 0 {
		for _, q := range s.Requests(RequestFilter{After: seq - 1}) {
			if q.Seq == seq {
				return q, nil
			}
		}
	}
	return nil, &UnknownError{What: "request", ID: r.PathValue("seq")}
}

func (s *Sim) packagesPage(*http.Request) (any, error) { return s.Assets(), nil }

type rulesView struct {
	Rules     []Rule
	Endpoints []*endpoint
	Agents    []Agent
	Garbage   []string
}

func (s *Sim) rulesPage(*http.Request) (any, error) {
	agents := s.Agents("")
	return rulesView{Rules: s.Rules(), Endpoints: endpoints, Agents: agents[:min(len(agents), 200)], Garbage: garbageKinds}, nil
}

type helpView struct {
	Routes    []route
	Endpoints []*endpoint
	Metrics   Metrics
	URL       string
}

func (s *Sim) helpPage(r *http.Request) (any, error) {
	return helpView{controlRoutes(), endpoints, s.Metrics(), fmt.Sprint(s.agentURL(r))}, nil
}
