// Package opcua tests the connectors of OPC UA against servers that speak it for real: node-opcua, which nobody here
// wrote, and the server of gopcua. It guards against connectors that only understand themselves.
package opcua

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
	northopcua "oibus/agent/north/opcua"
	"oibus/agent/south"
	southopcua "oibus/agent/south/opcua"
	"oibus/testing/harness"
)

const oldPadding = "--security-revert=CVE-2023-46809"

// limit bounds one call of a connector.
const limit = 30 * time.Second

// sweep says whether the whole is run, not a sample.
func sweep() bool { return os.Getenv("OIBUS_SWEEP") == "1" }

// peer is a server of node-opcua.
type peer struct {
	*harness.Peer
	address, dir string
}

func (p *peer) url() string { return "opc.tcp://" + p.address + "/UA" }

func startNode(t *testing.T, options map[string]any) *peer {
	t.Helper()
	module := harness.FindModule(t, "node-opcua")
	node := harness.FindPeer(t, "node")
	port := harness.FreePort(t)
	dir := t.TempDir()
	all := map[string]any{"port": port, "dir": dir}
	for k, v := range options {
		all[k] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	// Without it, some versions of node refuse the padding of the oldest policy; the others do not know it.
	var old []string
	if exec.CommandContext(t.Context(), node, oldPadding, "-e", "0").Run() == nil {
		old = []string{oldPadding}
	}
	return &peer{address: address, dir: dir, Peer: harness.StartPeer(t, harness.PeerOptions{Path: node,
		Args: append(old, filepath.Join(harness.Root(t), "testing", "peers", "opcua", "server.js"), module, string(text)), Address: address})}
}

// pair is a certificate with its key, as files and as texts.
type pair struct{ certificate, key, certificateFile, keyFile string }

var makePair = sync.OnceValues(func() (pair, error) { return newPair("urn:OIBus:test") })

func newPair(uri string) (p pair, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 4096) // as long as that of an agent
	if err != nil {
		return p, err
	}
	u, err := url.Parse(uri)
	if err != nil {
		return p, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "OIBus"}, URIs: []*url.URL{u},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageContentCommitment | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return p, err
	}
	p.certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	p.key = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	return p, nil
}

func identity(t *testing.T) pair {
	t.Helper()
	p, err := makePair()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p.certificateFile, p.keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, text := range map[string]string{p.certificateFile: p.certificate, p.keyFile: p.key} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// facts is a memory of a connector.
type facts struct {
	mu  sync.Mutex
	all map[string]json.RawMessage
}

func (f *facts) Get(key string) (json.RawMessage, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.all[key]
	return v, ok
}

func (f *facts) Set(changes map[string]json.RawMessage) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[string]json.RawMessage{}
	}
	for k, v := range changes {
		f.all[k] = v
	}
	return nil
}

// journal is a log that tests can search.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) env(t *testing.T, settings map[string]any) connector.Env {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p := identity(t)
	return connector.Env{ID: "s1", Name: "opc", Type: "opcua", Settings: raw, TempDir: t.TempDir(), Memory: &facts{},
		Log: slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Host: connector.Host{Version: "3.8.0", Now: time.Now, Identity: func() (connector.Certificate, error) {
			return connector.Certificate{Name: "OIBus", Certificate: p.certificate, PrivateKey: p.key}, nil
		}}}
}

func plain(url string) map[string]any {
	return map[string]any{"url": url, "keepSessionAlive": false, "readTimeout": 15000, "retryInterval": 100, "securityMode": "none",
		"maxNumberOfMessages": 1000, "flushMessageTimeout": 100, "authentication": map[string]any{"type": "none"}}
}

// rig runs a South as the agent does: it connects it again when the connection is lost.
type rig struct {
	t       *testing.T
	journal *journal
	conn    south.Connector
	lost    chan error

	mu     sync.Mutex
	values []content.TimeValue
	refuse error
	taken  func() // called when values came; may be nil
}

