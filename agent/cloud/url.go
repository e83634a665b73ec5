package cloud

import (
	"net"
	"net/url"
	"strings"
)

// endpointURL resolves path against the host, behind the base endpoint of the API gateway
// (protocol/control-plane.md, section 1.2). The path part of the host is lost, as in the reference: a base endpoint
// is how to have one. Unlike there, an absolute path wins over the base endpoint too: the cloud may answer a
// registration with an absolute URL whether or not a gateway stands in between.
func endpointURL(conn Connection, path string) (*url.URL, error) {
	base, err := absoluteURL(conn.Host)
	if err != nil {
		return nil, err
	}
	if conn.UseAPIGateway && !isAbsolute(path) {
		path = conn.GatewayBase + path
	}
	ref, err := url.Parse(strings.TrimSpace(path))
	if err != nil {
		return nil, localError("Invalid URL", nil) // the cause would show the query
	}
	u := base.ResolveReference(ref)
	u.Fragment, u.RawFragment = "", ""
	if !usable(u) {
		return nil, localError("Invalid URL", nil)
	}
	if u.User != nil {
		return nil, localError("Invalid URL: it must not carry a user name or password", nil)
	}
	if base.Scheme == "https" && u.Scheme == "http" {
		return nil, localError("Invalid URL: "+redactURL(path)+" is not protected, and "+redactURL(conn.Host)+" is", nil)
	}
	return u, nil
}

func absoluteURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || !usable(u) {
		return nil, localError("Invalid URL", nil)
	}
	return u, nil
}

func usable(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Opaque == ""
}

func isAbsolute(path string) bool {
	u, err := url.Parse(strings.TrimSpace(path))
	return err == nil && u.Scheme != "" && u.Host != ""
}

// hostPort names the port also where the URL leaves it to the scheme.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// query writes the pairs of key and each value percent-encoded: a space is %20, a list repeats its key.
func query(key string, values ...string) string {
	var b strings.Builder
	for i, v := range values {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(escape(key))
		b.WriteByte('=')
		b.WriteString(escape(v))
	}
	return b.String()
}

// escape writes a space as %20, not as the + of forms.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// redactURL keeps of an address what may be shown: scheme, host and path.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(not a URL)"
	}
	if u.Opaque != "" { // host:port without //, or worse
		return u.Scheme + ":…"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
