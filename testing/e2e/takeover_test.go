package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// notAsItWas are the places of what the site of the reference said that are otherwise after it was taken over, and why.
// Numbers of lists are left out.
var notAsItWas = map[string]string{
	"engine.version":                                   "another program runs",
	"engine.webServer.port":                            "the test pins a free port in oibus.toml",
	"registration.host":                                "the test has a simulator of its own",
	"fullConfigMessage.engine.softwareVersion":         "another program runs",
	"fullConfigMessage.engine.operatingSystem":         "another machine",
	"fullConfigMessage.engine.dataFolder":              "another folder",
	"fullConfigMessage.engine.binaryFolder":            "another program",
	"fullConfigMessage.engine.settings.webServer.port": "the test pins a free port in oibus.toml",
}

// TestASiteOfTheReferenceIsTakenOver imports the data folder of the reference and holds what the agent says of it against
// what the reference said.
func TestASiteOfTheReferenceIsTakenOver(t *testing.T) {
	t.Parallel()
	a, sim, _ := takenOver(t)
	raw, err := os.ReadFile(filepath.Join(harness.Shared(t, "reference-data"), "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	a.Login, a.Password = "operator", want["secrets"].(map[string]any)["user operator"].(string)
	get := func(path string) any {
		t.Helper()
		var v any
		if err := a.JSON(t.Context(), "GET", path, nil, &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return v
	}
	get("/api/engine") // the operator's password works
	a.Login, a.Password = "admin", want["secrets"].(map[string]any)["user admin"].(string)
	each := func(path string, known any) (list []any) {
		for _, one := range known.([]any) {
			list = append(list, get(path+one.(map[string]any)["id"].(string)))
		}
		return list
	}
	d := &differences{t: t, unused: map[string]bool{}}
	for place := range notAsItWas {
		d.unused[place] = true
	}
	d.compare("engine", want["engine"], get("/api/engine"))
	d.compare("registration", want["registration"], get("/api/oianalytics/registration"))
	d.compare("scanModes", want["scanModes"], get("/api/scan-modes"))
	d.compare("ipFilters", want["ipFilters"], get("/api/ip-filters"))
	d.compare("certificates", want["certificates"], get("/api/certificates"))
	d.compare("users", want["users"], get("/api/users?login=&page=0"))
	d.compare("souths", want["souths"], each("/api/south/", want["souths"]))
	d.compare("norths", want["norths"], each("/api/north/", want["norths"]))
	d.compare("history", want["history"], each("/api/history/", want["history"]))
	d.compare("transformers", want["transformers"], each("/api/transformers/", want["transformers"]))

	harness.Until(t, time.Minute, "the configuration is sent", func() bool {
		latest, _, err := sim.Configuration(engineID, cloudsim.FullConfig)
		return err == nil && latest != nil
	})
	latest, _, err := sim.Configuration(engineID, cloudsim.FullConfig)
	if err != nil {
		t.Fatal(err)
	}
	var message any
	if err := json.Unmarshal(latest.Body, &message); err != nil {
		t.Fatal(err)
	}
	d.compare("fullConfigMessage", want["fullConfigMessage"], message)
	for place := range d.unused {
		t.Errorf("%s is as it was: take it from the table", place)
	}
}

// TestWhatWaitedInTheReferenceIsDelivered lets the north of OIAnalytics run every second, and nothing else.
func TestWhatWaitedInTheReferenceIsDelivered(t *testing.T) {
	t.Parallel()
	const north = "7lSRYD"
	_, sim, from := takenOver(t, `UPDATE south_connectors SET enabled = 0`, `UPDATE north_connectors SET enabled = 0 WHERE id <> '`+north+`'`,
		`UPDATE north_connectors SET caching_trigger_schedule = (SELECT id FROM scan_modes WHERE cron = '* * * * * *') WHERE id = '`+north+`'`)
	want := map[string]string{}
	folder := filepath.Join(from, "cache", "north-"+north)
	list, err := os.ReadDir(filepath.Join(folder, "metadata"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		var head struct{ ContentFile string }
		raw, err := os.ReadFile(filepath.Join(folder, "metadata", e.Name()))
		if err == nil {
			err = json.Unmarshal(raw, &head)
		}
		var text []byte
		if err == nil {
			text, err = os.ReadFile(filepath.Join(folder, "content", e.Name()))
		}
		if err != nil {
			t.Fatal(err)
		}
		want[head.ContentFile] = string(text)
	}
	if len(want) != 6 {
		t.Fatalf("the fixture has %d contents that wait", len(want))
	}
	harness.Until(t, 2*time.Minute, "all that waited is delivered", func() bool {
		_, files, _ := sim.DataTotals()
		return int(files) >= len(want)
	})
	got := map[string]string{}
	for _, d := range sim.Data(cloudsim.DataFilter{}) {
		text := d.Content
		if name, packed := strings.CutSuffix(d.Filename, ".gz"); packed {
			r, err := gzip.NewReader(bytes.NewReader(text))
			if err == nil {
				text, err = io.ReadAll(r)
			}
			if err != nil {
				t.Fatal(err)
			}
			d.Filename = name
		}
		if _, twice := got[d.Filename]; twice || d.Agent != engineID {
			t.Errorf("%s came twice, or of %q", d.Filename, d.Agent)
		}
		got[d.Filename] = string(text)
	}
	if !maps.Equal(want, got) {
		t.Errorf("delivered:\n%q\nwant:\n%q", got, want)
	}
}

// engineID is the id of the site.
const engineID = "ksRPPSSO8mpQzYyk"

// takenOver is an agent with the site, registered with a simulator. The statements change the database of the site before.
func takenOver(t *testing.T, statements ...string) (a *harness.Agent, sim *cloudsim.Sim, from string) {
	t.Helper()
	from = filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(from, os.DirFS(filepath.Join(harness.Shared(t, "reference-data"), "data"))); err != nil {
		t.Fatal(err)
	}
	sim = harness.Simulator(t, cloudsim.Options{})
	known, err := sim.Enroll(cloudsim.AgentInfo{ID: engineID, Name: "Line 4"})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(from, "oibus.db")))
	if err == nil {
		_, err = db.ExecContext(t.Context(), "UPDATE registrations SET host = ?, token = ?", sim.URL(), encrypted(t, known.Token))
	}
	for _, s := range statements {
		if err == nil {
			_, err = db.ExecContext(t.Context(), s)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	a = harness.New(t, harness.Options{})
	out, err := exec.CommandContext(t.Context(), harness.Program(t, "oibus"), "import", "--from", from, "--config", a.Dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	a.Login, a.Password = "admin", "pass"
	a.Start()
	return a, sim, from
}

// encrypted is a text as the reference of the fixture writes it into its database.
func encrypted(t *testing.T, plain string) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString("DTMmal8F+n2WB9pTpjmMnbNeiZHUZwxQ+1i6uOnDRyA=")
	if err != nil {
		t.Fatal(err)
	}
	iv, err := base64.StdEncoding.DecodeString("Hmq9kHNx2PJ02y58HKo2hg==")
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	n := aes.BlockSize - len(plain)%aes.BlockSize
	data := append([]byte(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	return base64.StdEncoding.EncodeToString(data)
}

// differences compares, and knows which are expected.
type differences struct {
	t      *testing.T
	unused map[string]bool
}

func (d *differences) compare(place string, want, got any) {
	d.t.Helper()
	if _, ok := notAsItWas[place]; ok && !reflect.DeepEqual(want, got) {
		delete(d.unused, place)
		return
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			d.t.Errorf("%s: want %s, got %s", place, brief(want), brief(got))
			return
		}
		for key := range w {
			if _, ok := g[key]; !ok && notAsItWas[place+"."+key] == "" {
				d.t.Errorf("%s.%s is missing, it was %s", place, key, brief(w[key]))
				continue
			}
			d.compare(place+"."+key, w[key], g[key])
		}
		for key := range g {
			if _, ok := w[key]; !ok {
				d.t.Errorf("%s.%s is new: %s", place, key, brief(g[key]))
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			d.t.Errorf("%s: want %s, got %s", place, brief(want), brief(got))
			return
		}
		sortByID(w)
		sortByID(g)
		for i := range w {
			d.compare(place, w[i], g[i])
		}
	default:
		if !reflect.DeepEqual(want, got) {
			d.t.Errorf("%s: want %s, got %s", place, brief(want), brief(got))
		}
	}
}

func sortByID(list []any) {
	id := func(v any) string {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		for _, key := range []string{"id", "oIBusInternalId"} {
			if text, ok := m[key].(string); ok {
				return text
			}
		}
		return ""
	}
	slices.SortStableFunc(list, func(a, b any) int { return strings.Compare(id(a), id(b)) })
}

func brief(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text[:min(len(text), 300)])
}
