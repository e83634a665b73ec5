package web

import (
	"net"
	"net/netip"
	"os"
	"strings"
)

// hostList decides for which Host headers this server answers. A page of another site can make a browser send
// requests here under its own name, by pointing that name at this machine (DNS rebinding); so a name that is not
// ours is refused. An address cannot be rebound: whoever may connect may also ask by address. On a server that
// listens on the machine itself only, no other address than loopback makes sense, so no other is taken.
type hostList struct {
	names    map[string]bool
	loopback bool // listens on the machine itself only
}

func newHostList(address string, more []string) *hostList {
	h := &hostList{names: map[string]bool{"localhost": true}}
	if ip, err := netip.ParseAddr(address); err == nil {
		h.loopback = ip.IsLoopback()
	} else {
		h.loopback = address == "localhost"
		h.add(address)
	}
	if name, err := os.Hostname(); err == nil {
		h.add(name)
		short, _, _ := strings.Cut(name, ".")
		h.add(short)
	}
	for _, name := range more {
		h.add(name)
	}
	return h
}

func (h *hostList) add(name string) {
	if name = plainHost(name); name != "" {
		h.names[name] = true
	}
}

// plainHost is a host name or address without port, brackets, final dot, in lower case.
func plainHost(host string) string {
	host = strings.TrimSpace(host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func (h *hostList) allows(host string) bool {
	if host == "" {
		return true // HTTP/1.0: no browser
	}
	name := plainHost(host)
	if h.names[name] {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && (ip.Unmap().IsLoopback() || !h.loopback)
}
