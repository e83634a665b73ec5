package proxy

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// ServeHTTP decides in this order: the IP filter, the password, the number of exchanges.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := f.server
	rules := s.rules.Load()
	control := http.NewResponseController(w)
	// A body that was not read must not hold the connection for longer than a header may.
	defer func() { _ = control.SetReadDeadline(time.Now().Add(s.limits.header)) }()
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil || !s.opts.Allowed(client.Addr()):
		s.deny(client.Addr(), "it is not in the IP filters")
		w.Header().Set("Connection", "close")
		http.Error(w, fmt.Sprintf("Access denied. IP ADDRESS %s UNAUTHORIZED", client.Addr().Unmap()), http.StatusForbidden)
		return
	case rules == nil:
		w.Header().Set("Connection", "close")
		http.Error(w, "the proxy is being switched off", http.StatusServiceUnavailable)
		return
	case !rules.access.admits(r.Context(), r.Header.Get("Proxy-Authorization")):
		if r.Header.Get("Proxy-Authorization") != "" {
			s.deny(client.Addr(), "wrong user name or password")
		}
		w.Header().Set("Proxy-Authenticate", `Basic realm="OIBus Proxy"`)
		http.Error(w, "Proxy authentication required", http.StatusProxyAuthRequired)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	x := &exchange{client: client.Addr(), front: f, rules: rules, long: isLong(r), cancel: cancel}
	if !s.exchanges.begin(x, s.limits.exchanges) {
		s.opts.Log.Debug(fmt.Sprintf("The forward proxy already serves %d requests", s.limits.exchanges))
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the proxy is busy", http.StatusServiceUnavailable)
		return
	}
	defer s.exchanges.done(x)
	if s.rules.Load() != rules && x.long { // they changed while this request was being looked at
		http.Error(w, "the settings of the proxy have just changed", http.StatusServiceUnavailable)
		return
	}
	s.opts.Log.Debug(fmt.Sprintf("The forward proxy handles %s %s for %s", r.Method, r.URL.Host, client.Addr()))
	rules.handle(w, r.WithContext(ctx))
}

// isLong tells whether the request asks for a connection that ends when its ends wish.
func isLong(r *http.Request) bool {
	return r.Method == http.MethodConnect || r.Header.Get("Upgrade") != ""
}

// handle serves one request that may pass.
func (ru *rules) handle(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		ru.tunnel(w, r)
	case r.URL.Scheme == "http" && r.URL.Hostname() != "":
		ru.forward(w, r)
	case r.URL.Scheme == "https":
		http.Error(w, "use CONNECT for https", http.StatusBadRequest)
	default:
		http.Error(w, "this is a proxy: ask it for an absolute URL that starts with http://", http.StatusBadRequest)
	}
}

func (s *Server) deny(client netip.Addr, why string) {
	if n, ok := s.refused.Pass(time.Now()); ok {
		s.opts.Log.Warn(fmt.Sprintf("The forward proxy refused %s: %s (%d refused since the last such line)", client.Unmap(), why, n))
	}
}

// basic reads the credentials of a header of Basic authentication.
func basic(header string) (user, password string, ok bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	return (&http.Request{Header: http.Header{"Authorization": {"Basic " + strings.TrimSpace(rest)}}}).BasicAuth()
}
