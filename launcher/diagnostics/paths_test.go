package diagnostics

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestPathsInSettingsAreFoundAtAnyDepth(t *testing.T) {
	t.Parallel()
	settings := `{"inputFolder": "in", "outputFolder": "", "host": "/srv", "databasePath": 7, "regex": ".*",
		"authentication": {"type": "cert", "certFilePath": "/etc/c.pem", "keyFilePath": "/etc/k.pem"}, "servers": [{"caFilePath": "ca.pem"}, "/x"]}`
	var got []string
	EachPath(json.RawMessage(settings), func(key, path string) { got = append(got, key+" "+path) })
	slices.Sort(got)
	if want := []string{"caFilePath ca.pem", "certFilePath /etc/c.pem", "inputFolder in", "keyFilePath /etc/k.pem"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, damaged := range []string{"", "{", "null", `"inputFolder"`} {
		EachPath(json.RawMessage(damaged), func(key, path string) { t.Errorf("%s: %s is %s", damaged, key, path) })
	}
}
