package site

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// More of what every site is made with.
const (
	OperatorLogin    = "operator"
	OperatorPassword = "second-Secret-52"
	LokiPassword     = "third-Secret-63"
	earlierPassword  = "older-Secret-30"
)

// makeLimit bounds the making of the master: the keys, and the ten seconds between two looks after an approval.
const makeLimit = 6 * time.Minute

// master is the site that others are copies of.
type master struct {
	dir  string // data, and the state of the simulator
	id   string
	host string
}

var made struct {
	sync.Mutex
	tried bool
	ok    bool
	master
}

// atOnce is how many tests of a package run side by side: they wait for retries more
// than they compute.
const atOnce = "6"

// Main runs the tests of a package and removes the master.
func Main(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	code := m.Run()
	if made.dir != "" {
		_ = os.RemoveAll(made.dir) // what is left is in the temporary folder
	}
	os.Exit(code)
}

func madeOnce(t testing.TB) master {
	t.Helper()
	made.Lock()
	defer made.Unlock()
	if !made.tried {
		made.tried = true
		dir, err := os.MkdirTemp("", "oibus-site-")
		if err != nil {
			t.Fatal(err)
		}
		made.dir = dir
		made.master = makeMaster(t, dir)
		made.ok = true
	}
	if !made.ok {
		t.Fatal("the site that all tests copy could not be made, see the first failure")
	}
	return made.master
}

// makeMaster registers an agent as a person does, and changes each of its objects twice, so that every state file has
// a previous generation.
func makeMaster(t testing.TB, dir string) master {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), makeLimit)
	defer cancel()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	sim, err := cloudsim.New(cloudsim.Options{State: filepath.Join(dir, "sim-state.json")})
	if err != nil {
		t.Fatal(err)
	}
	host, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := harness.New(t, harness.Options{Dir: data, Env: []string{"ENGINE_NAME=" + Name, "ADMIN_PASSWORD=" + Password}})
	a.Login, a.Password = Login, Password
	a.Start()
	known := a.RegisterWith(sim, harness.RegistrationForm(host))
	if err := fill(ctx, a.Client); err != nil {
		t.Fatal(err)
	}
	if err := signIn(ctx, a.Client); err != nil {
		t.Fatal(err)
	}
	if err := warmUp(ctx, sim, known.ID); err != nil {
		t.Fatal(err)
	}
	if err := settled(ctx, data); err != nil {
		t.Fatal(err)
	}
	if code := a.Stop(); code != 0 {
		t.Fatalf("the agent ended with %d\n%s", code, a.Output())
	}
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	return master{dir: dir, id: known.ID, host: host}
}

// fill makes objects of each kind over the REST API.
func fill(ctx context.Context, c *harness.Client) error {
	type call struct {
		method, path string
		body         any
	}
	user := func(login string) map[string]any {
		return map[string]any{"login": login, "firstName": "", "lastName": "", "email": "", "language": "en", "timezone": "Europe/Paris"}
	}
	calls := []call{
		{"POST", "/api/users", map[string]any{"user": user(OperatorLogin), "password": OperatorPassword}},
		{"POST", "/api/users", map[string]any{"user": user("visitor"), "password": earlierPassword}},
		{"PUT", "/api/engine/logger", Logger("info")},
	}
	for i := range 2 {
		calls = append(calls,
			call{"POST", "/api/scan-modes", map[string]any{"name": fmt.Sprintf("Kept %d", i+1), "description": "", "cron": "0 0 * * * *"}},
			call{"POST", "/api/ip-filters", map[string]any{"address": fmt.Sprintf("10.1.2.%d", i+1), "description": "kept"}},
			call{"POST", "/api/certificates", map[string]any{"name": fmt.Sprintf("Kept %d", i+1), "description": "", "regenerateCertificate": true, "options": map[string]any{
				"commonName": "line4", "countryName": "FR", "stateOrProvinceName": "Savoie", "localityName": "Chambery", "organizationName": "Acme", "keySize": 2048, "daysBeforeExpiry": 365}}},
		)
	}
	for _, it := range calls {
		if err := c.JSON(ctx, it.method, it.path, it.body, nil); err != nil {
			return err
		}
	}
	return nil
}

// signIn opens a session of the page, as a browser does.
func signIn(ctx context.Context, c *harness.Client) error {
	form := url.Values{"login": {Login}, "password": {Password}}.Encode()
	request, err := http.NewRequestWithContext(ctx, "POST", c.URL+"/login", strings.NewReader(form))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := c.HTTP.Do(request)
	if err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusSeeOther {
		return fmt.Errorf("signing in is answered %d, %v", answer.StatusCode, err)
	}
	return nil
}

// Logger is the body of the logger settings with a level for OIAnalytics, and a secret for Loki, which is silent.
func Logger(oia string) map[string]any {
	return map[string]any{
		"console": map[string]any{"level": "silent"}, "file": map[string]any{"level": "info", "maxFileSize": 50, "numberOfFiles": 5},
		"database": map[string]any{"level": "info", "maxNumberOfLogs": 100_000},
		"loki":     map[string]any{"level": "silent", "interval": 60, "address": "", "username": "loki", "password": LokiPassword},
		"oia":      map[string]any{"level": oia, "interval": 10}, "syslog": map[string]any{"level": "silent", "host": "", "port": 514, "protocol": "udp4"},
	}
}

// warmUp has two commands executed, so that the journal of commands holds something.
func warmUp(ctx context.Context, sim *cloudsim.Sim, id string) error {
	ids, err := sim.Queue(id,
		map[string]any{"type": "create-scan-mode", "commandContent": map[string]any{"name": "Kept by a command", "description": "", "cron": "0 0 0 * * *"}},
		map[string]any{"type": "make-coffee"})
	if err != nil {
		return err
	}
	ended, err := sim.WaitTerminal(ctx, ids...)
	if err != nil {
		return err
	}
	if ended[0].Status != cloudsim.CommandCompleted || ended[1].Status != cloudsim.CommandErrored {
		return fmt.Errorf("the first commands ended %s and %s", ended[0].Status, ended[1].Status)
	}
	return nil
}

// settled waits until the keys that are made in the background are there, so that no copy makes its own.
func settled(ctx context.Context, data string) error {
	ready := func() bool {
		record, err := os.ReadFile(filepath.Join(data, "state", "registration.json"))
		_, identity := os.Stat(filepath.Join(data, "certs", "cert.pem"))
		return err == nil && identity == nil && !strings.Contains(string(record), `"spare": null`)
	}
	if !harness.UntilDone(ctx, ready) {
		return fmt.Errorf("the keys are not made: %w", ctx.Err())
	}
	return nil
}
