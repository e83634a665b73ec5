package registration

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
	"oibus/agent/store"
)

func TestARegistrationGoesFromNothingOverACodeToATokenAndBack(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		v := r.View(asIs)
		if v.Status != entity.NotRegistered || v.ActivationCode != nil || v.CheckURL != nil || len(v.ID) != 16 || v.CommandRefreshInterval != 60 {
			t.Fatalf("first start: %+v", v)
		}
		if got := r.token(); got != "OIBus not registered in OIAnalytics" || r.Registered() {
			t.Fatalf("connection of an unregistered agent: %q", got)
		}
		r.mustRegister(nil)
		v = r.View(asIs)
		req := r.cloud.requests[0]
		if v.Status != entity.Pending || *v.ActivationCode != req.ActivationCode || len(req.ActivationCode) != 6 || *v.CheckURL != "/check?id=1" || v.UpdatedBy != "u7Qw2E" {
			t.Fatalf("pending: %+v, asked %+v", v, req)
		}
		if req.OIBusID != "engine0123456789" || req.OIBusName != "Line 4" || req.OIBusVersion != "3.9.0" || req.OIBusOS == "" || req.OIBusArch == "" || req.PublicKey != "public1" {
			t.Fatalf("E1 body %+v", req)
		}
		started := time.Now()
		r.after(25 * time.Second)
		r.cloud.approve("tok")
		r.after(10 * time.Second)
		for i, at := range r.cloud.checks {
			if want := started.Add(time.Duration(i+1) * 10 * time.Second); at.Sub(want).Abs() > time.Second {
				t.Errorf("check %d after %s", i, at.Sub(started))
			}
		}
		v = r.View(asIs)
		if v.Status != entity.Registered || *v.ActivationCode != "" || *v.CheckURL != "" || *v.ActivationExpirationDate != "" || *v.ActivationDate == "" || r.token() != "tok" {
			t.Fatalf("registered: %+v", v)
		}
		if got := r.happened(); got != "requested activated" {
			t.Errorf("events %q", got)
		}
		if !r.logs.contains("INFO OIBus registered on https://acme.oianalytics.com") || !r.logs.contains("WARN Registration not completed. Status: PENDING") {
			t.Errorf("logs %v", r.logs.text)
		}
		_, checks := r.cloud.count()
		r.restart()
		r.after(time.Minute)
		if _, n := r.cloud.count(); n != checks || r.token() != "tok" {
			t.Errorf("after a restart: %d checks more, token %q", n-checks, r.token())
		}
		if err := r.Unregister(); err != nil {
			t.Fatal(err)
		}
		v = r.View(asIs)
		if v.Status != entity.NotRegistered || *v.ActivationDate != "" || v.Host == "" || r.Registered() || r.happened() != "unregistered" {
			t.Errorf("unregistered: %+v", v)
		}
		if r.PublicKey() != "public1" {
			t.Error("unregistering dropped the cipher keys")
		}
	})
}

func TestTheRecordOnDiskHoldsNoSecretInClear(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.mustRegister(map[string]any{"proxyUsername": "pu", "proxyPassword": "S3CRET-proxy", "apiGatewayHeaderKey": "k", "apiGatewayHeaderValue": "S3CRET-gw"})
		r.cloud.approve("S3CRET-token")
		r.after(time.Minute)
		for _, secret := range []string{"S3CRET-proxy", "S3CRET-gw", "S3CRET-token", "private1", "private2"} {
			disk := string(r.disk.data)
			if strings.Count(disk, secret) != strings.Count(disk, "sealed:"+secret) || !strings.Contains(disk, secret) {
				t.Errorf("%s: on disk %s", secret, disk)
			}
		}
		shown, err := json.Marshal(r.View(asIs))
		if err != nil || strings.Contains(string(shown), "S3CRET") || strings.Contains(string(shown), "private") {
			t.Errorf("the REST form shows a secret: %s %v", shown, err)
		}
	})
}

