package cloud

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// capture returns a host and what was asked there last: request line first, then the headers but Host and
// Content-Length.
func capture(t *testing.T, answer string) (string, func() []string) {
	t.Helper()
	heads := make(chan []string, 100)
	addr := raw(t, func(_ int, c net.Conn) {
		heads <- readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+answer)
	})
	return "http://" + addr, func() []string {
		var kept []string
		for _, line := range <-heads {
			name, _, _ := strings.Cut(strings.ToLower(line), ":")
			if name != "host" && name != "content-length" && name != "connection" {
				kept = append(kept, line)
			}
		}
		slices.Sort(kept[1:])
		return kept
	}
}

func TestEachEndpointSendsItsHeadersAndNoOther(t *testing.T) {
	t.Parallel()
	const agent = "User-Agent: OIBus/3.9.0 (https://oibus.optimistik.com/)"
	const typed = "Content-Type: application/json"
	const bearer = "Authorization: Bearer tok"
	ctx := t.Context()
	for name, c := range map[string]struct {
		answer string
		call   func(c *Client, conn Connection) error
		want   []string
	}{
		"E1": {`{"redirectUrl":"/x"}`, func(c *Client, conn Connection) error {
			_, err := c.Register(ctx, conn, RegisterRequest{})
			return err
		}, []string{"POST /api/oianalytics/oibus/registration HTTP/1.1", typed, agent}},
		"E2": {`{"status":"PENDING"}`, func(c *Client, conn Connection) error {
			_, err := c.Check(ctx, conn, "/check?id=1")
			return err
		}, []string{"GET /check?id=1 HTTP/1.1", typed, agent}},
		"E3": {"", func(c *Client, conn Connection) error { return c.Status(ctx, conn, false) },
			[]string{"GET /api/oianalytics/oibus/status HTTP/1.1", bearer, agent}},
		"E4": {"[]", func(c *Client, conn Connection) error { _, err := c.Pending(ctx, conn); return err },
			[]string{"GET /api/oianalytics/oibus/commands/pending HTTP/1.1", bearer, agent}},
		"E5": {"[]", func(c *Client, conn Connection) error {
			_, err := c.Cancelled(ctx, conn, []string{"cmd 1", "cmd2"})
			return err
		}, []string{"GET /api/oianalytics/oibus/commands/list-by-ids?ids=cmd%201&ids=cmd2 HTTP/1.1", bearer, agent}},
		"E6": {"", func(c *Client, conn Connection) error { return c.UpdateStatus(ctx, conn, []byte("[]")) },
			[]string{"PUT /api/oianalytics/oibus/commands/status HTTP/1.1", bearer, typed, agent}},
		"E7": {"", func(c *Client, conn Connection) error { return c.PutConfiguration(ctx, conn, []byte("{}")) },
			[]string{"PUT /api/oianalytics/oibus/configuration HTTP/1.1", bearer, typed, agent}},
		"E8": {"", func(c *Client, conn Connection) error { return c.PutHistoryQueries(ctx, conn, []byte("{}")) },
			[]string{"PUT /api/oianalytics/oibus/configuration/history-query HTTP/1.1", bearer, typed, agent}},
		"E10": {"", func(c *Client, conn Connection) error { return c.PostLogs(ctx, conn, []byte("[]")) },
			[]string{"POST /api/oianalytics/oibus/logs HTTP/1.1", bearer, typed, agent}},
		"E11": {"zip", func(c *Client, conn Connection) error {
			a, err := c.Asset(ctx, conn, "a/5", Resume{})
			if err == nil {
				err = a.Body.Close()
			}
			return err
		}, []string{"GET /api/oianalytics/oibus/upgrade/asset?assetId=a%2F5 HTTP/1.1", bearer, agent}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, head := capture(t, c.answer)
			if err := c.call(newClient(t), Connection{Host: host, Token: "tok"}); err != nil {
				t.Fatal(err)
			}
			if got := head(); !slices.Equal(got, c.want) {
				t.Errorf("sent %q\nwant %q", got, c.want)
			}
			conn := Connection{Host: host, Token: "tok", UseAPIGateway: true, GatewayHeaderKey: "x-Gw-key", GatewayHeaderValue: "v"}
			if err := c.call(newClient(t), conn); err != nil {
				t.Fatal(err)
			}
			if got, want := head(), append(slices.Clone(c.want), "x-Gw-key: v"); !slices.Equal(got, want) {
				t.Errorf("with a gateway, sent %q\nwant %q", got, want)
			}
		})
	}
}

