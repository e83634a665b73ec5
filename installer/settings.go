package installer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"oibus/platform"

	"github.com/BurntSushi/toml"
)

const (
	// defaultPort is that of the admin page when nothing else is said.
	defaultPort = 2223
	// ownCertificate is the certificate that an agent makes for its page, in the folder of its secrets.
	ownCertificate = "page-certificate.pem"
	// maxState bounds the documents of the agent that are read here.
	maxState = 16 << 20
)

// webSettings is what must be known of a running OIBus to speak with it.
type webSettings struct {
	address     string
	port        int
	pinned      bool   // the port stands in the settings file
	certificate string // file of the certificate; "" is plain HTTP
	own         bool   // OIBus makes that certificate itself, at its start and anew before it ends
	host        string // of OIAnalytics, when the settings file says it
}

// readWeb reads the settings of the page: the settings file, then what was changed on the page, then what the first
// start is told.
func readWeb(m machine, i instance) (webSettings, error) {
	w := webSettings{address: "127.0.0.1", port: defaultPort}
	var file struct {
		Web struct {
			Address     string `toml:"address"`
			Port        int    `toml:"port"`
			Certificate string `toml:"tls_certificate"`
			Generated   bool   `toml:"tls_generated"`
		} `toml:"web"`
		OIAnalytics struct {
			Host string `toml:"host"`
		} `toml:"oianalytics"`
	}
	text, err := readBounded(i.Settings)
	if err == nil {
		_, err = toml.Decode(string(text), &file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, fmt.Errorf("cannot read the settings %s: %w", i.Settings, forbidden(m, err))
	}
	if file.Web.Address != "" {
		w.address = file.Web.Address
	}
	w.certificate, w.host = file.Web.Certificate, file.OIAnalytics.Host
	if w.certificate == "" && file.Web.Generated {
		w.certificate, w.own = filepath.Join(i.Data, "secrets", ownCertificate), true
	}
	if w.pinned = file.Web.Port != 0; w.pinned {
		w.port = file.Web.Port
		return w, nil
	}
	err = m.AsOwner(platform.Existing(i.Data), func() error { return readPort(i.Data, &w.port) })
	return w, forbidden(m, err)
}

// readPort reads the port that the agent keeps, or that its first start is told.
func readPort(data string, port *int) error {
	var engine struct {
		Settings struct {
			WebServer struct {
				Port int `json:"port"`
			} `json:"webServer"`
		} `json:"settings"`
	}
	if err := readDocument(data, "engine", &engine); err != nil {
		return err
	}
	if engine.Settings.WebServer.Port != 0 {
		*port = engine.Settings.WebServer.Port
		return nil
	}
	var first struct {
		Port int `json:"port"`
	}
	text, err := os.ReadFile(filepath.Join(data, provisionName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && json.Unmarshal(text, &first) == nil && first.Port > 0 {
		*port = first.Port
	}
	return err
}

// readDocument reads what the agent keeps under state; one that is not there leaves v as it is.
func readDocument(data, name string, v any) error {
	path := filepath.Join(data, "state", name+".json")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var text []byte
	if err == nil && info.Size() > maxState {
		err = fmt.Errorf("%d bytes are more than the limit of %d", info.Size(), maxState)
	}
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err == nil {
		err = json.Unmarshal(text, &struct {
			Data any `json:"data"`
		}{v})
	}
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	return nil
}

// portOf is the port of an instance as far as it can be known; what cannot be read is not known to be taken.
func portOf(m machine, i instance) int {
	w, err := readWeb(m, i)
	if err != nil {
		return 0
	}
	return w.port
}

// url is where this machine reaches the page.
func (w webSettings) url() string {
	host := w.address
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if w.certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(w.port))
}

// firstSettings is a settings file with the keys that are said written out.
func firstSettings(example string, port int, host string) string {
	return setKey(setKey(example, "oianalytics", "host", quoted(host), host != ""), "web", "port", strconv.Itoa(port), port != 0)
}

func quoted(s string) string { return strconv.Quote(s) }

// setKey gives a key a value: in the place where it stands, as a comment or not, or in a table at the end.
func setKey(text, table, key, value string, on bool) string {
	if !on {
		return text
	}
	lines := strings.Split(text, "\n")
	header, at := -1, -1
	for n, line := range lines {
		bare := strings.TrimSpace(strings.TrimPrefix(line, "# "))
		if strings.HasPrefix(bare, "[") {
			if header >= 0 {
				break
			}
			if bare == "["+table+"]" {
				header = n
			}
			continue
		}
		if name, _, found := strings.Cut(bare, "="); header >= 0 && found && strings.TrimSpace(name) == key {
			at = n
		}
	}
	switch {
	case header < 0:
		return strings.TrimRight(text, "\n") + "\n\n[" + table + "]\n" + key + " = " + value + "\n"
	case at < 0:
		lines = append(lines[:header+1], append([]string{key + " = " + value}, lines[header+1:]...)...)
	default:
		lines[at] = key + " = " + value
	}
	lines[header] = "[" + table + "]"
	return strings.Join(lines, "\n")
}