func TestRegisterRefusesWithTheTextsOfTheReference(t *testing.T) {
	t.Parallel()
	permissions := entity.AllPermissions()
	delete(permissions, "setpoint")
	for name, c := range map[string]struct {
		change map[string]any
		want   string
	}{
		"refresh interval 0":   {map[string]any{"commandRefreshInterval": 0}, `"commandRefreshInterval" must be greater than or equal to 1`},
		"no host":              {map[string]any{"host": ""}, `"host" is not allowed to be empty`},
		"host missing":         {map[string]any{"host": remove}, `"host" is required`},
		"unknown key":          {map[string]any{"foo": 1}, `"foo" is not allowed`},
		"permission missing":   {map[string]any{"commandPermissions": permissions}, `"commandPermissions.setpoint" is required`},
		"two mistakes":         {map[string]any{"useProxy": "x", "messageRetryInterval": 1.5}, `"useProxy" must be a boolean. "messageRetryInterval" must be an integer`},
		"permissions no table": {map[string]any{"commandPermissions": true}, `"commandPermissions" must be of type object`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, nil, func(r *rig) {
				before := string(r.disk.data)
				err := r.Register(r.t.Context(), "u", body(c.change))
				if err == nil || err.Error() != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
				if n, _ := r.cloud.count(); n != 0 || string(r.disk.data) != before {
					t.Error("something was sent or stored")
				}
			})
		})
	}
}

func TestAFailedRegistrationStoresNothingAndShowsTheErrorOfTheCloud(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.cloud.register = func(context.Context, cloud.Connection, cloud.RegisterRequest) (cloud.RegisterAnswer, error) {
			return cloud.RegisterAnswer{}, &cloud.Error{Kind: cloud.Status, Status: 400, Body: `{"message": "bad activation"}`}
		}
		err := r.Register(r.t.Context(), "u", body(nil))
		if err == nil || err.Error() != `400 - {"message": "bad activation"}` {
			t.Errorf("error %v", err)
		}
		if v := r.View(asIs); v.Status != entity.NotRegistered || v.Host != "" || r.happened() != "" {
			t.Errorf("stored %+v", v)
		}
	})
}

func TestRegisteringAgainKeepsTheTokenUntilTheNewRegistrationIsApproved(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.registered("old")
		r.mustRegister(map[string]any{"host": "https://new.oianalytics.com", "acceptUnauthorized": true})
		if v := r.View(asIs); v.Status != entity.Pending || v.Host != "https://new.oianalytics.com" {
			t.Fatalf("shown: %+v", v)
		}
		r.restart()
		conn, err := r.Connection()
		if err != nil || conn.Token != "old" || conn.Host != "https://acme.oianalytics.com" || conn.AcceptUnauthorized || r.PublicKey() != "public1" {
			t.Fatalf("while waiting: %v token %q key %s err %v", conn, conn.Token, r.PublicKey(), err)
		}
		if st := r.State(); st.WorkingHost != "https://acme.oianalytics.com" {
			t.Errorf("state %+v", st)
		}
		for _, c := range []string{"public1:x", "public2:x"} {
			if plain, err := r.Decrypt(c); plain != "x" || err != nil {
				t.Errorf("%s while waiting: %v", c, err)
			}
		}
		r.cloud.approve("new")
		r.after(11 * time.Second)
		conn, _ = r.Connection()
		if conn.Token != "new" || conn.Host != "https://new.oianalytics.com" || !conn.AcceptUnauthorized || r.PublicKey() != "public2" {
			t.Fatalf("approved: %v token %q", conn, conn.Token)
		}
		if plain, err := r.Decrypt("public1:x"); plain != "x" || err != nil {
			t.Errorf("a secret made before: %v", err)
		}
	})
}

