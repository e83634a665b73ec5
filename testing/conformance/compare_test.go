package conformance

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func tree(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCompareNamesEachFieldThatDiffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, recorded, ours string
		want                 []Difference
	}{
		{"equal", `{"a":[1,{"b":null}],"c":"x"}`, `{"c":"x","a":[1,{"b":null}]}`, nil},
		{"value", `{"a":{"b":1}}`, `{"a":{"b":2}}`, []Difference{{"a.b", "1", "2"}}},
		{"type", `{"a":"1"}`, `{"a":1}`, []Difference{{"a", `"1"`, "1"}}},
		{"null is not absent", `{"a":null}`, `{}`, []Difference{{"a", "null", absent}}},
		{"added key", `{}`, `{"a":false}`, []Difference{{"a", absent, "false"}}},
		{"order of an array", `[1,2]`, `[2,1]`, []Difference{{"[0]", "1", "2"}, {"[1]", "2", "1"}}},
		{"shorter array", `{"a":[1,2]}`, `{"a":[1]}`, []Difference{{"a[1]", "2", absent}}},
		{"longer array", `[]`, `[{}]`, []Difference{{"[0]", absent, "{}"}}},
		{"object for array", `{"a":[]}`, `{"a":{}}`, []Difference{{"a", "[]", "{}"}}},
		{"markup stays readable", `"<a>"`, `"<b>"`, []Difference{{"", `"<a>"`, `"<b>"`}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := Compare(tree(t, c.recorded), tree(t, c.ours)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLongValuesAreCutInTheTable(t *testing.T) {
	t.Parallel()
	got := Compare(strings.Repeat("é", 1000), nil)
	if n := len([]rune(got[0].Recorded)); n != valueLimit+1 {
		t.Errorf("%d characters are shown", n)
	}
}

func TestJudgeWantsEachRowOfTheTableAndNothingElse(t *testing.T) {
	t.Parallel()
	table := []Deliberate{
		{"NR", "s", "why", []Difference{{"a", "1", "2"}, {"b", "3", "4"}}},
		{"R", "s", "why in R", []Difference{{"c", "5", "6"}}},
		{"N", "other", "why there", []Difference{{"a", "1", "2"}}},
	}
	for _, c := range []struct {
		name                             string
		agent                            Dialect
		found                            []Difference
		unexpected, vanished, deliberate int
	}{
		{"all that is meant", N, []Difference{{"b", "3", "4"}, {"a", "1", "2"}}, 0, 0, 1},
		{"also in the other dialect", R, []Difference{{"a", "1", "2"}, {"b", "3", "4"}, {"c", "5", "6"}}, 0, 0, 2},
		{"of the other dialect only", N, []Difference{{"a", "1", "2"}, {"b", "3", "4"}, {"c", "5", "6"}}, 1, 0, 1},
		{"one has vanished", N, []Difference{{"a", "1", "2"}}, 0, 1, 1},
		{"with another value", N, []Difference{{"a", "1", "2"}, {"b", "3", "5"}}, 1, 1, 1},
		{"one more", N, []Difference{{"a", "1", "2"}, {"b", "3", "4"}, {"z", "0", "1"}}, 1, 0, 1},
		{"twice", N, []Difference{{"a", "1", "2"}, {"a", "1", "2"}, {"b", "3", "4"}}, 1, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := Judge(table, c.agent, "s", c.found)
			if len(v.Unexpected) != c.unexpected || len(v.Vanished) != c.vanished || len(v.Deliberate) != c.deliberate {
				t.Errorf("got %d unexpected, %d vanished, %d deliberate: %s", len(v.Unexpected), len(v.Vanished), len(v.Deliberate), v)
			}
			if v.Passed() != (c.unexpected+c.vanished == 0) {
				t.Error("the verdict contradicts itself")
			}
		})
	}
}
