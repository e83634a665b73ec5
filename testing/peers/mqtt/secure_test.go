package mqtt

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/north"
	northmqtt "oibus/agent/north/mqtt"
	"oibus/agent/south"
	southmqtt "oibus/agent/south/mqtt"
	"oibus/testing/harness"
)

// authority makes certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	a.key = a.newKey()
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue writes name.crt and name.key.
func (a *authority) issue(name string) {
	a.t.Helper()
	key := a.newKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".key", "PRIVATE KEY", raw)
}

// connectors that are only tested.
func southOf(t *testing.T, set json.RawMessage) south.Connector {
	t.Helper()
	c, err := southmqtt.Type.New(south.Env{Env: connector.Env{ID: "s1", Name: "s1", Settings: set, Log: (&logs{}).logger(), Host: host(nil), Test: true}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func northOf(t *testing.T, set json.RawMessage) north.Connector {
	t.Helper()
	c, err := northmqtt.Type.New(north.Env{Env: connector.Env{ID: "n1", Name: "n1", Settings: set, Log: (&logs{}).logger(), Host: host(nil), Test: true}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEachWayToConnect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	ca.issue("server")
	ca.issue("client")
	newAuthority(t, dir, "other").issue("stranger")
	passwords := filepath.Join(dir, "passwords")
	if out, err := exec.Command(harness.FindPeer(t, "mosquitto_passwd"), "-b", "-c", passwords, "jane", "s3cret!").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ports := map[string]int{}
	var lines []string
	listener := func(name string, more ...string) {
		ports[name] = harness.FreePort(t)
		if name == "plain" {
			lines = append(lines, "listener %port% 127.0.0.1")
		} else {
			lines = append(lines, fmt.Sprintf("listener %d 127.0.0.1", ports[name]))
		}
		lines = append(lines, more...)
	}
	server := []string{"cafile " + dir + "/ca.crt", "certfile " + dir + "/server.crt", "keyfile " + dir + "/server.key"}
	lines = append(lines, "per_listener_settings true")
	listener("plain", "allow_anonymous true")
	listener("password", "allow_anonymous false", "password_file "+passwords)
	listener("tls", append(server, "allow_anonymous true")...)
	listener("cert", append(server, "allow_anonymous true", "require_certificate true")...)
	listener("web", "allow_anonymous true", "protocol websockets")
	listener("webs", append(server, "allow_anonymous true", "protocol websockets")...)
	b := startBroker(t, lines...)
	ports["plain"] = b.port
	ports["nobody"] = harness.FreePort(t)

	none := map[string]any{"type": "none"}
	basic := func(name, password string) map[string]any {
		return map[string]any{"type": "basic", "username": name, "password": password}
	}
	cert := func(name, ca string) map[string]any {
		return map[string]any{"type": "cert", "certFilePath": filepath.Join(dir, name+".crt"), "keyFilePath": filepath.Join(dir, name+".key"), "caFilePath": filepath.Join(dir, ca+".crt")}
	}
	for _, c := range []struct {
		name, scheme, listener string
		auth                   map[string]any
		verify                 bool
		fault                  string // a part of it, or one of two, "" when it works
	}{
		{"plain", "mqtt", "plain", none, true, ""},
		{"plain, tcp", "tcp", "plain", none, true, ""},
		{"nobody there", "mqtt", "nobody", none, true, fmt.Sprintf("connect ECONNREFUSED 127.0.0.1:%d", ports["nobody"])},
		{"password", "mqtt", "password", basic("jane", "s3cret!"), true, ""},
		{"wrong password", "mqtt", "password", basic("jane", "other"), true, "Connection refused: Not authorized"},
		{"no password", "mqtt", "password", none, true, "Connection refused: Not authorized"},
		{"TLS, not verified", "mqtts", "tls", none, false, ""},
		{"TLS, tls", "tls", "tls", none, false, ""},
		{"TLS, verified by the system", "mqtts", "tls", none, true, "certificate signed by unknown authority"},
		{"TLS, verified by the file", "mqtts", "tls", cert("client", "ca"), true, ""},
		{"TLS, the scheme without it", "mqtt", "cert", cert("client", "ca"), true, ""},
		{"certificate", "mqtts", "cert", cert("client", "ca"), true, ""},
		{"no certificate", "mqtts", "cert", none, false, "tls: |ECONNRESET"},
		{"a stranger's certificate", "mqtts", "cert", cert("stranger", "ca"), true, "tls: |ECONNRESET"},
		{"another authority", "mqtts", "cert", cert("client", "other"), true, "certificate signed by unknown authority"},
		{"no such certificate", "mqtts", "cert", cert("nobody", "ca"), true, `cannot read the certificate file "` + filepath.Join(dir, "nobody.crt") + `": no such file`},
		{"no such authority", "mqtts", "cert", cert("client", "nobody"), true, `cannot read the certificate authority file "` + filepath.Join(dir, "nobody.crt") + `"`},
		{"plain to TLS", "mqtt", "tls", none, true, "the broker has closed the connection|ECONNRESET"},
		{"web", "ws", "web", none, true, ""},
		{"web over TLS", "wss", "webs", none, false, ""},
		{"web to plain", "ws", "plain", none, true, "the broker has closed the connection|ECONNRESET"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			set := settings("x", "1", false, map[string]any{"url": fmt.Sprintf("%s://127.0.0.1:%d", c.scheme, ports[c.listener]), "authentication": c.auth, "rejectUnauthorized": c.verify})
			for name, test := range map[string]func(context.Context) (connector.Report, error){"south": southOf(t, set).Test, "north": northOf(t, set).Test} {
				got, err := test(ctx)
				if c.fault == "" && (err != nil || len(got.Items) != 1 || got.Items[0] != connector.Fact{Key: "SessionPresent", Value: "false"}) {
					t.Errorf("%s: %+v, %v", name, got, err)
				}
				if c.fault != "" && (err == nil || !holdsOne(err.Error(), c.fault)) {
					t.Errorf("%s: got %v, want %s", name, err, c.fault)
				}
				if err != nil && strings.Contains(err.Error(), "s3cret!") {
					t.Errorf("%s: a secret: %v", name, err)
				}
			}
			if c.fault == "" {
				flows(t, c.listener+c.name, set)
			}
		})
	}
}

// holdsOne says whether a text holds one of the parts.
func holdsOne(text, parts string) bool {
	for part := range strings.SplitSeq(parts, "|") {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// flows lets values go out through a North and come back through a South.
func flows(t *testing.T, name string, set json.RawMessage) {
	t.Helper()
	topic := "flow/" + strings.Map(func(r rune) rune {
		if r == ' ' || r == ',' {
			return -1
		}
		return r
	}, name)
	r := newRecord()
	s := startSource(t, "s"+fmt.Sprint(len(name))+topic[5:], set, r, &memories{}, item("temp", topic+"/#"))
	out := startSink(t, "n"+topic[5:], set)
	n := 0
	harness.Until(t, limit, "the first value has come", func() bool {
		out.accept(messages(func(int) string { return topic }, n, n+1))
		n++
		got, _, _ := r.got()
		return got > 0
	})
	first, _, _ := r.got()
	out.accept(messages(func(int) string { return topic + "/more" }, 1000, 2000))
	r.await(t, first+1000)
	s.stop()
	out.stop()
}

func TestTheTestOfARunningConnectorLeavesItAlone(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	r := newRecord()
	set := settings(b.address(), "1", true, nil)
	s := startSource(t, "s1", set, r, &memories{}, item("temp", "alone/temp"), item("probe", "probe/s1"))
	s.awaitConnected(b)
	c := southOf(t, set)
	for range 3 {
		if _, err := c.Test(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p := client(t, b.address(), "palone", true)
	defer p.Disconnect(100)
	type answer struct {
		result south.TestResult
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		result, err := c.TestItem(t.Context(), south.TestRequest{Item: south.Item{ID: "test", Name: "temp", Settings: json.RawMessage(`{"topic":"alone/+"}`)}})
		done <- answer{result, err}
	}()
	var got answer
	for n := 0; got.result.Content.Kind == "" && got.err == nil; n++ {
		publish(t, p, "alone/temp", 1, fmt.Sprint(n))
		select {
		case got = <-done:
		case <-time.After(20 * time.Millisecond):
		}
	}
	text := textOf(t, got.result.Content)
	if got.err != nil || !strings.Contains(text, `"item":{"id":"test","name":"temp","topic":"alone/+"}`) || !strings.HasPrefix(text, `[{"message":"`) {
		t.Errorf("%s, %v", text, got.err)
	}
	if s.log.has("Connection lost") {
		t.Error("the running connector lost its connection")
	}
}
