package cloudsim

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"sync"
	"time"
)

// Kinds of data.
const (
	TimeValues = "time-values"
	File       = "file"
)

// maxUnpacked bounds what a compressed body may unpack to.
const maxUnpacked = 512 * mb

// Data is one batch of time values or one file that a connector sent.
type Data struct {
	Seq        uint64    `json:"seq"`
	At         time.Time `json:"at"`
	Agent      string    `json:"agent,omitempty"` // "" when it came with the access keys
	Kind       string    `json:"kind"`
	Source     string    `json:"dataSourceId"`
	Filename   string    `json:"filename,omitempty"`
	Compressed bool      `json:"compressed,omitempty"` // on the wire; a .gz file is a file
	Count      int       `json:"count"`                // values, or 1 for a file
	Bytes      int       `json:"bytes"`                // of Content
	Content    []byte    `json:"-"`                    // unpacked; nil when the memory went to newer data
}

type dataBook struct {
	mu     sync.Mutex
	ring   ring[*Data]
	values uint64
	files  uint64
	bytes  uint64
}

func (b *dataBook) init(l Limits) {
	b.ring = ring[*Data]{maxCount: 100_000, maxBytes: l.DataBytes}
}

// serveTimeValues is D1 (protocol/data-plane.md, section 6.1).
func (s *Sim) serveTimeValues(x *exchange) answer { return s.takeValues(x, x.body, false) }

// serveCompressedTimeValues is D2: the body is gzip, without a header that says so.
func (s *Sim) serveCompressedTimeValues(x *exchange) answer {
	body, err := gunzip(x.body)
	if err != nil {
		return badConfiguration(fmt.Errorf("cannot unpack the body: %w", err))
	}
	return s.takeValues(x, body, true)
}

func gunzip(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err == nil && len(body) > maxUnpacked {
		err = fmt.Errorf("it unpacks to more than %d bytes", maxUnpacked)
	}
	return body, errors.Join(err, r.Close())
}

func (s *Sim) takeValues(x *exchange, body []byte, compressed bool) answer {
	n, err := countElements(body)
	if err != nil {
		return badConfiguration(err)
	}
	s.take(Data{Agent: x.agentID, Kind: TimeValues, Source: x.r.URL.Query().Get("dataSourceId"), Compressed: compressed, Count: n, Bytes: len(body), Content: body})
	return accepted
}

// serveFileUpload is D3.
func (s *Sim) serveFileUpload(x *exchange) answer {
	kind, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return badConfiguration(fmt.Errorf("the body is not multipart/form-data"))
	}
	parts := multipart.NewReader(bytes.NewReader(x.body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			return badConfiguration(fmt.Errorf("cannot find the part named file: %w", err))
		}
		if part.FormName() != "file" {
			continue
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return badConfiguration(fmt.Errorf("cannot read the file: %w", err))
		}
		s.take(Data{Agent: x.agentID, Kind: File, Source: x.r.URL.Query().Get("dataSourceId"), Filename: part.FileName(), Count: 1, Bytes: len(content), Content: content})
		return accepted
	}
}

func (s *Sim) take(d Data) {
	b := &s.data
	b.mu.Lock()
	d.Seq, d.At = b.ring.next(), s.o.Now().UTC()
	b.ring.add(&d, int64(d.Bytes)+256)
	b.bytes += uint64(d.Bytes)
	if d.Kind == File {
		b.files++
	} else {
		b.values += uint64(d.Count)
	}
	b.mu.Unlock()
	if s.o.OnData != nil {
		s.o.OnData(d)
	}
	s.changed(false)
}

// DataFilter narrows Data. Zero fields do not.
type DataFilter struct {
	Agent  string
	Kind   string
	Source string
	After  uint64 // only data with a greater number
	Limit  int    // only the newest of them
}

// Data returns the data kept that matches, in the order of arrival.
func (s *Sim) Data(f DataFilter) []Data {
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	out := []Data{}
	for _, d := range s.data.ring.after(f.After) {
		if d.Seq > f.After && (f.Agent == "" || f.Agent == d.Agent) && (f.Kind == "" || f.Kind == d.Kind) && (f.Source == "" || f.Source == d.Source) {
			out = append(out, *d)
		}
	}
	return newest(out, f.Limit)
}

// DataTotals is how many time values, files and bytes of content were received.
func (s *Sim) DataTotals() (values, files, bytes uint64) {
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	return s.data.values, s.data.files, s.data.bytes
}

// ClearData forgets the data. Totals and numbering go on.
func (s *Sim) ClearData() {
	s.data.mu.Lock()
	s.data.ring.clear()
	s.data.mu.Unlock()
	s.changed(false)
}

// serveSeries is D4: a made-up series, so that a south oianalytics has something to read.
func (s *Sim) serveSeries(x *exchange) answer {
	q := x.r.URL.Query()
	from, to := parseInstant(q.Get("from"), s.o.Now().Add(-time.Hour)), parseInstant(q.Get("to"), s.o.Now())
	tags := q["tag"]
	if len(tags) == 0 {
		tags = []string{"SIMULATED"}
	}
	out := []series{}
	for i, tag := range tags[:min(len(tags), 100)] {
		out = append(out, makeSeries(i, tag, from, to))
	}
	return reply(http.StatusOK, out)
}