func (r *rig) emit(_ context.Context, c content.Content, _ []south.Item) error {
	var values []content.TimeValue
	var b []byte
	f, err := c.Open()
	if err == nil {
		b, err = io.ReadAll(f)
	}
	if err == nil {
		err = json.Unmarshal(b, &values)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = r.refuse
	}
	if err == nil {
		r.values = append(r.values, values...)
		if r.taken != nil {
			r.taken()
		}
	}
	return err
}

func (r *rig) got() []content.TimeValue {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]content.TimeValue(nil), r.values...)
}

func (r *rig) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values = nil
}

func newRig(t *testing.T, settings map[string]any) *rig {
	t.Helper()
	r := &rig{t: t, journal: &journal{}, lost: make(chan error, 100)}
	conn, err := southopcua.Type.New(south.Env{Env: r.journal.env(t, settings), Emit: r.emit, Lost: func(reason error, _ time.Duration) {
		select {
		case r.lost <- reason:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.conn = conn
	return r
}

func (r *rig) connect() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := r.conn.Connect(ctx); err != nil {
		r.t.Fatalf("%v\n%s", err, r.journal)
	}
	r.t.Cleanup(func() { r.disconnect() })
}

func (r *rig) disconnect() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := r.conn.Disconnect(ctx); err != nil {
		r.t.Errorf("disconnect: %v", err)
	}
}

// again connects until it succeeds, as the agent does after Lost.
func (r *rig) again() {
	r.t.Helper()
	r.disconnect()
	harness.Until(r.t, limit, "the server is back", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		err := r.conn.Connect(ctx)
		if err != nil {
			_ = r.conn.Disconnect(ctx)
		}
		return err == nil
	})
	for len(r.lost) > 0 {
		<-r.lost
	}
}

func item(t *testing.T, name, node string, settings map[string]any) south.Item {
	t.Helper()
	all := map[string]any{"nodeId": node, "mode": "da", "timestampOrigin": "point"}
	for k, v := range settings {
		all[k] = v
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return south.Item{ID: "id-" + name, Name: name, Settings: raw}
}

func (r *rig) read(items ...south.Item) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err := r.conn.(south.Direct).Read(ctx, south.DirectQuery{Items: items, Emit: r.emit})
	return err
}

// sender runs a North.
type sender struct {
	conn    north.Connector
	journal *journal
	lost    chan error
}

func newSender(t *testing.T, settings map[string]any) *sender {
	t.Helper()
	s := &sender{journal: &journal{}, lost: make(chan error, 100)}
	conn, err := northopcua.Type.New(north.Env{Env: s.journal.env(t, settings), Lost: func(reason error, _ time.Duration) {
		select {
		case s.lost <- reason:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.conn = conn
	return s
}

func (s *sender) connect(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.conn.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := s.conn.Disconnect(ctx); err != nil {
			t.Error(err)
		}
	})
}

func delivery(name, text string) north.Delivery {
	return north.Delivery{Kind: content.OPCUA, Name: name, Created: time.Unix(1, 0), Size: int64(len(text)),
		Open: func() io.ReadCloser { return io.NopCloser(bytes.NewReader([]byte(text))) }}
}

func (s *sender) send(name, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return s.conn.Send(ctx, delivery(name, text))
}

var errRefused = errors.New("not taken")

// line is a connection to a server that can be cut.
type line struct {
	*harness.Line
	url string
}

func newLine(t *testing.T, p *peer) *line {
	t.Helper()
	l := harness.NewLine(t, p.address)
	return &line{Line: l, url: "opc.tcp://" + l.Address + "/UA"}
}

// again connects the North until it succeeds.
func (s *sender) again(t *testing.T) {
	t.Helper()
	harness.Until(t, limit, "the server is back", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		_ = s.conn.Disconnect(ctx)
		return s.conn.Connect(ctx) == nil
	})
}
