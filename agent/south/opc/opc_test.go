package opc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	sim "oibus/testing/peers/winagent"
)

var (
	noon   = time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
	window = interval.Window{Start: noon.Add(-time.Hour), End: noon}
)

type kit struct {
	t      *testing.T
	agent  *sim.Agent
	opc    south.Connector
	sent   []string
	refuse error
	log    bytes.Buffer
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{t: t, agent: sim.New(t)}
	raw, err := json.Marshal(map[string]any{"agentUrl": k.agent.URL, "retryInterval": 1000, "host": "plant", "serverName": "Matrikon.OPC.Simulation", "mode": "hda"})
	if err != nil {
		t.Fatal(err)
	}
	k.opc, err = Type.New(south.Env{Env: connector.Env{ID: "s1", Settings: raw, TempDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&k.log, nil)), Host: connector.Host{Now: func() time.Time { return noon }}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.opc.Disconnect(context.Background()) })
	return k
}

func item(name, aggregate, resampling string) south.Item {
	raw, err := json.Marshal(map[string]any{"nodeId": "ns." + name, "aggregate": aggregate, "resampling": resampling})
	if err != nil {
		panic(err)
	}
	return south.Item{ID: name, Name: name, Settings: raw}
}

func (k *kit) emit(_ context.Context, c content.Content, items []south.Item) error {
	if k.refuse != nil {
		return k.refuse
	}
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	k.sent = append(k.sent, fmt.Sprintf("%s %d of %d items: %s", c.Kind, c.Elements, len(items), raw))
	return err
}

func (k *kit) read(items ...south.Item) (south.WindowResult, error) {
	k.sent = nil
	return k.opc.(south.Historian).ReadWindow(k.t.Context(), south.WindowQuery{Items: items, Window: window, Emit: k.emit})
}

func value(point, at string) string {
	return fmt.Sprintf(`{"pointId":"%s","timestamp":"%s","data":{"value":"1.5","quality":"Good"}}`, point, at)
}

func TestEachAggregateIsReadAndNoneDecidesAlone(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	if err := k.opc.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.agent.Reads(func(_ string, body []byte) (int, string) {
		switch {
		case bytes.Contains(body, []byte(`"aggregate":"raw"`)):
			return http.StatusOK, `{"recordCount":2,"content":[` + value("a", "2024-01-15T11:10:00.000Z") + `,` + value("b", "2024-01-15T11:50:00.000Z") + `],"maxInstantRetrieved":"2024-01-15T11:50:00.000Z"}`
		case bytes.Contains(body, []byte(`"aggregate":"average"`)):
			return http.StatusOK, `{"recordCount":1,"content":[` + value("c", "2024-01-15T11:20:00Z") + `],"maxInstantRetrieved":"2024-01-15T11:20:00Z"}`
		}
		return http.StatusOK, `{"recordCount":0,"content":[],"maxInstantRetrieved":null}`
	})
	result, err := k.read(item("a", "raw", "raw"), item("c", "average", "10s"), item("b", "raw", "1h"), item("d", "minimum", "raw"))
	want := []string{
		"time-values 2 of 2 items: [" + value("a", "2024-01-15T11:10:00.000Z") + "," + value("b", "2024-01-15T11:50:00.000Z") + "]",
		"time-values 1 of 1 items: [" + value("c", "2024-01-15T11:20:00.000Z") + "]",
	}
	if err != nil || fmt.Sprint(k.sent) != fmt.Sprint(want) {
		t.Errorf("got %v, %v", k.sent, err)
	}
	if !result.Tracked.Equal(noon.Add(-10*time.Minute+time.Millisecond)) || !strings.HasPrefix(string(result.Last), `{"recordCount":1,"content":[{"pointId":"c"`) {
		t.Errorf("got %v, %s", result.Tracked, result.Last)
	}
	common := `PUT opc/s1/read {"host":"plant","serverName":"Matrikon.OPC.Simulation","mode":"hda","maxReadValues":3600,"intervalReadDelay":200,`
	times := `"startTime":"2024-01-15T11:00:00.000Z","endTime":"2024-01-15T12:00:00.000Z",`
	calls := []string{
		`PUT opc/s1/connect {"host":"plant","serverName":"Matrikon.OPC.Simulation","mode":"hda"}`,
		common + `"aggregate":"raw",` + times + `"items":[{"name":"a","nodeId":"ns.a"},{"name":"b","nodeId":"ns.b"}]}`,
		common + `"aggregate":"average","resampling":"10s",` + times + `"items":[{"name":"c","nodeId":"ns.c"}]}`,
		common + `"aggregate":"minimum","resampling":"none",` + times + `"items":[{"name":"d","nodeId":"ns.d"}]}`,
	}
	if got := k.agent.Calls(); fmt.Sprint(got) != fmt.Sprint(calls) {
		t.Errorf("got %v\nwant %v", got, calls)
	}
	k.refuse = errors.New("no north wants it")
	if result, err := k.read(item("a", "raw", "raw")); !errors.Is(err, k.refuse) || !result.Tracked.IsZero() {
		t.Errorf("got %v, %v", result.Tracked, err)
	}
}

