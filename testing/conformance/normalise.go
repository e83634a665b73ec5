package conformance

import (
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Normaliser replaces what differs from one run to the next by what it is: ids, dates, ports, paths, keys, tokens. Only
// a value of the right form is replaced, so that a date in the wrong format is still a difference.
type Normaliser struct {
	Names  map[string]string  // id → name of the object
	Ports  map[float64]string // port → what it is for
	Clouds []string           // URLs of OIAnalytics
	Paths  map[string]string  // parts of texts that stand for others

	Secrets []string // in the headers of requests
}

var (
	milliForm    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	secondForm   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	midnightForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT00:00:00\.000[+-]\d\d:\d\d$`)
	idForm       = regexp.MustCompile(`^(?:[0-9a-zA-Z]{16}|[0-9a-zA-Z]{6})$`)
	codeForm     = regexp.MustCompile(`^[0-9a-zA-Z]{6}$`)
	keyForm      = regexp.MustCompile(`^-----BEGIN PUBLIC KEY-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END PUBLIC KEY-----\n$`)
	keyCRLFForm  = regexp.MustCompile(`^-----BEGIN PUBLIC KEY-----\r\n(?:[A-Za-z0-9+/=]{1,64}\r\n)+-----END PUBLIC KEY-----\r\n$`)
	certForm     = regexp.MustCompile(`^-----BEGIN CERTIFICATE-----\r\n(?:[A-Za-z0-9+/=]{1,64}\r\n)+-----END CERTIFICATE-----\r\n$`)
	kernelForm   = regexp.MustCompile(`^(?:Linux|Windows_NT|Darwin) \d\S*$`)
	digitsForm   = regexp.MustCompile(`^\d+$`)
	bearerForm   = regexp.MustCompile(`^Bearer \S+$`)
	versionForm  = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	fileTimeForm = regexp.MustCompile(`\b\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d_\d{3}\b`)
	trialForm    = regexp.MustCompile(`/test-\d+/`)
	randomForm   = regexp.MustCompile(`-[0-9a-zA-Z_-]{10}(\.\w+)$`)
	checkForm    = regexp.MustCompile(`\bid=[^&]+$`)
)

// forms are replaced wherever they stand.
var forms = []struct {
	form *regexp.Regexp
	is   string
}{
	{milliForm, "‹instant›"}, {secondForm, "‹second›"}, {midnightForm, "‹midnight›"},
	{keyForm, "‹public key›"}, {keyCRLFForm, "‹public key, CRLF›"}, {certForm, "‹certificate, CRLF›"},
	{bearerForm, "Bearer ‹token›"},
}

// keyed are replaced under these keys only, because the form alone says too little.
var keyed = map[string]struct {
	form *regexp.Regexp
	is   string
}{
	"activationCode": {codeForm, "‹code›"}, "oibusId": {idForm, "‹id›"}, "groupId": {idForm, "‹id›"}, "oIBusInternalId": {idForm, "‹id›"}, "id": {idForm, "‹id›"},
	"oIBusCreatedBy": {codeForm, "‹unknown user›"}, "oIBusUpdatedBy": {codeForm, "‹unknown user›"},
	"oibusOs": {kernelForm, "‹kernel›"}, "operatingSystem": {kernelForm, "‹kernel›"},
	"oibusArch": {regexp.MustCompile(`^(?:x64|arm64)$`), "‹architecture›"}, "architecture": {regexp.MustCompile(`^(?:x64|arm64)$`), "‹architecture›"},
	"platform": {regexp.MustCompile(`^(?:linux|windows|macos)$`), "‹platform›"}, "accessToken": {regexp.MustCompile(`^\S+$`), "‹token›"},
	"processId": {digitsForm, "‹process›"}, "hostname": {regexp.MustCompile(`^\S+$`), "‹host name›"},
}

// pathKeys hold paths of the file system.
var pathKeys = []string{"dataFolder", "binaryFolder", "dataDirectory", "binaryDirectory"}

// Normalise returns a copy of a JSON value that can be compared with that of another run.
func (n *Normaliser) Normalise(v any) any { return n.value("", v) }

func (n *Normaliser) value(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return n.object(v)
	case []any:
		list := make([]any, len(v))
		for i, child := range v {
			list[i] = n.value(key, child)
		}
		return list
	case string:
		if key == "result" {
			return n.result(v)
		}
		return n.text(key, v)
	case float64:
		if strings.HasSuffix(key, "onDuration") || key == "queryDuration" {
			return "‹milliseconds›"
		}
		if name, ok := n.Ports[v]; ok {
			return name
		}
	}
	return v
}

func (n *Normaliser) object(o map[string]any) any {
	out := make(map[string]any, len(o))
	for k, v := range o {
		out[k] = n.value(k, v)
	}
	if v, ok := o["value"].(string); ok && o["key"] == "SQLite Version" && versionForm.MatchString(v) {
		out["value"] = "‹version›" // of the library
	}
	// A command never changes its updatedAt (protocol/control-plane.md, section 3.7).
	if created, ok := o["createdAt"].(string); ok && created == o["updatedAt"] && milliForm.MatchString(created) {
		out["updatedAt"] = "‹as createdAt›"
	}
	for _, folder := range cacheFolders {
		if contents, ok := out[folder].([]any); ok {
			slices.SortStableFunc(contents, func(a, b any) int { return strings.Compare(cachedName(a), cachedName(b)) })
		}
	}
	for list, key := range objectLists {
		if objects, ok := out[list].([]any); ok {
			out[list] = byName(objects, key)
		}
	}
	return out
}

// cacheFolders list contents in the order of their random ids.
var cacheFolders = []string{"cache", "error", "archive"}

func cachedName(content any) string {
	c, _ := content.(map[string]any)
	return textAt(c, "filename")
}

// byName turns a list of a full-config, which has no guaranteed order (section 7.3), into one by the names of its
// objects. Lists that hold something else, or a name twice, stay as they are.
func byName(objects []any, key string) any {
	named := map[string]any{}
	for _, o := range objects {
		_, name := identified(o, key)
		if _, twice := named[name]; name == "" || twice {
			return objects
		}
		named[name] = o
	}
	return named
}

// idInText is an id inside of a text.
var idInText = regexp.MustCompile(`\b(?:[0-9a-zA-Z]{6}|[0-9a-zA-Z]{12})\b`)

// result replaces what differs inside the result of a command, which may be JSON.
func (n *Normaliser) result(s string) any {
	var v map[string]any
	if strings.HasPrefix(s, "{") && json.Unmarshal([]byte(s), &v) == nil {
		return n.Normalise(v)
	}
	return n.named(n.text("", s))
}

// named replaces the ids inside of a text.
func (n *Normaliser) named(s string) string {
	return idInText.ReplaceAllStringFunc(s, func(id string) string {
		if name, ok := n.Names[id]; ok {
			return "‹" + name + "›"
		}
		return id
	})
}

func (n *Normaliser) text(key, s string) string {
	for path, is := range n.Paths {
		s = strings.ReplaceAll(s, path, is)
	}
	if name, ok := n.Names[strings.TrimSuffix(s, ".json")]; ok {
		return "‹" + name + "›"
	}
	for _, url := range n.Clouds {
		s = strings.ReplaceAll(s, url, "‹cloud›")
	}
	if k, ok := keyed[key]; ok && k.form.MatchString(s) && s != "system" {
		return k.is
	}
	if slices.Contains(pathKeys, key) && (filepath.IsAbs(s) || strings.HasPrefix(s, "/")) {
		return "‹path›"
	}
	if key == "checkUrl" || key == "redirectUrl" || key == "query" {
		s = checkForm.ReplaceAllString(s, "id=‹registration›")
	}
	if basic, ok := strings.CutPrefix(s, "Basic "); ok {
		return n.basic(basic)
	}
	s = fileTimeForm.ReplaceAllString(s, "‹time›")
	if key == "filePath" {
		s = trialForm.ReplaceAllString(s, "/‹trial›/")
		s = randomForm.ReplaceAllString(s, "-‹random›$1")
	}
	for _, f := range forms {
		if f.form.MatchString(s) {
			return f.is
		}
	}
	return s
}

// basic shows the user of credentials, and whether the secret is one that was given.
func (n *Normaliser) basic(credentials string) string {
	plain, err := base64.StdEncoding.DecodeString(credentials)
	user, secret, ok := strings.Cut(string(plain), ":")
	switch {
	case err != nil || !ok:
		return "Basic " + credentials
	case slices.Contains(n.Secrets, secret):
		return "Basic " + user + ":‹secret›"
	}
	return "Basic " + string(plain)
}
