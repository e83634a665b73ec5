package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// DistVariable names the folder of the programs, as build.sh sets it.
const DistVariable = "OIBUS_DIST"

// Program is the path of a built program, "oibus" or "oibus-launcher". The test is skipped when nothing was built for it.
func Program(t testing.TB, name string) string {
	t.Helper()
	dist := os.Getenv(DistVariable)
	if dist == "" {
		t.Skipf("%s does not name the folder of the built programs: run %s=$PWD/dist go test ./testing/... after ./build.sh build", DistVariable, DistVariable)
	}
	dist, err := filepath.Abs(dist)
	if err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath(filepath.Join(dist, name))
	if err != nil {
		t.Fatalf("%s=%s has no %s: %v", DistVariable, dist, name, err)
	}
	return path
}

// Root is the folder of the module, found upwards from the folder of the test.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			t.Fatalf("there is no go.mod above %s", dir)
		}
	}
}

// Shared is a folder of the material beside the module. The test is skipped when it is not there.
func Shared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(Root(t)), "shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the recorded material ../shared/%s is not here", name)
	}
	return path
}
