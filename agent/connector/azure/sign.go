package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"oibus/agent/connector/httpclient"
)

func parseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) == 0 {
		return nil, &httpclient.SettingsError{Text: "the access key is not one: it must be in base64"}
	}
	return key, nil
}

func signature(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signed are the headers that stand first in what is signed with a shared key. The date is not among them: x-ms-date is
// sent.
var signed = []string{"content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
	"if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"}

// stringToSign is what is signed of a request with a shared key.
func stringToSign(account, method string, u *url.URL, header httpclient.Header, length int) string {
	values := map[string]string{}
	var own []string
	for _, h := range header {
		name := strings.ToLower(h.Key)
		values[name] = strings.TrimSpace(h.Value)
		if strings.HasPrefix(name, "x-ms-") {
			own = append(own, name)
		}
	}
	if length > 0 {
		values["content-length"] = strconv.Itoa(length)
	}
	var b strings.Builder
	b.WriteString(method + "\n")
	for _, name := range signed {
		b.WriteString(values[name] + "\n")
	}
	slices.Sort(own)
	for _, name := range own {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	b.WriteString("/" + account + u.EscapedPath())
	query := u.Query()
	for _, name := range sortedKeys(query) {
		slices.Sort(query[name])
		b.WriteString("\n" + strings.ToLower(name) + ":" + strings.Join(query[name], ","))
	}
	return b.String()
}

func sortedKeys(m url.Values) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

const hexDigits = "0123456789ABCDEF"

// escapePath writes a path: letters, digits, "-._~" and slashes stand for themselves.
func escapePath(path string) string {
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}
