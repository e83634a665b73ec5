// Package modbus holds the Modbus connectors against a server that nobody here wrote: modbus-serial.
package modbus

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
	northmodbus "oibus/agent/north/modbus"
	"oibus/agent/south"
	southmodbus "oibus/agent/south/modbus"
	"oibus/testing/harness"
)

// sweep says whether the whole is to be run.
func sweep() bool { return os.Getenv("OIBUS_SWEEP") == "1" }

// server is modbus-serial, a line to it, and the journal of what was written to it.
type server struct {
	*harness.Peer
	port    int
	journal string
}

func startServer(t testing.TB) *server {
	t.Helper()
	node := harness.FindPeer(t, "node", "nodejs")
	module := harness.FindModule(t, "modbus-serial")
	script, err := filepath.Abs("server.js")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{port: harness.FreePort(t), journal: filepath.Join(t.TempDir(), "writes.txt")}
	s.Peer = harness.StartPeer(t, harness.PeerOptions{Path: node, Args: []string{script, strconv.Itoa(s.port), s.journal},
		Env: []string{"MODBUS_SERIAL=" + module}, Dir: filepath.Dir(s.journal), Address: s.address()})
	return s
}

func (s *server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func portOf(t testing.TB, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func connection(port int, changed map[string]any) json.RawMessage {
	all := map[string]any{"host": "127.0.0.1", "port": port, "connectTimeout": 5000, "networkTimeout": 15000, "retryInterval": 100, "slaveId": 1, "addressOffset": "modbus",
		"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": true, "batchQuery": true, "groupingGap": 0}
	maps.Copy(all, changed)
	raw, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return raw
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// environment of a connector.
func environment(settings json.RawMessage) connector.Env {
	return connector.Env{ID: "id", Name: "Plant", Type: "modbus", Settings: settings, Log: quiet, Host: connector.Host{Now: time.Now}}
}

// reader is a South and its connection, as the agent keeps it.
type reader struct {
	south.Connector
	t    testing.TB
	lost atomic.Int64
}

func newReader(t testing.TB, settings json.RawMessage) *reader {
	t.Helper()
	r := &reader{t: t}
	made, err := southmodbus.Type.New(south.Env{Env: environment(settings), Lost: func(error, time.Duration) { r.lost.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	r.Connector = made
	t.Cleanup(func() { _ = made.Disconnect(context.Background()) })
	return r
}

// read reads items once and returns their values by name.
func (r *reader) read(items []south.Item) (map[string]string, error) {
	values := map[string]string{}
	_, err := r.Connector.(south.Direct).Read(r.t.Context(), south.DirectQuery{Items: items, Emit: func(_ context.Context, c content.Content, _ []south.Item) error {
		in, err := c.Open()
		if err != nil {
			return err
		}
		defer in.Close()
		d := content.NewDecoder(in)
		for v := (content.Value{}); ; {
			if err := d.Next(&v); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			text, _ := content.Text(v.Value())
			values[string(v.Point())] = string(text)
		}
	}})
	return values, err
}

// writer is a North and its connection.
type writer struct {
	north.Connector
	lost atomic.Int64
}

func newWriter(t testing.TB, settings json.RawMessage) *writer {
	t.Helper()
	w := &writer{}
	made, err := northmodbus.Type.New(north.Env{Env: environment(settings), Lost: func(error, time.Duration) { w.lost.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	w.Connector = made
	t.Cleanup(func() { _ = made.Disconnect(context.Background()) })
	return w
}

// connect connects until it succeeds, as the agent does.
func connect(t testing.TB, c interface {
	Connect(context.Context) error
	Disconnect(context.Context) error
}) {
	t.Helper()
	harness.Until(t, time.Minute, "a connection", func() bool {
		return c.Disconnect(t.Context()) == nil && c.Connect(t.Context()) == nil
	})
}