func TestADeclinedOrExpiredCodeEndsThePollingInAClearState(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]cloud.CheckAnswer{
		"declined": {Status: "DECLINED"}, "expired status": {Status: "EXPIRED", Expired: true}, "expired flag": {Status: "PENDING", Expired: true},
	} {
		for _, working := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, nil, func(r *rig) {
					if working {
						r.registered("old")
					}
					r.mustRegister(map[string]any{"host": "https://new.oianalytics.com"})
					r.happened()
					r.cloud.answerChecks(answer, nil)
					_, before := r.cloud.count()
					r.after(5 * time.Minute)
					if _, n := r.cloud.count(); n != before+1 {
						t.Errorf("%d checks, want 1", n-before)
					}
					v := r.View(asIs)
					if working && (v.Status != entity.Registered || v.Host != "https://acme.oianalytics.com" || r.token() != "old") {
						t.Errorf("the registration that worked is not back: %+v", v)
					}
					if !working && (v.Status != entity.NotRegistered || *v.ActivationCode != "" || *v.CheckURL != "") {
						t.Errorf("not clear: %+v", v)
					}
					if st := r.State(); !strings.Contains(st.LastFailure, "OIAnalytics ended the registration") || r.happened() != "ended" {
						t.Errorf("state %+v", st)
					}
				})
			})
		}
	}
}

func TestACodeExpiresByTheLocalClockWhenTheCloudSaysNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) { r.cloud.lifetimes = 35 * time.Second }, func(r *rig) {
		r.cloud.answerChecks(cloud.CheckAnswer{}, errors.New("connect ECONNREFUSED 10.0.0.5:443"))
		r.mustRegister(nil)
		r.after(31 * time.Second)
		if r.View(asIs).Status != entity.Pending {
			t.Fatal("gave up too early")
		}
		r.after(10 * time.Second)
		if st := r.State(); st.Status != entity.NotRegistered || !strings.Contains(st.LastFailure, "expired at") {
			t.Errorf("state %+v", st)
		}
		if !r.logs.contains("ERROR Error while checking registration: connect ECONNREFUSED 10.0.0.5:443") {
			t.Errorf("logs %v", r.logs.text)
		}
	})
}

func TestAWrongLocalClockDoesNotEndACodeTheCloudStillAccepts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) { r.cloud.lifetimes = -2 * time.Hour }, func(r *rig) {
		r.mustRegister(nil)
		r.after(time.Minute)
		r.cloud.approve("tok")
		r.after(10 * time.Second)
		if r.token() != "tok" || !r.logs.contains("clock of this machine") {
			t.Errorf("token %q, logs %v", r.token(), r.logs.text)
		}
	})
}

func TestALateAnswerOfACheckChangesNothing(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*rig) error{
		"unregister":     func(r *rig) error { return r.Unregister() },
		"register again": func(r *rig) error { return r.Register(r.t.Context(), "u", body(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, nil, func(r *rig) {
				r.mustRegister(nil)
				r.cloud.set(func() {
					r.cloud.check = func(context.Context, cloud.Connection, string) (cloud.CheckAnswer, error) {
						time.Sleep(20 * time.Second) // deaf to the end of its context, as an answer on its way is
						return cloud.CheckAnswer{Status: "COMPLETED", AccessToken: "late"}, nil
					}
				})
				r.after(12 * time.Second)
				r.cloud.answerChecks(cloud.CheckAnswer{Status: "PENDING"}, nil)
				if err := meanwhile(r); err != nil {
					t.Fatal(err)
				}
				want := r.View(asIs)
				r.after(time.Minute)
				if got := r.View(asIs); got.Status != want.Status || r.Registered() {
					t.Errorf("the late answer was applied: %s", got.Status)
				}
			})
		})
	}
}

