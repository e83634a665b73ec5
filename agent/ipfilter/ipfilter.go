// Package ipfilter says which addresses may use the admin page and the forward proxy. It promises that the machine
// itself is never locked out, that a rule nobody can match does not stop the others, and that no rule, however it is
// written, costs more than its length times that of an address. It guards against the rule that opens more than its
// author meant: everything but * is literal (protocol/control-plane.md, section 10.8).
package ipfilter

import (
	"net/netip"
	"strings"
)

// Rules are the compiled filters. The zero value allows the machine itself only.
type Rules struct {
	prefixes []netip.Prefix
	globs    []string
}

// Compile reads filters: an address, an address with * for any run of characters, or a network such as 10.0.0.0/8.
// There is no wrong filter: a text that is no address matches nobody.
func Compile(filters []string) *Rules {
	r := &Rules{}
	for _, f := range filters {
		f = strings.ToLower(strings.TrimSpace(f))
		if p, ok := network(f); ok {
			r.prefixes = append(r.prefixes, p)
		} else if f != "" {
			r.globs = append(r.globs, f)
		}
	}
	return r
}

// network reads an address or a CIDR network, with an IPv4 one in its plain form.
func network(f string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(f); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(f)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// Allowed tells whether ip may connect under filters. Those who ask often use Compile.
func Allowed(filters []string, ip netip.Addr) bool { return Compile(filters).Allows(ip) }

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// Allows tells whether ip may connect: the machine itself always, others when a rule matches. An IPv4 address is
// tested in its plain and in its ::ffff: form, whichever of the two the connection reports.
func (r *Rules) Allows(ip netip.Addr) bool {
	if !ip.IsValid() {
		return false
	}
	ip = ip.Unmap()
	bare := ip.WithZone("")
	if bare == loopback4 || bare == loopback6 {
		return true
	}
	for _, p := range r.prefixes {
		if p.Contains(bare) {
			return true
		}
	}
	return len(r.globs) > 0 && r.matchesText(ip, bare)
}

func (r *Rules) matchesText(ip, bare netip.Addr) bool {
	forms := []string{ip.String()}
	if ip.Is4() {
		forms = append(forms, "::ffff:"+ip.String())
	} else if bare != ip {
		forms = append(forms, bare.String())
	}
	for _, g := range r.globs {
		for _, f := range forms {
			if match(g, strings.ToLower(f)) {
				return true
			}
		}
	}
	return false
}

// match tells whether the whole of text fits pattern, in which * stands for any run of characters and everything
// else for itself. On a mismatch only the latest * takes one character more: no pattern makes it explode.
func match(pattern, text string) bool {
	p, t, star, retry := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			retry++
			p, t = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
