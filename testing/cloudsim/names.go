package cloudsim

import (
	"encoding/json"
	"sort"
)

// Named is an object of an agent that a command can name.
type Named struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"` // type of a connector, cron of a scan mode
}

// listed reads the objects of both configurations: they share the keys that matter here.
type listed struct {
	ID       string `json:"oIBusInternalId"`
	Type     string `json:"type"`
	Settings struct {
		Name         string `json:"name"`
		Cron         string `json:"cron"`
		Address      string `json:"address"`
		FunctionName string `json:"functionName"`
		Status       string `json:"status"`
	} `json:"settings"`
}

func (l listed) named() Named {
	s := l.Settings
	return Named{ID: l.ID, Name: s.Name + s.Address + s.FunctionName, Detail: l.Type + s.Cron + s.Status}
}

// Names returns what the latest configurations of an agent list, by kind: south, north, history, scanMode, ipFilter,
// certificate, transformer, customTransformer; and the uploaded packages as asset.
func (s *Sim) Names(agentID string) (map[string][]Named, error) {
	out := map[string][]Named{}
	full, _, err := s.Configuration(agentID, FullConfig)
	if err != nil {
		return nil, err
	}
	queries, _, err := s.Configuration(agentID, HistoryQueries)
	if err != nil {
		return nil, err
	}
	if full != nil {
		listFull(full.Body, out)
	}
	if queries != nil {
		var q struct {
			List []listed `json:"historyQueries"`
		}
		if json.Unmarshal(queries.Body, &q) == nil {
			out["history"] = sorted(q.List)
		}
	}
	for _, a := range s.Assets() {
		out["asset"] = append(out["asset"], Named{ID: a.ID, Name: a.Filename})
	}
	return out, nil
}

func listFull(body json.RawMessage, out map[string][]Named) {
	var c struct {
		Souths       []listed `json:"southConnectors"`
		Norths       []listed `json:"northConnectors"`
		ScanModes    []listed `json:"scanModes"`
		IPFilters    []listed `json:"ipFilters"`
		Certificates []listed `json:"certificates"`
		Transformers []listed `json:"transformers"`
	}
	if json.Unmarshal(body, &c) != nil { // a strange one, or one whose content was dropped: nothing to propose
		return
	}
	out["south"], out["north"], out["scanMode"] = sorted(c.Souths), sorted(c.Norths), sorted(c.ScanModes)
	out["ipFilter"], out["certificate"], out["transformer"] = sorted(c.IPFilters), sorted(c.Certificates), sorted(c.Transformers)
	for _, t := range c.Transformers {
		if t.Type == "custom" {
			out["customTransformer"] = append(out["customTransformer"], t.named())
		}
	}
}

func sorted(list []listed) []Named {
	out := make([]Named, len(list))
	for i, l := range list {
		out[i] = l.named()
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