func TestARegistrationOvertakenByUnregisterIsDiscarded(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.cloud.register = func(context.Context, cloud.Connection, cloud.RegisterRequest) (cloud.RegisterAnswer, error) {
			time.Sleep(10 * time.Second)
			return cloud.RegisterAnswer{RedirectURL: "/x"}, nil
		}
		result := make(chan error, 1)
		r.tasks.Go("register", func(ctx context.Context) error { result <- r.Register(ctx, "u", body(nil)); return nil })
		r.after(5 * time.Second)
		if err := r.Unregister(); err != nil {
			t.Fatal(err)
		}
		if err := <-result; !errors.Is(err, errSuperseded) || r.View(asIs).Status != entity.NotRegistered {
			t.Errorf("got %v, status %s", err, r.View(asIs).Status)
		}
	})
}

func TestATokenThatCouldNotBeStoredIsNotLost(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.mustRegister(nil)
		r.after(time.Second)
		r.disk.setFull(true)
		r.cloud.approve("once")
		r.after(10 * time.Second)
		if r.Registered() || !r.logs.contains("no space left on device") {
			t.Fatalf("registered without having stored it; logs %v", r.logs.text)
		}
		r.cloud.answerChecks(cloud.CheckAnswer{}, errors.New("the token was handed out already"))
		r.disk.setFull(false)
		r.after(10 * time.Second)
		if r.token() != "once" {
			t.Errorf("token %q", r.token())
		}
	})
}

func TestEditKeepsTheHostAndSecretsAndTellsEveryone(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.mustRegister(map[string]any{"useProxy": true, "proxyUrl": "http://p:3128", "proxyUsername": "pu", "proxyPassword": "pp",
			"useApiGateway": true, "apiGatewayHeaderKey": "X-Key", "apiGatewayHeaderValue": "gv", "apiGatewayBaseEndpoint": "/gw"})
		r.cloud.approve("tok")
		r.after(11 * time.Second)
		r.happened()
		edit := map[string]any{"host": "https://elsewhere", "useProxy": true, "proxyUrl": "http://p2:3128", "proxyUsername": "pu", "proxyPassword": "",
			"useApiGateway": "true", "apiGatewayHeaderKey": "X-Key", "apiGatewayHeaderValue": nil, "apiGatewayBaseEndpoint": "", "commandRefreshInterval": "30"}
		if err := r.Edit("u2", body(edit)); err != nil {
			t.Fatal(err)
		}
		conn, err := r.Connection()
		if err != nil || conn.Host != "https://acme.oianalytics.com" || conn.ProxyURL != "http://p2:3128" || conn.ProxyPassword != "pp" || conn.GatewayHeaderValue != "gv" || conn.Token != "tok" {
			t.Errorf("after the edit: %v %v", conn, err)
		}
		if refresh, _, _ := r.Intervals(); refresh != 30*time.Second || r.happened() != "edited" || r.View(asIs).UpdatedBy != "u2" {
			t.Errorf("refresh %s", refresh)
		}
		edit["proxyUsername"], edit["apiGatewayHeaderKey"] = "", nil
		if err := r.Edit("u2", body(edit)); err != nil {
			t.Fatal(err)
		}
		if st := r.State(); st.HasProxyPassword || st.HasGatewayValue {
			t.Errorf("a secret outlived the name it belongs to: %+v", st)
		}
	})
}

