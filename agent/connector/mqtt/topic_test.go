package mqtt

import (
	"slices"
	"strings"
	"testing"
)

// matches is the definition, without any index: one filter, one topic.
func matches(filter, topic string) bool {
	f, t := levelsOf(filter), strings.Split(topic, "/")
	if strings.HasPrefix(topic, "$") && (f[0] == "+" || f[0] == "#") {
		return false
	}
	for i, level := range f {
		if level == "#" {
			return true
		}
		if i >= len(t) || level != "+" && level != t[i] {
			return false
		}
		if i == len(t)-1 && i == len(f)-2 && f[i+1] == "#" {
			return true
		}
	}
	return len(f) == len(t)
}

func TestFiltersMatchTopics(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/b", "a", false}, {"a", "a/b", false},
		{"a/+", "a/b", true}, {"a/+", "a/", true}, {"a/+", "a", false}, {"+/+", "/a", true}, {"+", "/a", false}, {"/+", "/a", true},
		{"a/#", "a", true}, {"a/#", "a/b/c", true}, {"#", "a/b", true}, {"a/+/#", "a", false}, {"a/+/#", "a/b", true},
		{"#", "$SYS/x", false}, {"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true}, {"$SYS/+", "$SYS/x", true}, {"a/+", "a/$x", true},
		{"$share/group/a/+", "a/b", true}, {"$share/group/#", "a", true}, {"$share/group/a", "$share/group/a", false},
		{"A", "a", false}, {"é/+", "é/x", true}, {"a//b", "a//b", true}, {"a/+/b", "a//b", true},
	} {
		if err := CheckFilter(c.filter); err != nil {
			t.Errorf("%s: %v", c.filter, err)
		}
		var x Index[int]
		x.Add(c.filter, 1)
		if got := len(x.Match(nil, c.topic)) == 1; got != c.want || matches(c.filter, c.topic) != c.want {
			t.Errorf("%s and %s: %t", c.filter, c.topic, got)
		}
		x.Remove(c.filter, 1)
		if x.Len() != 0 || len(x.Match(nil, c.topic)) != 0 {
			t.Errorf("%s is still there", c.filter)
		}
	}
}

func TestWhatABrokerWouldNotTakeIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "a/#/b", "a+", "a/b#", "#a", "a/\x00", "\xff", strings.Repeat("x", 65536), "$share/g", "$share//a", "$share/+/a", "$share/g/"} {
		if CheckFilter(bad) == nil {
			t.Errorf("filter %q is taken", bad)
		}
	}
	for _, bad := range []string{"", "a/#", "+", "a/\x00", "\xff", strings.Repeat("x", 65536)} {
		if CheckTopic(bad) == nil {
			t.Errorf("topic %q is taken", bad)
		}
	}
	if err := CheckTopic("plant/a"); err != nil {
		t.Error(err)
	}
}

func TestRemovingOneValueLeavesTheOthers(t *testing.T) {
	t.Parallel()
	var x Index[string]
	filters := []string{"a/b", "a/b", "a/+", "a/#", "a"}
	for i, f := range filters {
		x.Add(f, string(rune('p'+i)))
	}
	x.Remove("a/b", "p")
	x.Remove("a/b", "nobody")
	x.Remove("never/there", "p")
	got := x.Match(nil, "a/b")
	slices.Sort(got)
	if !slices.Equal(got, []string{"q", "r", "s"}) || x.Len() != 4 {
		t.Errorf("%v, %d", got, x.Len())
	}
}

// FuzzTopics compares the index with the definition.
func FuzzTopics(f *testing.F) {
	for _, seed := range [][2]string{{"a/+/#", "a/b"}, {"$share/g/#", "$x"}, {"#", "a"}, {"+", ""}, {"a//+", "a//"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		if CheckFilter(filter) != nil || CheckTopic(topic) != nil {
			return
		}
		var x Index[int]
		x.Add("other/+", 2)
		x.Add(filter, 1)
		if got := slices.Contains(x.Match(nil, topic), 1); got != matches(filter, topic) {
			t.Errorf("%q and %q: %t", filter, topic, got)
		}
		x.Remove(filter, 1)
		if slices.Contains(x.Match(nil, topic), 1) || x.Len() != 1 {
			t.Errorf("%q is still there", filter)
		}
	})
}