func TestUselessValuesAreLeftOut(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	good := value("a", "2024-01-15T11:10:00.000Z")
	body := `{"recordCount":5,"content":[{"pointId":"a"},{"timestamp":"2024-01-15T11:10:00.000Z","data":{}},{"pointId":"a","timestamp":"soon","data":{"value":1}},{"pointId":"a","timestamp":"2024-01-15T11:10:00.000Z","data":5},` + good + `]}`
	k.agent.Reads(func(string, []byte) (int, string) { return http.StatusOK, body })
	if _, err := k.read(item("a", "raw", "")); err != nil || len(k.sent) != 1 || !strings.HasSuffix(k.sent[0], ": ["+good+"]") || !strings.Contains(k.log.String(), "4 values of the remote agent") {
		t.Errorf("got %v, %v, logged %s", k.sent, err, k.log.String())
	}
	for _, body = range []string{`{"recordCount":1,"content":"text"}`, `{"recordCount":1,"content":[7]}`, `{"recordCount":1,"content":[` + good + `,}]}`, `[]`, `{"recordCount":1,"content":[`} {
		if result, err := k.read(item("a", "raw", "")); err == nil || len(k.sent) != 0 || !result.Tracked.IsZero() {
			t.Errorf("%s: sent %v", body, k.sent)
		}
	}
}

func TestManyValuesAreHandedOnInParts(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	const values = 25_000
	var body strings.Builder
	body.WriteString(`{"content":[` + value("a", "2024-01-15T11:10:00.000Z"))
	for range values - 1 {
		body.WriteString("," + value("a", "2024-01-15T11:10:00.000Z"))
	}
	body.WriteString(`],"maxInstantRetrieved":"2024-01-15T11:10:00.000Z","recordCount":25000}`)
	k.agent.Reads(func(string, []byte) (int, string) { return http.StatusOK, body.String() })
	result, err := k.read(item("a", "raw", ""))
	if err != nil || len(k.sent) != 3 || !strings.HasPrefix(k.sent[2], "time-values 5000 of 1") || len(result.Last) > 80<<10 || !json.Valid(result.Last) {
		t.Errorf("got %d parts, last of %d bytes, %v", len(k.sent), len(result.Last), err)
	}
}

func TestTheTestsSpeakAsTheReference(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	if report, err := k.opc.Test(t.Context()); err != nil || len(report.Items) != 0 || k.agent.Connected() != 0 {
		t.Errorf("got %v, %v", report, err)
	}
	if got := fmt.Sprint(k.agent.Calls()); !strings.Contains(got, "PUT opc/s1-test/connect") || !strings.Contains(got, "DELETE opc/s1-test/disconnect") {
		t.Errorf("got %s", got)
	}
	k.agent.Refuse("connect", 400, "no such server")
	if _, err := k.opc.Test(t.Context()); err == nil || err.Error() != "Error occurred when sending connect command to remote agent with status 400. no such server" {
		t.Errorf("got %v", err)
	}
	k.agent.Calls()
	k.agent.Reads(func(string, []byte) (int, string) {
		return http.StatusOK, `{"recordCount":1,"content":[` + value("a", "2024-01-15T11:10:00.000Z") + `]}`
	})
	result, err := k.opc.TestItem(t.Context(), south.TestRequest{Item: item("a", "raw", "raw"), Window: &window})
	if err != nil || result.Content.Elements != 1 || result.Content.Kind != content.TimeValues || result.Connection != 0 {
		t.Errorf("got %+v, %v", result, err)
	}
	if got, want := fmt.Sprint(k.agent.Calls()), `[PUT opc/s1-test/read {"host":"plant","serverName":"Matrikon.OPC.Simulation","mode":"hda","aggregate":"raw","startTime":"2024-01-15T11:00:00.000Z","endTime":"2024-01-15T12:00:00.000Z","items":[{"name":"a","nodeId":"ns.a"}]}]`; got != want {
		t.Errorf("got %s", got)
	}
	k.agent.Refuse("read", 500, "broken")
	if _, err := k.opc.TestItem(t.Context(), south.TestRequest{Item: item("a", "raw", "raw")}); err == nil || err.Error() != "Error occurred when sending connect command to remote agent. 500" {
		t.Errorf("got %v", err)
	}
}
