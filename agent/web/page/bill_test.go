package page

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"oibus/platform/bom"
)

// TestEveryLibraryHasItsLicence asks the Go command what the programs are linked from, on each system.
func TestEveryLibraryHasItsLicence(t *testing.T) {
	t.Parallel()
	known, err := licences()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"std": true}
	for name, version := range scriptVersions {
		used[name] = true
		if version == "" {
			t.Errorf("which version of %s this has is not said", name)
		}
	}
	for _, system := range []string{"linux", "windows"} {
		list := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{.Module.Path}}{{end}}", "oibus/agent/cmd/oibus", "oibus/launcher/cmd/oibus-launcher", "oibus/installer/cmd/oibus-installer")
		list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := list.Output()
		if err != nil {
			t.Skipf("cannot ask the Go command: %v", err)
		}
		for _, path := range strings.Fields(string(out)) {
			used[path] = true
		}
	}
	delete(used, "oibus")
	for path := range used {
		text, err := licenceFiles.ReadFile("licences/" + licenceFile(path))
		if known[path] == "" || err != nil || len(text) < 500 {
			t.Errorf("%s: licence %q, %d bytes of text, %v", path, known[path], len(text), err)
		}
	}
	for path := range known {
		if !used[path] {
			t.Errorf("the list has %s, which nothing is linked from", path)
		}
	}
}

func TestTheBillOfMaterialsNamesEveryPartWithItsLicence(t *testing.T) {
	t.Parallel()
	parts := []part{{Path: "std", Version: "1.26.8", Licence: "BSD-3-Clause"}, {Path: "example.org/lib/v2", Version: "v2.1.0+incompatible", Licence: "MIT OR Apache-2.0", Sum: "h1:x"}, {Path: "npm:luxon", Version: "3.7.2"}}
	text, err := billOfMaterials("3.9.0", parts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := billOfMaterials("3.9.0", parts)
	if err != nil || string(again) != string(text) {
		t.Errorf("the bill differs from call to call: %v", err)
	}
	for _, want := range []string{`"bomFormat": "CycloneDX"`, `"specVersion": "1.5"`, `"serialNumber": "urn:uuid:`, `"pkg:golang/example.org/lib/v2@v2.1.0%2Bincompatible"`, `"expression": "MIT OR Apache-2.0"`, `"pkg:npm/luxon@3.7.2"`, `"go:sum"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the bill lacks %s", want)
		}
	}
	answer := ask(t, newBackend(t), "GET", "/page/bill-of-materials", "")
	var found bom.Bill
	if err := json.Unmarshal(answer.Body.Bytes(), &found); err != nil || answer.Code != http.StatusOK || len(found.Components) == 0 || len(found.Dependencies) != 1 {
		t.Fatalf("%d: %v %s", answer.Code, err, answer.Body)
	}
	if name := answer.Header().Get("Content-Disposition"); !strings.HasPrefix(name, `attachment; filename="oibus-`) {
		t.Errorf("it is offered as %s", name)
	}
}

func TestALicenceIsShownAndNothingElse(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	if answer := ask(t, b, "GET", "/page/licences/std.txt", ""); answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), "The Go Authors") || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s", answer.Code, answer.Header().Get("Content-Type"))
	}
	for _, name := range []string{"none.txt", "list.tsv", "..%2Fbill.go", "%2e%2e%2fbill.go", "std"} {
		if answer := ask(t, b, "GET", "/page/licences/"+name, ""); answer.Code != http.StatusNotFound {
			t.Errorf("%s: %d", name, answer.Code)
		}
	}
	b.signedIn.Store(false)
	if answer := ask(t, b, "GET", "/page/licences/std.txt", ""); answer.Code != http.StatusSeeOther {
		t.Errorf("without a session: %d", answer.Code)
	}
}
