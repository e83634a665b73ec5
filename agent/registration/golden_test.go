package registration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// golden reads a recorded exchange of the reference, which lives beside the repository.
func golden(t *testing.T, folder, name string, v any) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !isFile(filepath.Join(dir, "go.mod")) {
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

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// volatile are the keys whose values differ from run to run: only their being blank, or not, is compared.
var volatile = map[string]bool{
	"id": true, "createdAt": true, "updatedAt": true, "createdBy": true, "updatedBy": true, "activationCode": true,
	"activationDate": true, "activationExpirationDate": true, "checkUrl": true, "host": true,
}

func TestTheRESTFormIsThatOfTheRecordedRegistration(t *testing.T) {
	t.Parallel()
	var recorded struct {
		Steps []struct {
			Step     string         `json:"step"`
			RestBody map[string]any `json:"restBody"`
		} `json:"steps"`
		RegisterCommand json.RawMessage `json:"registerCommand"`
	}
	golden(t, "golden", "registration.json", &recorded)
	inBubble(t, nil, func(r *rig) {
		for _, step := range recorded.Steps {
			switch step.Step {
			case "GET registration before":
			case "GET registration pending":
				if err := r.Register(r.t.Context(), "u", recorded.RegisterCommand); err != nil {
					t.Fatal(err)
				}
			case "GET registration registered":
				r.cloud.approve("tok")
				r.after(11 * time.Second)
			default:
				continue
			}
			data, err := json.Marshal(r.View(asIs))
			var got map[string]any
			if err == nil {
				err = json.Unmarshal(data, &got)
			}
			if err != nil {
				t.Fatal(err)
			}
			compare(t, step.Step, step.RestBody, got)
		}
	})
}

func compare(t *testing.T, step string, want, got map[string]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d keys, want %d", step, len(got), len(want))
	}
	for key, w := range want {
		g, ok := got[key]
		wantJSON, err1 := json.Marshal(w)
		gotJSON, err2 := json.Marshal(g)
		same := string(wantJSON) == string(gotJSON) || volatile[key] && !isBlank(w) && !isBlank(g)
		if !ok || err1 != nil || err2 != nil || !same {
			t.Errorf("%s: %q is %s, recorded %s", step, key, gotJSON, wantJSON)
		}
	}
}
