package azure

import (
	"net/url"
	"strings"

	"oibus/agent/connector/httpclient"
)

// plainName says whether name can be that of an account or a container.
func plainName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != ""
}

// accountOf finds the account in an address: at the beginning of a host name as Azure gives them, or of the path where
// the host is a number or has no domain. Of another host name it is a guess.
func accountOf(u *url.URL) (account string, sure bool) {
	host := u.Hostname()
	first, rest, domain := strings.Cut(host, ".")
	if domain && strings.Trim(host, "0123456789.") != "" {
		return first, strings.HasPrefix(rest, "blob.") || strings.HasPrefix(rest, "dfs.")
	}
	first, _, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return first, first != ""
}

// address is the URL of a request, with the SAS.
func (c *Client) address(q call) *url.URL {
	u := &url.URL{Scheme: c.base.Scheme, Host: c.base.Host}
	u.Path = strings.TrimRight(c.base.Path, "/") + "/" + c.o.Container + "/" + q.file
	u.RawPath = escapePath(u.Path)
	var parts []string
	for _, p := range q.params {
		parts = append(parts, httpclient.Escape(p.Key)+"="+httpclient.Escape(p.Value))
	}
	if c.key == nil && c.o.Tokens == nil && c.sas != "" {
		parts = append(parts, c.sas)
	}
	u.RawQuery = strings.Join(parts, "&")
	return u
}
