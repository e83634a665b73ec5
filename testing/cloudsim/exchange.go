package cloudsim

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// exchange is one request to an endpoint, read completely.
type exchange struct {
	endpoint *endpoint
	r        *http.Request
	body     []byte
	agent    *agent // whose token it carries; nil when none or unknown
	agentID  string // for rules and the journal: known from the body or the check id too
	start    time.Time
	rule     string // the rule that applied
}

// answer is what an endpoint replies: a body, or a stream that writes everything itself.
type answer struct {
	status int
	header http.Header
	body   []byte
	stream http.HandlerFunc
}

func reply(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil { // values come from this package: only a fault of the program brings us here
		return failure(http.StatusInternalServerError, "cannot encode the answer: "+err.Error())
	}
	return answer{status: status, body: body}
}

func failure(status int, text string) answer {
	return reply(status, map[string]string{"error": text})
}

var accepted = answer{status: http.StatusOK, body: []byte("{}")}

func (s *Sim) endpointHandler(e *endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{endpoint: e, r: r, start: s.o.Now()}
		out := &wire{ResponseWriter: w, r: r, limit: -1, keep: s.journal.recording()}
		defer func() { s.finish(x, out) }() // also when a rule aborts the connection
		var err error
		if x.body, err = readBody(w, r, e.limit); err != nil {
			out.send(unreadable(err))
			return
		}
		s.identify(x)
		s.answer(x, out)
	})
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	var buffer bytes.Buffer
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	return buffer.Bytes(), err
}

func unreadable(err error) answer {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return failure(http.StatusRequestEntityTooLarge, fmt.Sprintf("Payload Too Large: more than %d bytes", tooLarge.Limit))
	}
	return failure(http.StatusBadRequest, "Bad Request: cannot read the body: "+err.Error())
}

// identify finds out which agent speaks, without deciding whether it may.
func (s *Sim) identify(x *exchange) {
	if token, ok := strings.CutPrefix(x.r.Header.Get("Authorization"), "Bearer "); ok {
		x.agent = s.agentByToken(token)
	}
	switch {
	case x.agent != nil:
		x.agentID = x.agent.ID
	case x.endpoint.Name == "E1":
		x.agentID = peekOIBusID(x.body)
	case x.endpoint.Name == "E2":
		x.agentID = s.agentOfRegistration(x.r.URL.Query().Get("id"))
	}
}

// answer applies the rule that matches, if any, around the true answer.
func (s *Sim) answer(x *exchange, out *wire) {
	rule, ok := s.rules.match(x.endpoint.Name, x.agentID)
	if !ok {
		out.send(s.process(x))
		return
	}
	x.rule = rule.ID
	var a answer
	processed := rule.Process
	if processed {
		a = s.process(x)
	}
	if !pause(x.r.Context(), time.Duration(rule.DelayMS)*time.Millisecond) {
		panic(http.ErrAbortHandler) // the agent has gone, or the simulator stops
	}
	if !processed && !rule.replaces() {
		a = s.process(x)
	}
	out.sendWith(rule, x.endpoint, a)
}

// process gives the true answer.
func (s *Sim) process(x *exchange) answer {
	if s.o.GatewayHeader != "" && x.r.Header.Get(s.o.GatewayHeader) != s.o.GatewayValue {
		return failure(http.StatusForbidden, "Forbidden: the gateway header "+strconv.Quote(s.o.GatewayHeader)+" is missing or wrong")
	}
	if !s.allowed(x) {
		return failure(http.StatusUnauthorized, "Unauthorized")
	}
	return x.endpoint.serve(s, x)
}

func (s *Sim) allowed(x *exchange) bool {
	switch x.endpoint.access {
	case anyone:
		return true
	case tokenOrKeys:
		return x.agent != nil || s.hasKeys(x.r)
	default:
		return x.agent != nil
	}
}

func (s *Sim) hasKeys(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok || s.o.AccessKey == "" {
		return false
	}
	sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(s.o.AccessKey))
	return sameUser&subtle.ConstantTimeCompare([]byte(password), []byte(s.o.SecretKey)) == 1
}

// finish counts the request and writes it into the journal.
func (s *Sim) finish(x *exchange, out *wire) {
	now := s.o.Now()
	s.metrics.count(x.endpoint.Name, out.status, int64(len(x.body)))
	entry := s.journal.add(x, out, now)
	if x.agent != nil {
		x.agent.seen(now)
	}
	if s.o.OnRequest != nil {
		s.o.OnRequest(entry)
	}
	s.traffic.notify()
}

// pause waits for d and says whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