func TestTheCloudCanOnlyNarrowPermissionsAndChangeIntervals(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		permissions := entity.AllPermissions()
		permissions["restartEngine"] = false
		r.mustRegister(map[string]any{"commandPermissions": permissions})
		r.happened()
		wish := entity.AllPermissions()
		wish["setpoint"], wish["permissionOfTheFuture"] = false, true
		content, _ := json.Marshal(map[string]any{"host": "https://evil", "commandRefreshInterval": 30, "commandRetryInterval": 6, "messageRetryInterval": 7, "commandPermissions": wish})
		if err := r.UpdateFromCloud(content); err != nil {
			t.Fatal(err)
		}
		if r.Allowed("setpoint") || r.Allowed("restartEngine") || !r.Allowed("createSouth") || r.Allowed("permissionOfTheFuture") {
			t.Error("permissions are wrong")
		}
		v := r.View(asIs)
		if v.CommandRefreshInterval != 30 || v.CommandRetryInterval != 6 || v.MessageRetryInterval != 7 || v.Host != "https://acme.oianalytics.com" || v.UpdatedBy != "oianalytics" || r.happened() != "edited" {
			t.Errorf("%+v", v)
		}
		for content, want := range map[string]string{
			`{"commandRefreshInterval":30,"commandRetryInterval":5,"messageRetryInterval":5}`:                          "",
			`{"commandRefreshInterval":0,"commandRetryInterval":5}`:                                                    `"commandRefreshInterval" must be greater than or equal to 1. "messageRetryInterval" is required`,
			`{"commandRefreshInterval":3,"commandRetryInterval":5,"messageRetryInterval":5,"commandPermissions":7}`:    `"commandPermissions" must be of type object`,
			`{"commandRefreshInterval":3,"commandRetryInterval":5,"messageRetryInterval":5,"commandPermissions":null}`: "",
			`null`: `"commandContent" must be of type object`,
			`[1]`:  `"commandContent" must be of type object`,
		} {
			err := r.UpdateFromCloud(json.RawMessage(content))
			if got := textOf(err); got != want {
				t.Errorf("%s: got %q, want %q", content, got, want)
			}
		}
		if r.Allowed("setpoint") || !r.Allowed("createSouth") {
			t.Error("a command without permissions changed them")
		}
	})
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestIgnoreRemoteUpdateTakesThePermissionAway(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) { r.o.IgnoreRemoteUpdate = true }, func(r *rig) {
		r.mustRegister(nil)
		if r.Allowed("updateVersion") || !r.Allowed("restartEngine") {
			t.Error("permissions are wrong")
		}
	})
}

func TestKeysAreReplacedWithoutWaitingAndTheOldOneIsKept(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.registered("tok")
		r.after(time.Minute) // the spare is ready
		before := time.Now()
		for range 2 { // the second waits for its pair
			if err := r.RegenerateKeys(r.t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(before); r.PublicKey() == "public2" && took != 0 {
				t.Errorf("the first one took %s although a pair was ready", took)
			}
		}
		if r.PublicKey() != "public3" || r.happened() != "keys-replaced keys-replaced" {
			t.Fatalf("key %s", r.PublicKey())
		}
		// The cloud may have seen any of the three: all decrypt, also after a restart.
		r.restart()
		r.after(48 * time.Hour)
		for _, c := range []string{"public1:x", "public2:x", "public3:x"} {
			if plain, err := r.Decrypt(c); plain != "x" || err != nil {
				t.Errorf("%s: %v", c, err)
			}
		}
		if err := r.KeyDelivered("public2"); err != nil { // a configuration sent before the last change
			t.Fatal(err)
		}
		r.after(48 * time.Hour)
		if _, err := r.Decrypt("public1:x"); err != nil {
			t.Errorf("dropped too early: %v", err)
		}
		if err := r.KeyDelivered("public3"); err != nil {
			t.Fatal(err)
		}
		r.after(23 * time.Hour)
		r.restart()
		if _, err := r.Decrypt("public1:x"); err != nil {
			t.Errorf("within the grace: %v", err)
		}
		r.after(2 * time.Hour)
		r.restart()
		_, err := r.Decrypt("public1:x")
		if err == nil || err.Error() != "decoding error with private3" {
			t.Errorf("after the grace: %v", err)
		}
	})
}

func TestDecryptingWithoutAnyKeySaysSo(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		if _, err := r.Decrypt("public1:x"); err == nil {
			t.Error("no error")
		}
	})
}

