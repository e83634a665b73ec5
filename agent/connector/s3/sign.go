package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"oibus/agent/connector/httpclient"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	stampLayout = "20060102T150405Z"
	dayLayout   = "20060102"
)

// key is what requests are signed with.
type key struct{ id, secret, region, service string }

// sign returns header with the date and the signature of a request (AWS Signature Version 4). All of header is signed, and
// the host; query must be as canonical makes it. payload is the SHA-256 of the body, in hex.
func (k key) sign(method string, u *url.URL, header httpclient.Header, payload string, at time.Time) httpclient.Header {
	at = at.UTC()
	stamp := at.Format(stampLayout)
	header = append(header[:len(header):len(header)], httpclient.Param{Key: "X-Amz-Date", Value: stamp})
	canonical, names := canonicalRequest(method, u, header, payload)
	scope := at.Format(dayLayout) + "/" + k.region + "/" + k.service + "/aws4_request"
	toSign := algorithm + "\n" + stamp + "\n" + scope + "\n" + digest([]byte(canonical))
	signature := hex.EncodeToString(mac(k.derived(at), toSign))
	return append(header, httpclient.Param{Key: "Authorization",
		Value: algorithm + " Credential=" + k.id + "/" + scope + ", SignedHeaders=" + names + ", Signature=" + signature})
}

// derived is the key of one day, region and service.
func (k key) derived(at time.Time) []byte {
	day := mac([]byte("AWS4"+k.secret), at.Format(dayLayout))
	return mac(mac(mac(day, k.region), k.service), "aws4_request")
}

func canonicalRequest(method string, u *url.URL, header httpclient.Header, payload string) (text, names string) {
	values := map[string]string{"host": u.Host}
	for _, h := range header {
		values[strings.ToLower(h.Key)] = strings.Join(strings.Fields(h.Value), " ")
	}
	sorted := make([]string, 0, len(values))
	for name := range values {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	names = strings.Join(sorted, ";")
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	var b strings.Builder
	b.WriteString(method + "\n" + path + "\n" + u.RawQuery + "\n")
	for _, name := range sorted {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	b.WriteString("\n" + names + "\n" + payload)
	return b.String(), names
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// query writes parameters as they are sent and signed: sorted, and every byte escaped that may be. None is to be there
// twice.
func query(params []httpclient.Param) string {
	pairs := make([]string, len(params))
	for i, p := range params {
		pairs[i] = escape(p.Key, false) + "=" + escape(p.Value, false)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

const hexDigits = "0123456789ABCDEF"

// escape writes text as part of a URL that is signed: only letters, digits and "-._~" stand for themselves, and the slash
// in a path.
func escape(text string, path bool) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("-._~", c) >= 0, path && c == '/':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}
