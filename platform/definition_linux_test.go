package platform

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestADefinitionLeadsToTheDataFolder(t *testing.T) {
	t.Parallel()
	files := map[string]map[string]string{"/opt/OIBus/oibus-env": {"ARG1": "--config", "ARG2": "/srv/OIBus Data"}}
	for name, c := range map[string]struct{ properties, want string }{
		"as the setup script of the reference writes it": {"Id=oibus.service\nWorkingDirectory=/opt/OIBus\nEnvironmentFiles=/opt/OIBus/oibus-env (ignore_errors=no)\n" +
			"ExecStart={ path=/opt/OIBus/oibus-launcher ; argv[]=/opt/OIBus/oibus-launcher $ARG1 $ARG2 ; ignore_errors=no ; start_time=[n/a] }\n", "/srv/OIBus Data"},
		"written out":     {"Id=x.service\nExecStart={ path=/a/oibus-launcher ; argv[]=/a/oibus-launcher --config /srv/data ; ignore_errors=no }", "/srv/data"},
		"in one word":     {"Id=x.service\nExecStart={ path=/a/oibus ; argv[]=/a/oibus --config=/srv/data/ ; ignore_errors=no }", "/srv/data"},
		"quoted":          {"Id=x.service\nExecStart={ path=/a/oibus ; argv[]=/a/oibus --config \"/srv/my data\" ; ignore_errors=no }", "/srv/my data"},
		"relative":        {"Id=x.service\nWorkingDirectory=/opt/OIBus\nExecStart={ path=/a/oibus ; argv[]=/a/oibus --config ./data ; ignore_errors=no }", "/opt/OIBus/data"},
		"a variable":      {"Id=x.service\nEnvironment=A=b DATA=/srv/data\nExecStart={ path=/a/oibus ; argv[]=/a/oibus --config ${DATA} ; ignore_errors=no }", "/srv/data"},
		"no words at all": {"Id=x.service\nWorkingDirectory=/opt/OIBus\nExecStart={ path=/a/start.sh ; argv[]=/a/start.sh ; ignore_errors=no }", "/opt/OIBus/binaries"},
	} {
		d := parseDefinition(c.properties, func(path string) map[string]string { return files[path] })
		if !d.LeadsTo(c.want) || d.LeadsTo("/opt") || d.Program == "" || strings.HasSuffix(d.Name, ".service") {
			t.Errorf("%s: %+v does not lead to %s", name, d, c.want)
		}
	}
	if d := parseDefinition("Id=x.service\n", nil); len(d.Data) > 0 {
		t.Errorf("%+v", d)
	}
}

func TestAFileOfVariablesIsRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte("# a comment\nARG1=--config\nARG2=\"/srv/data\""), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := readEnvironment(path); len(v) != 2 || v["ARG2"] != "/srv/data" {
		t.Errorf("%v", v)
	}
	if v := readEnvironment(path + ".missing"); len(v) != 0 {
		t.Errorf("%v", v)
	}
}

func TestAFolderIsTheSameByALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if !SameFolder(link, dir+"/") || SameFolder(dir, filepath.Dir(dir)) || SameFolder(dir, "/nowhere") {
		t.Error("links are not followed, or anything is the same")
	}
}

func FuzzDefinition(f *testing.F) {
	f.Add("Id=oibus.service\nEnvironment=A=b\nWorkingDirectory=/a\nExecStart={ path=/a ; argv[]=/a --config \"$A\" ; x }")
	f.Fuzz(func(t *testing.T, properties string) {
		d := parseDefinition(properties, func(string) map[string]string { return nil })
		if slices.ContainsFunc(d.Data, func(path string) bool { return path == "" }) {
			t.Errorf("%+v", d)
		}
	})
}