func TestTheConnectionTestUsesTheTypedSettingsAndTheStoredSecrets(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		var seen cloud.Connection
		var accepted bool
		r.cloud.status = func(conn cloud.Connection, accept401 bool) error { seen, accepted = conn, accept401; return nil }
		proxied := map[string]any{"useProxy": true, "proxyUrl": "http://p:3128", "proxyUsername": "pu", "proxyPassword": "typed"}
		if err := r.TestConnection(r.t.Context(), body(proxied)); err != nil || seen.ProxyPassword != "typed" || !accepted || seen.Token != "" {
			t.Errorf("unregistered: %v %v", seen, err)
		}
		r.mustRegister(proxied)
		r.cloud.approve("tok")
		r.after(11 * time.Second)
		proxied["proxyPassword"] = ""
		if err := r.TestConnection(r.t.Context(), body(proxied)); err != nil || seen.ProxyPassword != "typed" || accepted || seen.Token != "tok" {
			t.Errorf("registered: %v %v", seen, err)
		}
		proxied["host"] = "https://other"
		if err := r.TestConnection(r.t.Context(), body(proxied)); err != nil || seen.Host != "https://other" || !accepted || seen.Token != "" {
			t.Errorf("the token went to another host: %v %v", seen, err)
		}
	})
}

func TestTheConnectionTestHasTheTextsOfItsDialect(t *testing.T) {
	t.Parallel()
	refused := errors.New("connect ECONNREFUSED 127.0.0.1:1")
	status := &cloud.Error{Kind: cloud.Status, Status: 403, Body: "no"}
	for _, c := range []struct {
		dialectR bool
		err      error
		want     string
	}{
		{false, refused, "Fetch error: connect ECONNREFUSED 127.0.0.1:1"},
		{true, refused, "Fetch error Error: connect ECONNREFUSED 127.0.0.1:1"},
		{false, status, "HTTP request failed with status code 403 and message: no"},
		{true, status, "HTTP request failed with status code 403 and message: no"},
	} {
		inBubble(t, func(r *rig) {
			r.o.DialectR = c.dialectR
			r.cloud.status = func(cloud.Connection, bool) error { return c.err }
		}, func(r *rig) {
			if err := r.TestConnection(r.t.Context(), body(nil)); textOf(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestTheRecordSurvivesARestartOnARealDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inBubble(t, func(r *rig) {
		disk, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		r.o.Keeper = Document(disk)
	}, func(r *rig) {
		r.registered("tok")
		want := r.View(asIs)
		r.restart()
		if got := r.View(asIs); got.ID != want.ID || got.Status != entity.Registered || r.token() != "tok" || *got.ActivationDate != *want.ActivationDate {
			t.Errorf("after the restart %+v", got)
		}
	})
}

func TestACodeThatWaitsIsCheckedAgainAfterARestart(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.mustRegister(nil)
		r.restart()
		r.cloud.approve("tok")
		r.after(9 * time.Second)
		if _, n := r.cloud.count(); n != 0 {
			t.Error("checked at once")
		}
		r.after(2 * time.Second)
		if r.token() != "tok" {
			t.Error("not registered")
		}
	})
}

func TestPermissionsUnknownToAStoredRecordAreNotGranted(t *testing.T) {
	t.Parallel()
	disk := &memory{}
	old := newRecord(time.Now())
	delete(old.CommandPermissions, "setpoint")
	old.Status = "HALF"
	if err := disk.Save(old); err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(r *rig) { r.o.Keeper = disk }, func(r *rig) {
		v := r.View(asIs)
		if r.Allowed("setpoint") || len(v.CommandPermissions) != 42 || v.Status != entity.NotRegistered {
			t.Errorf("%+v", v)
		}
	})
}

func FuzzUpdateFromCloud(f *testing.F) {
	f.Add([]byte(`{"commandRefreshInterval":30,"commandRetryInterval":5,"messageRetryInterval":5,"commandPermissions":{"setpoint":false}}`))
	f.Add([]byte(`{"commandPermissions":{"setpoint":"true"}}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, content []byte) {
		current := settingsOf(&entity.Registration{CommandPermissions: map[string]bool{"setpoint": true}})
		out, err := narrowed(current, content)
		if err != nil {
			return
		}
		v, err := decode(out)
		if err == nil && v.CommandPermissions["createSouth"] {
			t.Errorf("a permission was granted by %s", content)
		}
	})
}
