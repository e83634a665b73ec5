package conformance

import (
	"testing"

	"oibus/testing/harness"
)

// The reference in dialect R named itself as the translation of the recording of dialect N says.
func TestTranslationIsWhatTheReferenceDoesInDialectR(t *testing.T) {
	t.Parallel()
	translated, err := LoadRecording(harness.Shared(t, N.Folder()), "update-engine-general")
	if err != nil {
		t.Fatal(err)
	}
	if err := new(Translator).Recording(translated); err != nil {
		t.Fatal(err)
	}
	recorded, err := LoadRecording(harness.Shared(t, R.Folder()), "update-engine-settings")
	if err != nil {
		t.Fatal(err)
	}
	settings := func(r *Recording) map[string]any {
		return r.Requests[0].Body.(map[string]any)["engine"].(map[string]any)
	}
	a, b := settings(translated), settings(recorded)
	a["settings"].(map[string]any)["logParameters"].(map[string]any)["oia"] = b["settings"].(map[string]any)["logParameters"].(map[string]any)["oia"] // logs were forwarded in N
	n := &Normaliser{Ports: map[float64]string{webPortN: "port", webPortR: "port"}}
	if found := Compare(n.Normalise(b), n.Normalise(a)); len(found) > 0 {
		t.Errorf("the configuration differs: %v", found)
	}
	command := translated.Commands[0]
	if command["type"] != engineSettings || *translated.Outcomes[0].Result != engineCommands["update-engine-general"] {
		t.Errorf("the command is %v", command)
	}
	if got := Recorded(translated).View()["outcome"]; shown(got) != `{"`+textAt(command, "id")+`":{"result":"`+engineSettingsResult+`","states":"RETRIEVED COMPLETED"}}` {
		t.Errorf("the outcome is %s", shown(got))
	}
	content := command["commandContent"].(map[string]any)
	for _, key := range []string{"name", "port", "proxyEnabled", "proxyPort", "logParameters"} {
		if _, ok := content[key]; !ok {
			t.Errorf("the command lacks %q", key)
		}
	}
}

func TestRewriterFitsACommandToOurAgent(t *testing.T) {
	t.Parallel()
	folder := harness.Shared(t, N.Folder())
	r, err := LoadRecording(folder, "update-engine-proxy-secret")
	if err != nil {
		t.Fatal(err)
	}
	w := &Rewriter{IDs: map[string]string{"pu": "ours"}, Ports: map[float64]float64{9000: 9001},
		Encrypt: func(plain string) (string, error) { return "encrypted " + plain, nil }}
	mine, err := w.Command(r.Commands[0])
	if err != nil {
		t.Fatal(err)
	}
	content := mine["commandContent"].(map[string]any)
	forward := content["forward"].(map[string]any)
	if content["password"] != "encrypted a secret" || forward["password"] != "encrypted a secret" || content["port"] != 9001.0 || content["username"] != "ours" {
		t.Errorf("got %s", shown(content))
	}
	if names := Ciphers(r.Commands); len(names) != 2 {
		t.Errorf("%d secrets are known, the command has two", len(names))
	}
}
