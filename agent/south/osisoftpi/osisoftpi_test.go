package osisoftpi

import (
	"bytes"
	"context"
	"encoding/json"
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

func newPI(t *testing.T) (*sim.Agent, south.Connector, *bytes.Buffer) {
	t.Helper()
	agent := sim.New(t)
	raw, err := json.Marshal(map[string]any{"agentUrl": agent.URL, "retryInterval": 1000})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	p, err := Type.New(south.Env{Env: connector.Env{ID: "s1", Settings: raw, TempDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil)), Host: connector.Host{Now: func() time.Time { return noon }}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Disconnect(context.Background()) })
	return agent, p, &log
}

func items() []south.Item {
	return []south.Item{{ID: "1", Name: "one", Settings: json.RawMessage(`{"type":"point-id","piPoint":"SINUSOID","piQuery":"*"}`)},
		{ID: "2", Name: "all", Settings: json.RawMessage(`{"type":"point-query","piPoint":null,"piQuery":"*"}`)}}
}

const answer = `{"recordCount":2,"content":[{"pointId":"one","timestamp":"2024-01-15T11:10:00.000Z","data":{"value":"1"}},{"pointId":"SINUSOID","timestamp":"2024-01-15T11:20:00.000Z","data":{"value":2}}],` +
	`"logs":["point  \"x\"\nis gone"],"maxInstantRetrieved":"2024-01-15T11:20:00.000Z"}`

func TestValuesAreReadAndComplaintsLogged(t *testing.T) {
	t.Parallel()
	agent, p, log := newPI(t)
	if err := p.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	agent.Reads(func(string, []byte) (int, string) { return http.StatusOK, answer })
	var sent string
	result, err := p.(south.Historian).ReadWindow(t.Context(), south.WindowQuery{Items: items(), Window: window, Emit: func(_ context.Context, c content.Content, items []south.Item) error {
		r, err := c.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		raw, err := io.ReadAll(r)
		sent += fmt.Sprintf("%d items: %s", len(items), raw)
		return err
	}})
	if err != nil || !result.Tracked.Equal(noon.Add(-40*time.Minute)) || string(result.Last) != `{"pointId":"SINUSOID","timestamp":"2024-01-15T11:20:00.000Z","data":{"value":2}}` {
		t.Errorf("got %v, %s, %v", result.Tracked, result.Last, err)
	}
	if !strings.HasPrefix(sent, `2 items: [{"pointId":"one"`) || !strings.Contains(log.String(), `level=WARN msg="point \"x\" is gone"`) {
		t.Errorf("sent %s, logged %s", sent, log.String())
	}
	want := `[PUT pi/s1/connect PUT pi/s1/read {"startTime":"2024-01-15T11:00:00.000Z","endTime":"2024-01-15T12:00:00.000Z","items":[{"name":"one","type":"pointId","piPoint":"SINUSOID"},{"name":"all","type":"pointQuery","piQuery":"*"}]}]`
	if got := fmt.Sprint(agent.Calls()); got != want {
		t.Errorf("got %s", got)
	}
}

func TestTheTestOfAnItemUsesAConnectionOfItsOwn(t *testing.T) {
	t.Parallel()
	agent, p, _ := newPI(t)
	if err := p.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	agent.Reads(func(string, []byte) (int, string) { return http.StatusOK, answer })
	agent.Calls()
	result, err := p.TestItem(t.Context(), south.TestRequest{Item: items()[0], Window: &window})
	if err != nil || result.Content.Elements != 2 || agent.Connected() != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
	var paths []string
	for _, c := range agent.Calls() {
		paths = append(paths, c.Method+" "+c.Path)
	}
	if got := fmt.Sprint(paths); got != "[PUT pi/s1-test/connect PUT pi/s1-test/read DELETE pi/s1-test/disconnect]" {
		t.Errorf("got %s", got)
	}
	agent.Refuse("read", 500, "no such point")
	if _, err := p.TestItem(t.Context(), south.TestRequest{Item: items()[0]}); err == nil || err.Error() != "Error occurred when querying remote agent with status 500: no such point" {
		t.Errorf("got %v", err)
	}
	agent.Refuse("connect", 400, "no PI here")
	if _, err := p.Test(t.Context()); err == nil || err.Error() != "Error occurred when sending connect command to remote agent with status 400. no PI here" {
		t.Errorf("got %v", err)
	}
}
