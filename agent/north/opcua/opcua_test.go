package opcua

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/north"
)

func made(t testing.TB) *OPCUA {
	t.Helper()
	o, err := build(north.Env{Env: connector.Env{ID: "n", Name: "opc", Settings: []byte(`{"url":"opc.tcp://127.0.0.1:1"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestNothingIsSentWithoutASession(t *testing.T) {
	t.Parallel()
	err := made(t).Send(t.Context(), north.Delivery{Name: "a"})
	if _, again := north.IsAgain(err); !again || err.Error() != "OPCUA client not set. The connector cannot write values" {
		t.Errorf("got %v", err)
	}
}

func TestWhatWasWrittenIsRememberedByContent(t *testing.T) {
	t.Parallel()
	p := newPending()
	at := time.Unix(1, 0)
	first := p.begin("a", at)
	for i, token := range []string{"x", "y", "z"} {
		if first.written(i, p.sum([]byte(token))) {
			t.Errorf("%s was never written", token)
		}
	}
	first.done(0)
	first.done(2)
	again := p.begin("a", at)
	if !again.written(0, p.sum([]byte("x"))) || again.written(1, p.sum([]byte("y"))) || !again.written(2, p.sum([]byte("z"))) {
		t.Error("what was written is forgotten")
	}
	// A content of the same name with another element is another one from there on.
	if !again.written(0, p.sum([]byte("x"))) || again.written(1, p.sum([]byte("other"))) || again.written(2, p.sum([]byte("z"))) {
		t.Error("another content is taken for this one")
	}
	if p.begin("a", at.Add(1)).written(0, p.sum([]byte("x"))) || p.begin("b", at).written(0, p.sum([]byte("x"))) {
		t.Error("another content is taken for this one")
	}
	p.end("a", at)
	if p.begin("a", at).written(0, p.sum([]byte("x"))) {
		t.Error("a content that was delivered is remembered")
	}
}

func TestOnlySoManyContentsAreRemembered(t *testing.T) {
	t.Parallel()
	p := newPending()
	for i := range 10 * mostPending {
		p.begin(fmt.Sprint(i), time.Unix(1, 0))
	}
	if len(p.contents) != mostPending || len(p.order) != mostPending {
		t.Errorf("%d contents", len(p.contents))
	}
}

func TestElementsAreReadOrRefused(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{
		`{"nodeId":"ns=1;s=a","value":1}`: "", `{"nodeId":"nothing","value":1}`: "is no node id", `{"value":1}`: "has no nodeId", `5`: "has no nodeId",
		`{"nodeId":null}`: "has no nodeId", `{"nodeId":7,"value":1}`: "has no nodeId", `{"nodeId":"ns=1;s=a"}`: "",
	} {
		o := made(t)
		s := &sending{o: o, of: o.pending.begin("a", time.Time{})}
		_, ok := s.element([]byte(token))
		if ok != (want == "") || !ok && !strings.Contains(s.refused[0], want) {
			t.Errorf("%s: %t, %v", token, ok, s.refused)
		}
	}
}

func FuzzElement(f *testing.F) {
	f.Add([]byte(`{"nodeId":"ns=1;s=a","value":1}`))
	f.Add([]byte(`{"nodeId":{},"value":[]}`))
	f.Fuzz(func(t *testing.T, token []byte) {
		o := made(t)
		s := &sending{o: o, of: o.pending.begin("a", time.Time{})}
		if e, ok := s.element(token); ok {
			_ = s.failure(e, "why")
		}
	})
}
