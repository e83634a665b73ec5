package ipfilter

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

func TestAnAddressIsAllowedByTheRulesOfTheReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filters string // separated by blanks
		ip      string
		want    bool
	}{
		{"", "127.0.0.1", true},
		{"", "::1", true},
		{"", "::ffff:127.0.0.1", true},
		{"", "::ffff:7f00:1", true},
		{"", "0:0:0:0:0:0:0:1", true},
		{"", "127.0.0.2", false},
		{"", "10.0.0.5", false},
		{"*", "10.0.0.5", true},
		{"*", "fe80::1%eth0", true},
		{"*", "2001:db8::1", true},
		{"10.0.0.5", "10.0.0.5", true},
		{"10.0.0.5", "10.0.0.50", false},
		{"10.0.0.5", "110.0.0.5", false},
		{"10.0.0.5", "::ffff:10.0.0.5", true},
		{"::ffff:10.0.0.5", "10.0.0.5", true},
		{"::ffff:10.0.0.5", "::ffff:10.0.0.5", true},
		{"::ffff:a00:5", "10.0.0.5", true},
		{"::ffff:10.0.0.*", "10.0.0.5", true},
		{"10.0.0.*", "10.0.0.5", true},
		{"10.0.0.*", "10.0.1.5", false},
		{"10.0.0.*", "::ffff:10.0.0.77", true},
		{"10.*.5", "10.1.2.5", true},
		{"*.5", "10.1.2.5", true},
		{"10*", "10.1.2.5", true},
		{"10*", "100.1.2.5", true},
		{"192.168.1.* 10.0.0.1", "10.0.0.1", true},
		{"fe80::*", "fe80::1%eth0", true},
		{"fe80::1", "fe80::1%eth0", true},
		{"fe80::1%eth0", "fe80::1%eth0", true},
		{"fe80::1%eth1", "fe80::1%eth0", false},
		{"2001:DB8::1", "2001:db8::1", true},
		{"2001:db8:0:0::1", "2001:db8::1", true},
		// networks, which the reference does not know
		{"10.0.0.0/8", "10.200.3.4", true},
		{"10.0.0.0/8", "::ffff:10.200.3.4", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"10.0.0.9/8", "10.200.3.4", true},
		{"::ffff:10.0.0.0/104", "10.200.3.4", true},
		{"2001:db8::/32", "2001:db8:1::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"0.0.0.0/0", "8.8.8.8", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"10.0.0.0/33", "10.0.0.0", false},
		// other characters of regular expressions are literal
		{"1.0.0.5", "110.0.5.0", false},
		{"1+.0.0.5", "11.0.0.5", false},
		{"10.0.0.[0-9]", "10.0.0.5", false},
		{"10.0.0.5|10.0.0.6", "10.0.0.5", false},
		{"(", "10.0.0.5", false},
		{"^10.0.0.5$", "10.0.0.5", false},
		{`10\.0\.0\.5`, "10.0.0.5", false},
		{"my-host", "10.0.0.5", false},
	} {
		if got := Allowed(strings.Fields(c.filters), netip.MustParseAddr(c.ip)); got != c.want {
			t.Errorf("filters %q, address %s: allowed = %v, want %v", c.filters, c.ip, got, c.want)
		}
	}
}

func TestBlanksAroundAFilterDoNotMatterAndAnEmptyOneMatchesNobody(t *testing.T) {
	t.Parallel()
	if !Allowed([]string{" 10.0.0.5 "}, netip.MustParseAddr("10.0.0.5")) {
		t.Error("blanks around the address should be ignored")
	}
	if Allowed([]string{"", "  "}, netip.MustParseAddr("10.0.0.5")) {
		t.Error("an empty filter must match nobody")
	}
}

func TestAnAddressThatIsNoneIsRefusedEvenByTheStar(t *testing.T) {
	t.Parallel()
	if Allowed([]string{"*"}, netip.Addr{}) {
		t.Error("the zero address was allowed")
	}
}

func TestAPatternOfStarsDoesNotExplode(t *testing.T) {
	t.Parallel()
	pattern := strings.Repeat("*1", 5000) + "x"
	if match(pattern, strings.Repeat("1", 45)) { // a backtracking matcher would not end within the life of the test
		t.Error("should not match")
	}
}

func FuzzAPatternMatchesAsItsRegularExpression(f *testing.F) {
	f.Add("10.*.5", "10.0.0.5")
	f.Add("*", "")
	f.Add("a**b*", "aXb")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 100 || len(text) > 100 {
			t.Skip()
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		re, err := regexp.Compile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
		if err != nil {
			t.Skip() // not UTF-8
		}
		if got, want := match(pattern, text), re.MatchString(text); got != want {
			t.Errorf("match(%q, %q) = %v, want %v", pattern, text, got, want)
		}
	})
}

func FuzzNoFilterLocksOutTheMachineOrFails(f *testing.F) {
	f.Add("10.0.0.0/8", "10.0.0.5")
	f.Add("::ffff:0:0/96", "::ffff:1.2.3.4")
	f.Fuzz(func(t *testing.T, filter, ip string) {
		rules := Compile([]string{filter})
		if !rules.Allows(netip.MustParseAddr("127.0.0.1")) {
			t.Errorf("filter %q locks out the machine itself", filter)
		}
		if a, err := netip.ParseAddr(ip); err == nil && rules.Allows(a) != rules.Allows(a.Unmap()) {
			t.Errorf("filter %q treats %s and its plain form differently", filter, a)
		}
	})
}
