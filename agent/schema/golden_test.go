package schema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared finds the folder of recorded exchanges beside the module, or skips the test.
func shared(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	found := filepath.Join(filepath.Dir(dir), "shared")
	if _, err := os.Stat(found); err != nil {
		t.Skip("the recorded exchanges (../shared) are not here")
	}
	return found
}

// recordedForms are the forms of the commands that the recordings answer with a violation, as their owners write
// them with this package.
func recordedForms() map[string]Schema {
	described := []Field{Required("name", String()), Required("description", String().Empty())}
	level := Required("level", String())
	file := Object(level, Required("maxFileSize", Integer().Min(1)), Required("numberOfFiles", Integer().Min(1)))
	database := Object(level, Required("maxNumberOfLogs", Integer().Min(100000)))
	loki := Object(level, Required("interval", Integer().Min(10)), Optional("address", String().Empty()),
		Optional("username", String().Empty()), Optional("password", String().Empty()))
	oia := Object(level, Required("interval", Integer().Min(10)))
	syslog := Object(level, Optional("host", String().Empty()), Required("port", Integer().Min(1).Max(65535)),
		Required("protocol", Enum("udp4", "tcp")))
	sinks := []Field{Optional("console", Object(level)), Optional("file", file), Optional("database", database),
		Optional("loki", loki), Optional("oia", oia)}
	subject := Object(Required("commonName", String()), Required("countryName", String()), Required("localityName", String()),
		Required("organizationName", String()), Required("stateOrProvinceName", String()),
		Optional("daysBeforeExpiry", Number().Min(1)), Optional("keySize", Number().Min(1)))
	scanMode := Object(append(described, Required("cron", String()))...)
	filter := Object(Required("address", String()), Required("description", String().Empty()))
	certificate := Object(append(described, Optional("regenerateCertificate", Boolean()),
		Required("options", subject).If("regenerateCertificate", Optional("", subject.Nullable()), true))...)
	return map[string]Schema{
		"update-engine-general": Object(Required("name", String())),
		"update-engine-web-server": Object(Required("port", Port()),
			Required("authTokenDuration", Enum("1h", "6h", "1d", "3d", "7d", "14d", "30d"))),
		"update-engine-proxy": Object(Required("enabled", Boolean()), Optional("port", Port().Nullable()),
			Optional("username", String().Empty()), Optional("password", String().Empty()),
			Optional("forward", Object(Required("enabled", Boolean()), Optional("url", URI().Empty()),
				Optional("username", String().Empty()), Optional("password", String().Empty())))),
		"update-engine-logger": Object(append(sinks, Optional("syslog", syslog))...),
		"update-engine-settings": Object(Required("name", String()), Required("port", Port()),
			Required("proxyEnabled", Boolean()), Optional("proxyPort", Port().Nullable()),
			Required("logParameters", Object(sinks...))),
		"create-scan-mode": scanMode, "update-scan-mode": scanMode,
		"create-ip-filter": filter, "update-ip-filter": filter,
		"create-certificate": certificate, "update-certificate": certificate,
		"create-custom-transformer": Object(Required("type", Enum("custom")), Required("name", String()),
			Required("description", String().Empty()), Required("inputType", String()), Required("outputType", String()),
			Required("language", Enum("javascript", "typescript")), Required("customCode", String()),
			Required("customManifest", Map()), Required("timeout", Integer().Min(100))),
	}
}

type recording struct {
	Commands []struct {
		ID             string          `json:"id"`
		Type           string          `json:"type"`
		CommandContent json.RawMessage `json:"commandContent"`
	} `json:"commands"`
	Outcomes []struct{ ID, Status, Result string } `json:"outcomes"`
}

func TestRecordedCommandsAreAcceptedAndRefusedWithTheRecordedTexts(t *testing.T) {
	t.Parallel()
	forms, accepted, refused := recordedForms(), 0, 0
	files, _ := filepath.Glob(filepath.Join(shared(t), "golden*", "*.json"))
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if json.Unmarshal(raw, &r) != nil {
			continue // not a scenario
		}
		for _, c := range r.Commands {
			form, known := forms[c.Type]
			for _, o := range r.Outcomes {
				if !known || o.ID != c.ID {
					continue
				}
				err := Check(form, c.CommandContent)
				switch {
				case o.Status == "COMPLETED":
					accepted++
					if err != nil {
						t.Errorf("%s: %s was accepted, here: %v", filepath.Base(name), c.Type, err)
					}
				case strings.HasPrefix(o.Result, `"`):
					refused++
					if err == nil || err.Error() != o.Result {
						t.Errorf("%s: got %v\nwant %s", filepath.Base(name), err, o.Result)
					}
				}
			}
		}
	}
	if accepted < 20 || refused < 10 {
		t.Errorf("only %d accepted and %d refused commands were found", accepted, refused)
	}
}
