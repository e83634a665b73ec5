package message

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

// golden reads a recorded exchange of the reference, which lives beside the repository.
func golden(t *testing.T, folder, name string, v any) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "shared", folder, name))
	if os.IsNotExist(err) {
		t.Skip("the recorded exchanges are not here: ../shared/" + folder)
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// recorded is an engine configured like the recorded one.
type recorded struct {
	fakes
	engine       entity.Engine
	registration entity.Registration
	scanModes    []entity.ScanMode
	certificates []entity.Certificate
	filters      []entity.IPFilter
	users        []entity.User
	standard     map[string]string
}

func (r *recorded) source() Source {
	return Source{
		Engine: func() entity.Engine { return r.engine }, Registration: func() entity.Registration { return r.registration },
		ScanModes: func() []entity.ScanMode { return r.scanModes }, IPFilters: func() []entity.IPFilter { return r.filters },
		Certificates: func() []entity.Certificate { return r.certificates }, Users: func() []entity.User { return r.users },
		Standard: func() map[string]string { return r.standard },
	}
}

var _ Cloud = (*cloud.Client)(nil)

type tree = map[string]any

// audited reads the audit keys of the wire.
func audited(o tree) entity.Audit {
	return entity.Audit{
		ID: o["oIBusInternalId"].(string), CreatedBy: o["oIBusCreatedBy"].(string), UpdatedBy: o["oIBusUpdatedBy"].(string),
		CreatedAt: o["oIBusCreatedAt"].(string), UpdatedAt: o["oIBusUpdatedAt"].(string),
	}
}

// into fills the fields of v that have the keys of o.
func into(t *testing.T, o any, v any) {
	t.Helper()
	data, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// configured makes an engine like the one that sent body, with secrets where the wire has none.
func configured(t *testing.T, body tree) *recorded {
	t.Helper()
	secret := "S3CRET"
	r := &recorded{standard: map[string]string{}}
	e := body["engine"].(tree)
	r.engine = entity.Engine{Audit: audited(e), Version: e["softwareVersion"].(string), LauncherVersion: e["launcherVersion"].(string)}
	settings := e["settings"].(tree)
	r.engine.Settings.General.Name = e["name"].(string)
	if logs, isFlat := settings["logParameters"]; isFlat {
		into(t, logs, &r.engine.Settings.Logger)
		into(t, settings, &r.engine.Settings.WebServer)
		into(t, tree{"enabled": settings["proxyEnabled"], "port": settings["proxyPort"]}, &r.engine.Settings.ProxyServer)
	} else {
		into(t, settings, &r.engine.Settings)
	}
	r.engine.Settings.ProxyServer.Password, r.engine.Settings.ProxyServer.Forward.Password = &secret, &secret
	r.engine.Settings.Logger.Loki.Password = secret

	g := body["registration"].(tree)
	into(t, g["settings"], &r.registration)
	key := g["publicKey"].(string)
	r.registration.Audit, r.registration.PublicCipherKey = audited(g), &key
	r.registration.Host, r.registration.Token, r.registration.PrivateCipherKey = secret, &secret, &secret

	for _, o := range body["scanModes"].([]any) {
		var m entity.ScanMode
		into(t, o.(tree)["settings"], &m)
		m.Audit = audited(o.(tree))
		r.scanModes = append(r.scanModes, m)
	}
	for _, o := range body["ipFilters"].([]any) {
		var f entity.IPFilter
		into(t, o.(tree)["settings"], &f)
		f.Audit = audited(o.(tree))
		r.filters = append(r.filters, f)
	}
	for _, o := range body["certificates"].([]any) {
		var c entity.Certificate
		into(t, o.(tree)["settings"], &c)
		c.Audit, c.PrivateKey = audited(o.(tree)), secret
		r.certificates = append(r.certificates, c)
	}
	for _, o := range body["users"].([]any) {
		var u entity.User
		into(t, o.(tree)["settings"], &u)
		u.Audit, u.PasswordHash = audited(o.(tree)), secret
		r.users = append(r.users, u)
	}
	for _, o := range body["transformers"].([]any) {
		name, _ := o.(tree)["settings"].(tree)["functionName"].(string)
		r.standard[name] = o.(tree)["oIBusInternalId"].(string)
	}
	r.key = key
	return r
}

// raw lists what the recording has under key.
func raw(t *testing.T, body tree, key string) func() ([]json.RawMessage, error) {
	return func() (list []json.RawMessage, err error) {
		into(t, body[key], &list)
		return list, nil
	}
}

func TestTheConfigurationHasTheShapeOfTheRecordedOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		folder, name string
		dialectR     bool
	}{
		{"golden", "full-config.json", false},
		{"golden-R", "full-config.json", true},
		{"golden", "create-certificate.json", false},
		{"golden", "create-ip-filter.json", false},
		{"golden-R", "update-engine-settings.json", true},
	} {
		t.Run(c.folder+" "+c.name, func(t *testing.T) {
			t.Parallel()
			var file struct {
				Exchange          struct{ Body tree }
				ResultingRequests []struct{ Body tree }
			}
			golden(t, c.folder, c.name, &file)
			want := file.Exchange.Body
			for _, r := range file.ResultingRequests {
				if r.Body["engine"] != nil {
					want = r.Body
				}
			}
			r := configured(t, want)
			e := want["engine"].(tree)
			from := r.source()
			from.Released = c.dialectR
			from.Process = Process{Architecture: e["architecture"].(string), OperatingSystem: e["operatingSystem"].(string)}
			if !c.dialectR {
				from.Process.DataFolder, from.Process.Binary = e["dataFolder"].(string), e["binaryFolder"].(string)
			}
			from.Souths, from.Norths = raw(t, want, "southConnectors"), raw(t, want, "northConnectors")
			s := New(Options{Cloud: r, Registration: r, Source: from})
			p, err := s.fullConfig()
			var got tree
			if err == nil {
				err = json.Unmarshal(p.body, &got)
			}
			if err != nil {
				t.Fatal(err)
			}
			byFunction(want)
			byFunction(got)
			differ(t, "", want, got)
			if p.publicKey != want["registration"].(tree)["publicKey"] {
				t.Error("the payload does not say which key it carries")
			}
		})
	}
}

// byFunction sorts the transformers, whose order is not fixed.
func byFunction(body tree) {
	slices.SortFunc(body["transformers"].([]any), func(a, b any) int {
		return strings.Compare(fmt.Sprint(a.(tree)["settings"].(tree)["functionName"]), fmt.Sprint(b.(tree)["settings"].(tree)["functionName"]))
	})
}

// differ reports where two JSON values are not equal.
func differ(t *testing.T, at string, want, got any) {
	t.Helper()
	w, isTree := want.(tree)
	g, gotTree := got.(tree)
	if !isTree || !gotTree {
		wl, isList := want.([]any)
		gl, gotList := got.([]any)
		if isList && gotList && len(wl) == len(gl) {
			for i := range wl {
				differ(t, at+"[]", wl[i], gl[i])
			}
			return
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s is %v, recorded %v", at, got, want)
		}
		return
	}
	for key := range w {
		if _, ok := g[key]; !ok {
			t.Errorf("%s.%s is missing", at, key)
			continue
		}
		differ(t, at+"."+key, w[key], g[key])
	}
	for key := range g {
		if _, ok := w[key]; !ok {
			t.Errorf("%s.%s is not in the recording", at, key)
		}
	}
}
