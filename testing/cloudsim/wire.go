package cloudsim

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// wire writes an answer as a rule wants it: cut after some bytes, slowly, or not at all. It remembers what was sent.
type wire struct {
	http.ResponseWriter
	r      *http.Request
	limit  int64 // bytes of body after which the connection is cut; -1 is never
	rate   int   // bytes of body in a second; 0 is as fast as possible
	burst  int   // bytes since the last pause of a slowed body
	keep   bool  // keep a copy of the body
	status int   // 0 while nothing was sent
	sent   int64
	copy   bytes.Buffer
}

// slice is how often a slowed body sends a part: small enough to look like a slow line, large enough to cost little.
const slice = 50 * time.Millisecond

// maxCopy bounds what the journal keeps of one answer: a package download is larger.
const maxCopy = 8 * mb

func (w *wire) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *wire) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
	if w.limit == 0 {
		w.cut()
	}
}

func (w *wire) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	whole := len(p)
	last := w.limit >= 0 && w.sent+int64(whole) > w.limit
	if last {
		p = p[:w.limit-w.sent]
	}
	n, err := w.writeAtRate(p)
	w.sent += int64(n)
	if last && err == nil {
		w.cut()
	}
	return n, err
}

func (w *wire) writeAtRate(p []byte) (int, error) {
	if w.keep && w.copy.Len()+len(p) <= maxCopy {
		w.copy.Write(p)
	}
	if w.rate <= 0 {
		return w.ResponseWriter.Write(p)
	}
	part := max(1, w.rate*int(slice)/int(time.Second))
	total := 0
	for len(p) > 0 {
		n, err := w.ResponseWriter.Write(p[:min(part-w.burst, len(p))])
		total += n
		w.burst += n
		if err != nil {
			return total, err
		}
		p = p[n:]
		if w.burst < part {
			continue
		}
		w.burst = 0
		if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
			return total, err
		}
		if !pause(w.r.Context(), slice) {
			return total, w.r.Context().Err()
		}
	}
	return total, nil
}

// cut sends what was written so far and closes the connection in the middle of the answer.
func (w *wire) cut() {
	_ = http.NewResponseController(w.ResponseWriter).Flush() // the connection is given up either way
	panic(http.ErrAbortHandler)
}

// send writes an answer as it is.
func (w *wire) send(a answer) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	if a.stream != nil {
		a.stream(w, w.r)
		return
	}
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified { // these have no body
		w.WriteHeader(a.status)
		return
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the agent may have gone: the journal has the answer, and there is nobody else to tell
}
