package north

import (
	"encoding/json"
	"testing"

	"oibus/agent/cache"
	"oibus/agent/content"
)

func TestASetpointWhoseSendingWasInterruptedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newTarget()
	g.hold = make(chan struct{})
	r, _ := run(t, dir, north(), g)
	setpoint := func(name string) content.Content {
		return content.FromSetpoints([]content.Setpoint{{Reference: name, Value: json.RawMessage("1")}})
	}
	cloud := content.Source{Origin: content.FromCloud}
	accept(t, r, setpoint("first"), cloud)
	accept(t, r, setpoint("second"), cloud)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	<-g.sendStart
	stop(t, r)

	again := newTarget()
	r, l := run(t, dir, north(), again)
	until(t, "the others are sent", func() bool { return len(again.list()) == 2 })
	if sent := again.list(); sent[0].data != `[{"reference":"second","value":1}]` || sent[1].name != "a" {
		t.Errorf("sent %+v", sent)
	}
	files := found(t, r, cache.InError)
	if len(files) != 1 || dataOf(t, r, cache.InError, files[0].Filename) != `[{"reference":"first","value":1}]` || l.count("it may have taken effect") != 1 {
		t.Errorf("in error: %+v\n%s", files, l.text())
	}
}
