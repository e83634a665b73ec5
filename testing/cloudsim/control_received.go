package cloudsim

import (
	"fmt"
	"mime"
	"net/http"
)

func (s *Sim) controlLogs(r *http.Request) (any, error) {
	f, err := logFilter(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"received": s.LogCount(), "entries": s.Logs(f)}, nil
}

func logFilter(r *http.Request) (LogFilter, error) {
	after, limit, err := paging(r)
	q := r.URL.Query()
	return LogFilter{Agent: q.Get("agent"), Level: q.Get("level"), Scope: q.Get("scope"), Text: q.Get("text"), After: after, Limit: limit}, err
}

func (s *Sim) controlData(r *http.Request) (any, error) {
	f, err := dataFilter(r)
	if err != nil {
		return nil, err
	}
	values, files, bytes := s.DataTotals()
	return map[string]any{"values": values, "files": files, "bytes": bytes, "entries": s.Data(f)}, nil
}

func dataFilter(r *http.Request) (DataFilter, error) {
	after, limit, err := paging(r)
	q := r.URL.Query()
	return DataFilter{Agent: q.Get("agent"), Kind: q.Get("kind"), Source: q.Get("source"), After: after, Limit: limit}, err
}

// dataEntry returns one entry with its content.
func (s *Sim) dataEntry(seq uint64) (Data, error) {
	if seq > 0 {
		for _, d := range s.Data(DataFilter{After: seq - 1}) {
			if d.Seq == seq && d.Content != nil {
				return d, nil
			}
		}
	}
	return Data{}, &UnknownError{What: "data with content and number", ID: fmt.Sprint(seq)}
}

// controlContent serves received content as a download: a browser must not run what a machine sent.
func (s *Sim) controlContent(w http.ResponseWriter, r *http.Request) {
	var seq uint64
	_, err := fmt.Sscan(r.PathValue("seq"), &seq)
	var d Data
	if err == nil {
		d, err = s.dataEntry(seq)
	}
	if err != nil {
		writeJSON(w, nil, err)
		return
	}
	name := d.Filename
	if d.Kind == TimeValues {
		name = fmt.Sprintf("values-%d.json", d.Seq)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	_, _ = w.Write(d.Content) // the caller may have gone
}

func (s *Sim) controlRequests(r *http.Request) (any, error) {
	f, err := requestFilter(r)
	if err != nil {
		return nil, err
	}
	return s.Requests(f), nil
}

func requestFilter(r *http.Request) (RequestFilter, error) {
	after, limit, err := paging(r)
	q := r.URL.Query()
	return RequestFilter{Agent: q.Get("agent"), Endpoint: q.Get("endpoint"), Text: q.Get("text"), After: after, Limit: limit}, err
}

func (s *Sim) controlRecord(r *http.Request) (any, error) {
	var q struct {
		On bool `json:"on"`
	}
	if err := decode(r, &q); err != nil {
		return nil, err
	}
	s.Record(q.On)
	return nil, nil
}

func (s *Sim) controlRules(*http.Request) (any, error) { return s.Rules(), nil }

func (s *Sim) controlAddRule(r *http.Request) (any, error) {
	var rule Rule
	if err := decode(r, &rule); err != nil {
		return nil, err
	}
	id, err := s.AddRule(rule)
	return map[string]string{"id": id}, err
}

func (s *Sim) controlRemoveRule(r *http.Request) (any, error) {
	if !s.RemoveRule(r.PathValue("id")) {
		return nil, &UnknownError{What: "rule", ID: r.PathValue("id")}
	}
	return nil, nil
}

func (s *Sim) controlAssets(*http.Request) (any, error) { return s.Assets(), nil }

func (s *Sim) controlUpload(r *http.Request) (any, error) {
	filename := r.URL.Query().Get("filename")
	if filename == "" {
		filename = r.PathValue("id")
	}
	return s.AddAsset(r.PathValue("id"), filename, r.Body)
}

func (s *Sim) controlRemoveAsset(r *http.Request) (any, error) {
	return nil, s.RemoveAsset(r.PathValue("id"))
}
