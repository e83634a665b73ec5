package bom

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
)

func TestTheSameMaterialsGiveTheSameBill(t *testing.T) {
	t.Parallel()
	make := func(version string) []byte {
		t.Helper()
		b := New("3.9.0", "Apache-2.0")
		b.Components = append(b.Components, Component{Type: "library", Ref: "pkg:golang/a@" + version, Name: "a & b", Version: version})
		b.Dependencies = []Dependency{{Ref: b.Metadata.Component.Ref, DependsOn: []string{"pkg:golang/a@" + version}}}
		text, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	one, again, other := make("v1"), make("v1"), make("v2")
	if !bytes.Equal(one, again) {
		t.Error("two bills of the same differ")
	}
	serial := func(text []byte) string {
		t.Helper()
		var b Bill
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		return b.Serial
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(serial(one)) || serial(one) == serial(other) {
		t.Errorf("serial numbers %s and %s", serial(one), serial(other))
	}
	if !bytes.Contains(one, []byte("a & b")) {
		t.Error("the text is escaped for HTML")
	}
}
