package opcua

import (
	"context"
	"testing"

	"github.com/gopcua/opcua/server"
	"github.com/gopcua/opcua/ua"

	"oibus/agent/south"
	"oibus/testing/harness"
)

// startGo starts the server of gopcua in this process, without security: at v0.8.0 it takes the first message of a secure
// channel for one that is not encrypted, so that its own client cannot connect either.
func startGo(t *testing.T) (url string, values *server.MapNamespace) {
	t.Helper()
	port := harness.FreePort(t)
	s := server.New(server.EndPoint("127.0.0.1", port), server.EnableAuthMode(ua.UserTokenTypeAnonymous), server.EnableSecurity("None", ua.MessageSecurityModeNone))
	values = server.NewMapNamespace(s, "Peer")
	values.Data["Number"] = int32(7)
	values.Data["Text"] = "text"
	values.Data["Float"] = 2.5
	if err := s.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.URLs()[0], values
}

func TestAgainstTheServerOfGopcua(t *testing.T) {
	t.Parallel()
	url, values := startGo(t)
	first := newRig(t, plain(url))
	first.connect()
	if err := first.read(item(t, "n", "ns=1;s=Number", nil), item(t, "t", "ns=1;s=Text", nil), item(t, "f", "ns=1;s=Float", nil), item(t, "x", "ns=1;s=Nowhere", nil)); err != nil {
		t.Fatal(err)
	}
	if got := first.got(); len(got) != 3 || valueOf(t, got[0]) != "7" || valueOf(t, got[1]) != "text" || valueOf(t, got[2]) != "2.5" {
		t.Errorf("got %v", got)
	}
	r := newRig(t, plain(url))
	r.connect()
	number := item(t, "n", "ns=1;s=Number", nil)
	r.subscribe(number)
	r.until(1, 7)
	values.SetValue("Number", int32(8))
	values.ChangeNotification("Number")
	r.until(1, 8)
	r.unsubscribe(number)
	if _, err := r.window(base, base.Add(1), past(t, "h", "ns=1;s=Number", "raw", "")); err == nil {
		t.Error("a server without history has been read")
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if report, err := r.conn.Test(ctx); err != nil || len(report.Items) == 0 {
		t.Errorf("got %v, %v", report, err)
	}
	if result, err := r.conn.TestItem(ctx, south.TestRequest{Item: number}); err != nil || result.Content.Elements != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
}
