package opcua

import (
	"context"
	"strings"
	"testing"

	"oibus/agent/south"
	"oibus/testing/harness"
)

// TestAgainstNodeOPCUA runs everything that does not need a server of its own, one after the other.
func TestAgainstNodeOPCUA(t *testing.T) {
	t.Parallel()
	server := startNode(t, map[string]any{"histories": 3, "history": 5000, "many": 50,
		"limits": map[string]any{"maxNodesPerRead": 7, "maxNodesPerWrite": 5, "maxNodesPerHistoryReadData": 2, "maxMonitoredItemsPerCall": 6}})
	for _, test := range []struct {
		name string
		run  func(*testing.T, *peer)
	}{
		{"every policy, mode and identity connects", everyIdentityConnects},
		{"a wrong password is refused", aWrongPasswordIsRefused},
		{"values of all types are read in batches", valuesOfAllTypesAreRead},
		{"a test of the connection tells what the server offers", aTestTellsWhatTheServerOffers},
		{"history is read page by page, and windows do not overlap", historyIsReadPageByPage},
		{"aggregates are made over the intervals of the form", aggregatesAreMade},
		{"a node that is not there keeps no other from being read", aMissingNodeKeepsNoOther},
		{"a window that was not taken is not read", aWindowThatWasNotTaken},
		{"values are written as the types of their nodes", valuesAreWritten},
		{"what is refused is told and the rest is written once", whatIsRefusedIsTold},
		{"a value that had to wait does not replace a newer one", aValueThatHadToWait},
		{"a session that has ended is opened again", aSessionThatHasEnded},
		{"changes arrive and items can be exchanged", changesArrive},
		{"what was received is handed on when the South stops", whatWasReceivedIsHandedOn},
		{"what is not taken comes again", whatIsNotTakenComesAgain},
		{"the watchdog ends a connection that is silent", theWatchdog}, // the server is held: nothing comes behind
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, server) })
	}
}

func everyIdentityConnects(t *testing.T, server *peer) {
	user := identity(t)
	policies := []string{"basic256-sha256", "aes128-sha256-rsa-oaep"}
	if sweep() {
		policies = []string{"basic128-rsa15", "basic256", "basic256-sha256", "aes128-sha256-rsa-oaep"}
	}
	type security struct{ mode, policy string }
	securities := []security{{"none", ""}, {"none", "none"}}
	for _, p := range policies {
		securities = append(securities, security{"sign", p}, security{"sign-and-encrypt", p})
	}
	identities := map[string]map[string]any{
		"anonymous": {"type": "none"},
		"password":  {"type": "basic", "username": "oibus", "password": "pass word é"},
		"X.509":     {"type": "cert", "certFilePath": user.certificateFile, "keyFilePath": user.keyFile},
	}
	for _, s := range securities {
		for name, authentication := range identities {
			t.Run(s.mode+" "+s.policy+" "+name, func(t *testing.T) {
				settings := plain(server.url())
				settings["securityMode"], settings["securityPolicy"], settings["authentication"] = s.mode, s.policy, authentication
				r := newRig(t, settings)
				r.connect()
				if err := r.read(item(t, "a", "ns=1;s=Int32", nil)); err != nil {
					t.Fatal(err)
				}
				if got := r.got(); len(got) != 1 || string(got[0].Data) != `{"value":"-123456","quality":"Good"}` {
					t.Errorf("got %v", got)
				}
			})
		}
	}
}

func aWrongPasswordIsRefused(t *testing.T, server *peer) {
	settings := plain(server.url())
	settings["authentication"] = map[string]any{"type": "basic", "username": "oibus", "password": "secret-that-is-wrong"}
	r := newRig(t, settings)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := r.conn.Connect(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "Error while connecting to the OPCUA server: Bad") || strings.Contains(err.Error()+r.journal.String(), "secret-that") {
		t.Errorf("got %v", err)
	}
	_ = r.conn.Disconnect(ctx)
}

func valuesOfAllTypesAreRead(t *testing.T, server *peer) {
	r := newRig(t, plain(server.url()))
	r.connect()
	want := map[string]string{
		"Boolean": "1", "SByte": "-5", "Byte": "200", "Int16": "-1234", "UInt16": "54321", "Int32": "-123456", "UInt32": "4000000000",
		"Int64": "-5", "UInt64": "7", "Float": "1.100000023841858", "Double": "2.5", "String": "text", "DateTime": "2024-01-15T10:00:00.000Z",
		"ByteString": "0102ff", "Array": "1,2.5,3", "Guid": "", "LocalizedText": "", "Missing": "",
	}
	var items []south.Item
	for name := range want {
		items = append(items, item(t, name, "ns=1;s="+name, nil))
	}
	items = append(items, item(t, "bad", "no node", nil))
	if err := r.read(items...); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range r.got() {
		got[v.PointID] = string(v.Data)
	}
	for name, text := range want {
		data, there := got[name]
		if text == "" {
			if there {
				t.Errorf("%s: got %s, want nothing", name, data)
			}
			continue
		}
		if data != `{"value":"`+text+`","quality":"Good"}` {
			t.Errorf("%s: got %s, want %s", name, data, text)
		}
	}
}

func aTestTellsWhatTheServerOffers(t *testing.T, server *peer) {
	r := newRig(t, plain(server.url()))
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	report, err := r.conn.Test(ctx)
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string]string{}
	for _, f := range report.Items {
		facts[f.Key] = f.Value
	}
	for key, value := range map[string]string{"State": "Running", "ManufacturerName": "Peer", "ProductName": "Peer", "SoftwareVersion": "1.2.3", "BuildNumber": "42",
		"SecurityModes": "None, Sign, SignAndEncrypt", "AuthenticationModes": "Username/Password, X509 Certificate, Anonymous"} {
		if facts[key] != value {
			t.Errorf("%s: got %q, want %q", key, facts[key], value)
		}
	}
	if !strings.Contains(facts["SupportedAggregates"], "Average") || !strings.Contains(facts["SecurityPolicies"], "Basic256Sha256") {
		t.Errorf("got %v", facts)
	}
	result, err := r.conn.TestItem(ctx, south.TestRequest{Item: item(t, "a", "ns=1;s=Double", nil)})
	if err != nil || result.Content.Elements != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
	s := newSender(t, plain(server.url()))
	if report, err = s.conn.Test(ctx); err != nil || len(report.Items) != 8 {
		t.Errorf("got %v, %v", report, err)
	}
}

func aSessionThatHasEnded(t *testing.T, server *peer) {
	r := newRig(t, plain(server.url()))
	r.connect()
	driver := newSender(t, plain(server.url()))
	driver.connect(t)
	if err := driver.send("end", `[{"nodeId":"ns=1;s=EndSessions","value":1}]`); err != nil {
		t.Fatal(err)
	}
	harness.Until(t, limit, "the session was opened again", func() bool {
		if err := r.read(item(t, "a", "ns=1;s=Int64", nil)); err != nil {
			t.Fatalf("the value is not read: %v", err)
		}
		return strings.Contains(r.journal.String(), "had ended and was opened again")
	})
	if len(r.lost) > 0 {
		t.Errorf("the connection is given up: %v", <-r.lost)
	}
}
