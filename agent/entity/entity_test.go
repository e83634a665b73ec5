package entity

import (
	"strings"
	"testing"
	"time"
)

func TestIdentifiersHaveTheAskedLengthAndAlphabet(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2000 {
		id := NewID(LongID)
		if len(id) != LongID || strings.Trim(id, alphabet) != "" || seen[id] {
			t.Fatalf("bad or repeated identifier %q", id)
		}
		seen[id] = true
	}
}

func TestInstantsAreUTCInTheTwoFormsOfTheWire(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 9, 15, 30, 123_999_999, time.FixedZone("CET", 3600))
	if got := Second(at); got != "2026-03-04T08:15:30Z" {
		t.Errorf("Second = %q", got)
	}
	if got := Milli(at); got != "2026-03-04T08:15:30.123Z" {
		t.Errorf("Milli = %q", got)
	}
}

func TestThereAre42PermissionsEachOnce(t *testing.T) {
	t.Parallel()
	if n := len(AllPermissions()); n != 42 || len(Permissions) != 42 {
		t.Fatalf("%d permissions listed, %d distinct; the protocol has 42", len(Permissions), n)
	}
}
