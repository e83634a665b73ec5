package agent

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"oibus/agent/manifest"
)

func TestAnImportIsToldWhatThisBuildCannotRun(t *testing.T) {
	t.Parallel()
	runs := Runs()
	souths, norths := installed()
	for _, form := range manifest.Souths(manifest.N) {
		err := runs.South(form.ID, json.RawMessage(`{"remoteAgent":true}`))
		if has := slices.Contains(souths, form.ID); has != (err == nil) {
			t.Errorf("south %s, in the catalogue %v: %v", form.ID, has, err)
		}
	}
	for _, form := range manifest.Norths(manifest.N) {
		err := runs.North(form.ID, nil)
		if has := slices.Contains(norths, form.ID); has != (err == nil) {
			t.Errorf("north %s, in the catalogue %v: %v", form.ID, has, err)
		}
	}
	if err := runs.South("ads", nil); err == nil || !strings.Contains(err.Error(), `no connector of type "ads"`) {
		t.Errorf("ads: %v", err)
	}
	if err := runs.South("odbc", json.RawMessage(`{"remoteAgent":false,"password":"sealed"}`)); err == nil || !strings.HasPrefix(err.Error(), "ODBC library not available") {
		t.Errorf("odbc: %v", err)
	}
}
