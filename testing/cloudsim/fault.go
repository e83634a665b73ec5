package cloudsim

import (
	"net/http"
)

// garbageKinds are the answers that no OIAnalytics gives, but something on the way may.
var garbageKinds = []string{"captive-portal", "wrong-type", "broken-json", "empty"}

const captivePortal = `<!DOCTYPE html>
<html><head><title>Welcome to the guest network</title></head>
<body><h1>Sign in to use this network</h1><form action="/login" method="post"><input name="room"><button>Connect</button></form></body></html>
`

// garbage is the answer of a kind. Wrong type means valid JSON of a shape that the endpoint never answers.
func garbage(kind string, e *endpoint) answer {
	switch kind {
	case "captive-portal":
		return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, body: []byte(captivePortal)}
	case "broken-json":
		return answer{status: http.StatusOK, body: []byte(`[{"id": "cut in the midd`)}
	case "wrong-type":
		if e.Name == "E4" || e.Name == "E5" {
			return answer{status: http.StatusOK, body: []byte(`{"commands":"none"}`)}
		}
		return answer{status: http.StatusOK, body: []byte(`[42,"unexpected",null]`)}
	default: // empty
		return answer{status: http.StatusOK}
	}
}

// replacement is the rule's own answer.
func (r Rule) replacement(e *endpoint) answer {
	a := answer{status: http.StatusOK, body: []byte(r.Body)}
	switch {
	case r.Garbage != "":
		a = garbage(r.Garbage, e)
	case r.Text != "":
		a.body, a.header = []byte(r.Text), http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	case r.Body == nil:
		a = failure(r.Status, http.StatusText(r.Status))
	}
	if r.Status != 0 {
		a.status = r.Status
	}
	return a
}

// sendWith delivers the true answer a, or that of the rule, in the way the rule wants.
func (w *wire) sendWith(r Rule, e *endpoint, a answer) {
	if r.Drop {
		panic(http.ErrAbortHandler)
	}
	if r.replaces() {
		a = r.replacement(e)
	}
	if r.TruncateAfter != nil {
		w.limit = *r.TruncateAfter
	}
	w.rate = r.BytesPerSecond
	for name, values := range r.httpHeader() {
		w.Header()[name] = values
	}
	w.send(a)
}
