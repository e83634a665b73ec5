package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"oibus/testing/harness"
)

func TestAFirstStartIsProvisionedByFile(t *testing.T) {
	t.Parallel()
	a := harness.New(t, harness.Options{UnpinnedPort: true, Env: []string{"ENGINE_NAME=not this", "DEFAULT_PORT=1"}})
	init := file(t, a.Dir, "oibus.init.json", fmt.Sprintf(`{"engineName":"Line 4","adminUsername":"ops4","adminPassword":"S3cret","port":%d}`, a.Port))
	a.Login, a.Password = "ops4", "S3cret"
	a.Start()
	provisioned(t, a, "Line 4")
	if _, err := os.Stat(init); !os.IsNotExist(err) {
		t.Errorf("the file with the password is still there: %v", err)
	}
	if code := a.Stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	a.Start() // without the file: no default user appears
	provisioned(t, a, "Line 4")
}

func TestAFirstStartIsProvisionedByEnvironment(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	password := file(t, t.TempDir(), "password", " from-a-file \n")
	a := harness.New(t, harness.Options{UnpinnedPort: true, Env: []string{"ENGINE_NAME=Line 5", "ADMIN_USERNAME=ops5", "ADMIN_PASSWORD=not this", "ADMIN_PASSWORD_FILE=" + password}})
	a.Login, a.Password = "ops5", "from-a-file"
	a.Start()
	provisioned(t, a, "Line 5")
}

func provisioned(t *testing.T, a *harness.Agent, name string) {
	t.Helper()
	var info struct {
		Name string `json:"oibusName"`
	}
	must(t, a.Client, "GET", "/api/engine/info", nil, &info)
	var users struct{ Content []struct{ Login string } }
	must(t, a.Client, "GET", "/api/users", nil, &users)
	if info.Name != name || len(users.Content) != 1 || users.Content[0].Login != a.Login {
		t.Errorf("the engine is %q and the users are %v", info.Name, users.Content)
	}
	if _, err := os.Stat(filepath.Join(a.Dir, "secrets", "first-password.txt")); !os.IsNotExist(err) {
		t.Errorf("a first password was made: %v", err)
	}
	for _, guess := range []harness.Client{{Login: "admin", Password: "pass"}, {Login: "admin", Password: a.Password}} {
		guess.URL, guess.HTTP = a.URL, a.HTTP
		if answer, err := guess.Do(limited(t), "GET", "/api/engine", nil); err != nil || answer.Status != 401 {
			t.Errorf("%s may sign in: %d, %v", guess.Login, answer.Status, err)
		}
	}
}
