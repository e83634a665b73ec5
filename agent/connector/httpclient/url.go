package httpclient

import (
	"net/url"
	"strings"
)

// Base parses the host of settings: an absolute URL of HTTP.
func Base(host string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(host))
	if err != nil || !usable(u) {
		return nil, &SettingsError{"Invalid URL"}
	}
	return u, nil
}

func usable(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Opaque == ""
}

// Param is one parameter of a query.
type Param struct{ Key, Value string }

// Resolve resolves an endpoint against host like a link, and adds parameters to those that it has already. Its error
// shows neither of them.
func Resolve(host, endpoint string, params []Param) (*url.URL, error) {
	base, err := Base(host)
	if err != nil {
		return nil, err
	}
	ref, err := url.Parse(tolerated(endpoint))
	if err != nil {
		return nil, &SettingsError{"Invalid URL"} // the cause would show the query
	}
	u := base.ResolveReference(ref)
	if !usable(u) {
		return nil, &SettingsError{"Invalid URL"}
	}
	if u.User != nil {
		return nil, &SettingsError{"Invalid URL: it must not carry a user name or password"}
	}
	u.Fragment, u.RawFragment, u.ForceQuery = "", "", false
	u.RawQuery = withParams(clean(u.RawQuery), params)
	return u, nil
}

// Shown is u as errors and logs may show it: without its query.
func Shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// tolerated makes an endpoint as people type it one that parses: no line breaks, a lone percent sign stands for itself.
func tolerated(endpoint string) string {
	endpoint = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(strings.TrimSpace(endpoint))
	var b strings.Builder
	for i := range len(endpoint) {
		if endpoint[i] == '%' && (i+2 >= len(endpoint) || !isHex(endpoint[i+1]) || !isHex(endpoint[i+2])) {
			b.WriteString("%25")
			continue
		}
		b.WriteByte(endpoint[i])
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func withParams(query string, params []Param) string {
	var b strings.Builder
	b.WriteString(query)
	for _, p := range params {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(Escape(p.Key))
		b.WriteByte('=')
		b.WriteString(Escape(p.Value))
	}
	return b.String()
}

const hexDigits = "0123456789ABCDEF"

// Escape writes text as part of a query: a space is %20, and only what needs it is escaped.
func Escape(text string) string {
	return escaped(text, func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.!~*'()", c) >= 0
	})
}

// clean escapes what cannot stand in a request line.
func clean(query string) string {
	return escaped(query, func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' })
}

func escaped(text string, plain func(byte) bool) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}