func TestTheRequestsAreThoseThatWereRecorded(t *testing.T) {
	t.Parallel()
	type exchange struct {
		Method, Path string
		Headers      [][2]string
	}
	var file struct {
		Steps []struct {
			Requests []exchange
		}
	}
	readGolden(t, "registration-variants.json", &file)
	var all []exchange
	for _, s := range file.Steps {
		all = append(all, s.Requests...)
	}
	wantHeaders := map[string][]string{}
	for _, e := range all {
		if !slices.ContainsFunc(e.Headers, func(h [2]string) bool { return h[0] == "x-gw-key" }) {
			continue
		}
		var names []string
		for _, h := range e.Headers {
			if n := strings.ToLower(h[0]); n != "host" && n != "connection" && n != "content-length" {
				names = append(names, n+": "+h[1])
			}
		}
		slices.Sort(names)
		wantHeaders[e.Method+" "+strings.TrimPrefix(e.Path, "/gateway/v1")] = names
	}
	if len(wantHeaders) < 4 {
		t.Fatalf("only %d kinds of requests with a gateway header are recorded", len(wantHeaders))
	}
	for what, want := range wantHeaders {
		method, path, _ := strings.Cut(what, " ")
		host, head := capture(t, `{"redirectUrl":"/x","status":"PENDING"}`)
		conn := Connection{
			Host: host, UseAPIGateway: true, GatewayHeaderKey: "x-gw-key", GatewayHeaderValue: "gw-secret",
			Token: "mock-access-token-0123456789abcdef",
		}
		c := newClient(t)
		c.userAgent = New("3.8.8").userAgent
		switch {
		case path == registrationPath:
			_, _ = c.Register(t.Context(), conn, RegisterRequest{})
		case method == "GET" && strings.Contains(path, "check"):
			_, _ = c.Check(t.Context(), conn, path)
		case method == "GET":
			_, _ = c.Pending(t.Context(), conn)
		case path == configurationPath:
			_ = c.PutConfiguration(t.Context(), conn, []byte("{}"))
		case path == historyPath:
			_ = c.PutHistoryQueries(t.Context(), conn, []byte("{}"))
		default:
			t.Fatalf("unexpected recorded request %s", what)
		}
		got := head()
		if !strings.HasPrefix(got[0], what) {
			t.Errorf("request line %q, recorded %q", got[0], what)
		}
		for i, line := range got[1:] {
			name, value, _ := strings.Cut(line, ":")
			got[i+1] = strings.ToLower(name) + ":" + value
		}
		if !slices.Equal(got[1:], want) {
			t.Errorf("%s: headers %q, recorded %q", what, got[1:], want)
		}
	}
}

// readGolden decodes a recorded exchange, or skips the test where the recordings are not at hand.
func readGolden(t *testing.T, name string, v any) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Skip("the module root is not above the test")
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "..", "shared", "golden", name))
	if err != nil {
		t.Skipf("the recorded exchanges are not beside the module: %v", err)
	}
	if err := json.Unmarshal(content, v); err != nil {
		t.Fatal(err)
	}
}

func TestATokenIsSentWithOneBearer(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{"abc": "Bearer abc", "Bearer abc": "Bearer abc", "": "Bearer ", "bearer abc": "Bearer bearer abc"} {
		if got := bearer(token); got != want {
			t.Errorf("token %q gives %q, want %q", token, got, want)
		}
	}
}

func TestAnEmptyTokenStillSendsTheHeader(t *testing.T) {
	t.Parallel()
	host, head := capture(t, "")
	if err := newClient(t).Status(t.Context(), Connection{Host: host}, true); err != nil {
		t.Fatal(err)
	}
	if got := head(); strings.TrimSpace(got[1]) != "Authorization: Bearer" {
		t.Errorf("sent %q", got)
	}
}

func TestAGatewayWithoutHeaderKeySendsNoHeader(t *testing.T) {
	t.Parallel()
	host, head := capture(t, "[]")
	conn := Connection{Host: host, UseAPIGateway: true, GatewayHeaderValue: "v", GatewayBase: "/gw"}
	if _, err := newClient(t).Pending(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if got := head(); len(got) != 3 || !strings.HasPrefix(got[0], "GET /gw/api/") {
		t.Errorf("sent %q", got)
	}
}

func TestAGatewayHeaderThatWouldCorruptTheRequestIsRefusedWithoutShowingItsValue(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{
		"x y": "v", "x\r\ny": "v", "é": "v", "Content-Length": "7", "transfer-encoding": "chunked",
		"x-key": "s3cret\r\nHost: other", "x-key2": "s3cret\x00",
	} {
		conn := Connection{Host: "http://127.0.0.1:1", UseAPIGateway: true, GatewayHeaderKey: key, GatewayHeaderValue: value}
		e := failureOf(t, New("1").Status(t.Context(), conn, false), Local)
		if strings.Contains(e.Error(), "s3cret") {
			t.Errorf("the error shows the value: %v", e)
		}
	}
	e := failureOf(t, New("1").Status(t.Context(), Connection{Host: "http://127.0.0.1:1", Token: "s3cret\n"}, false), Local)
	if strings.Contains(e.Error(), "s3cret") {
		t.Errorf("the error shows the token: %v", e)
	}
}

func TestAGatewayHeaderNeverReplacesTheBearerToken(t *testing.T) {
	t.Parallel()
	host, head := capture(t, "[]")
	conn := Connection{Host: host, UseAPIGateway: true, GatewayHeaderKey: "authorization", GatewayHeaderValue: "Basic Zzp3", Token: "tok"}
	if _, err := newClient(t).Pending(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if got := head(); len(got) != 3 || got[1] != "Authorization: Bearer tok" {
		t.Errorf("sent %q", got)
	}
}

func TestAGatewayMayRouteByTheHostHeader(t *testing.T) {
	t.Parallel()
	lines := make(chan []string, 1)
	addr := raw(t, func(_ int, c net.Conn) {
		lines <- readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
	})
	conn := Connection{Host: "http://" + addr, UseAPIGateway: true, GatewayHeaderKey: "host", GatewayHeaderValue: "cloud.internal"}
	if _, err := newClient(t).Pending(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if got := <-lines; !slices.Contains(got, "Host: cloud.internal") {
		t.Errorf("sent %q", got)
	}
}
