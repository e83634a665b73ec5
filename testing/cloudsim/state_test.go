package cloudsim

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func trusting(t *testing.T, pem []byte) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the certificate is not PEM")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestAStateFileThatCannotBeReadStopsTheStartAndIsNamed(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"garbage": "{", "empty": "", "newer": `{"level":99}`, "wrong type": `{"agents":1}`} {
		file := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(Options{State: file})
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v", name, err)
		}
		if kept, _ := os.ReadFile(file); string(kept) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestTheStateIsWrittenWhileItRuns(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	sim := start(t, Options{State: file})
	enrolled(t, sim, "written")
	ctx := patient(t)
	for {
		raw, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(raw), `"written"`) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the state file has %q, error %v", raw, err)
		}
		pause(ctx, savePause)
	}
}

func TestAFailureToSaveIsShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sim, err := New(Options{State: filepath.Join(dir, "sub", "state.json")})
	if err == nil {
		// The folder was made for the packages: take it away.
		if err := os.RemoveAll(filepath.Join(dir, "sub")); err != nil {
			t.Fatal(err)
		}
		if err := sim.save(); err == nil || sim.SaveError() == nil {
			t.Error("a state that cannot be written is said to be saved")
		}
		if body := page(t, sim, 200, "/"); !contains(body, "is lost at the next stop") {
			t.Error("the page does not say so")
		}
		if err := sim.Close(); err == nil {
			t.Error("the stop does not say so")
		}
		return
	}
	t.Fatal(err)
}
