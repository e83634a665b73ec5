package cloudsim

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Request is one request to an endpoint. Header, Body, AnswerHeader and Answer are filled when requests are recorded.
type Request struct {
	Seq          uint64      `json:"seq"`
	At           time.Time   `json:"at"`
	Agent        string      `json:"agent,omitempty"`
	Endpoint     string      `json:"endpoint"`
	Method       string      `json:"method"`
	Path         string      `json:"path"`
	Query        string      `json:"query,omitempty"` // as sent
	Status       int         `json:"status"`          // 0 when the connection was closed without an answer
	Milliseconds float64     `json:"ms"`
	BodyBytes    int         `json:"bodyBytes"`
	AnswerBytes  int64       `json:"answerBytes"`
	Rule         string      `json:"rule,omitempty"` // the answer rule that applied
	UserAgent    string      `json:"userAgent,omitempty"`
	Header       http.Header `json:"header,omitempty"`
	Body         Content     `json:"body,omitzero"`
	AnswerHeader http.Header `json:"answerHeader,omitempty"`
	Answer       Content     `json:"answer,omitzero"`
}

// Content is a body. In JSON it is itself when it is JSON, a text when it is one, and otherwise base64 in an object.
type Content []byte

// IsZero keeps an absent body out of the JSON.
func (c Content) IsZero() bool { return len(c) == 0 }

// MarshalJSON never fails: every body has a form.
func (c Content) MarshalJSON() ([]byte, error) {
	switch {
	case json.Valid(c):
		return c, nil
	case utf8.Valid(c):
		return json.Marshal(string(c))
	default:
		return json.Marshal(map[string][]byte{"base64": c})
	}
}

// RequestFilter narrows Requests. Zero fields do not.
type RequestFilter struct {
	Agent    string
	Endpoint string
	Text     string // in the method, path or query
	After    uint64 // only requests with a greater number
	Limit    int    // only the newest of them
}

func (f RequestFilter) matches(r Request) bool {
	return r.Seq > f.After && (f.Agent == "" || f.Agent == r.Agent) && (f.Endpoint == "" || f.Endpoint == r.Endpoint) &&
		(f.Text == "" || strings.Contains(r.Method+" "+r.Path+"?"+r.Query, f.Text))
}

// journal keeps the newest requests.
type journal struct {
	mu     sync.Mutex
	record bool
	ring   ring[Request]
}

func (j *journal) init(l Limits, record bool) {
	j.ring = ring[Request]{maxCount: l.RequestCount, maxBytes: l.RequestBytes}
	j.record = record
}

func (j *journal) recording() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.record
}

func (j *journal) add(x *exchange, out *wire, now time.Time) Request {
	r := Request{At: x.start, Agent: x.agentID, Endpoint: x.endpoint.Name, Method: x.r.Method, Path: x.r.URL.Path, Query: x.r.URL.RawQuery,
		Status: out.status, Milliseconds: float64(now.Sub(x.start).Microseconds()) / 1000, BodyBytes: len(x.body), AnswerBytes: out.sent,
		Rule: x.rule, UserAgent: x.r.UserAgent()}
	weight := int64(256 + len(r.Path) + len(r.Query))
	if out.keep {
		r.Header, r.Body = x.r.Header.Clone(), x.body
		r.Header.Set("Host", x.r.Host) // these two are not among the headers of a Go request
		if len(x.r.TransferEncoding) > 0 {
			r.Header.Set("Transfer-Encoding", strings.Join(x.r.TransferEncoding, ", "))
		}
		r.AnswerHeader, r.Answer = out.Header().Clone(), out.copy.Bytes()
		weight += int64(len(r.Body) + len(r.Answer))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	r.Seq = j.ring.next()
	j.ring.add(r, weight)
	return r
}

// Record switches the keeping of headers and bodies on or off.
func (s *Sim) Record(on bool) {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.record = on
}

// Requests returns the requests that match, in the order in which they were answered.
func (s *Sim) Requests(f RequestFilter) []Request {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	out := []Request{}
	for _, r := range s.journal.ring.after(f.After) {
		if f.matches(r) {
			out = append(out, r)
		}
	}
	return newest(out, f.Limit)
}

// ClearRequests forgets the requests. Their numbering goes on.
func (s *Sim) ClearRequests() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.ring.clear()
}

// newest returns the last limit elements, or all of them when limit is 0.
func newest[T any](list []T, limit int) []T {
	if limit > 0 && len(list) > limit {
		return list[len(list)-limit:]
	}
	return list
}
