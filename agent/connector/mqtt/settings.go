package mqtt

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"oibus/agent/connector/setting"
)

// Settings are what the forms of both connectors have in common (protocol/data-plane.md, sections 5.4 and 6.3).
type Settings struct {
	URL            string         `json:"url"`
	QoSText        string         `json:"qos"`
	Persistent     setting.Flag   `json:"persistent"`
	Authentication Authentication `json:"authentication"`
	Verify         setting.Flag   `json:"rejectUnauthorized"`
	Reconnect      setting.Number `json:"reconnectPeriod"` // ms
	Timeout        setting.Number `json:"connectTimeout"`  // ms
}

// Authentication is how the broker knows the connector.
type Authentication struct {
	Type            string `json:"type"`
	Username        string `json:"username"`
	Password        string `json:"password"`
	CertificateFile string `json:"certFilePath"`
	KeyFile         string `json:"keyFilePath"`
	CAFile          string `json:"caFilePath"`
}

// The ways to authenticate.
const (
	byPassword    = "basic"
	byCertificate = "cert"
)

// Times when a setting holds none: the defaults of the form.
const (
	defaultReconnect = 10 * time.Second
	defaultTimeout   = 10 * time.Second
)

// Check says what in the settings cannot work.
func (s *Settings) Check() error {
	if strings.TrimSpace(s.URL) == "" {
		return errors.New("the URL of the broker is not specified")
	}
	if _, err := s.broker(); err != nil {
		return err
	}
	switch s.QoSText {
	case "", "0", "1", "2":
		return nil
	}
	return fmt.Errorf("setting \"qos\" must be 0, 1 or 2, not %q", s.QoSText)
}

// QoS that is asked for, 1 when the settings do not say.
func (s *Settings) QoS() byte {
	switch s.QoSText {
	case "0":
		return 0
	case "2":
		return 2
	}
	return 1
}

// Clean says whether the broker is to forget the session when the connection ends. At QoS 0 there is nothing to keep.
func (s *Settings) Clean() bool { return !bool(s.Persistent) || s.QoS() == 0 }

// ReconnectAfter is how long to wait after a connection is gone.
func (s *Settings) ReconnectAfter() time.Duration {
	return orDefault(s.Reconnect.Duration(time.Millisecond), defaultReconnect)
}

// ConnectTimeout is how long connecting may take, until the broker has agreed.
func (s *Settings) ConnectTimeout() time.Duration {
	return orDefault(s.Timeout.Duration(time.Millisecond), defaultTimeout)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// broker is where to connect to.
type broker struct {
	url      *url.URL
	host     string // with port
	name     string // without
	tls, web bool
}

// schemes are those that the form allows.
var schemes = map[string]struct {
	port     string
	tls, web bool
}{
	"mqtt": {"1883", false, false}, "tcp": {"1883", false, false},
	"mqtts": {"8883", true, false}, "tls": {"8883", true, false},
	"ws": {"80", false, true}, "wss": {"443", true, true},
}

// secured is the scheme to use in the place of one without TLS when a certificate is to be shown.
var secured = map[string]string{"mqtt": "mqtts", "tcp": "tls", "ws": "wss"}

func (s *Settings) broker() (*broker, error) {
	u, err := url.Parse(strings.TrimSpace(s.URL))
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) { // its text would show a password in the URL
			err = parse.Err
		}
		return nil, fmt.Errorf("cannot read the URL of the broker: %w", err)
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if safe := secured[u.Scheme]; safe != "" && s.Authentication.Type == byCertificate {
		u.Scheme = safe
	}
	scheme, ok := schemes[u.Scheme]
	if !ok {
		return nil, fmt.Errorf("the URL of the broker has the scheme %q: use mqtt, mqtts, tcp, tls, ws or wss", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("the URL of the broker names no host")
	}
	port := u.Port()
	if port == "" {
		port = scheme.port
	}
	b := &broker{url: u, name: u.Hostname(), host: net.JoinHostPort(u.Hostname(), port), tls: scheme.tls, web: scheme.web}
	return b, nil
}

// credentials are what the broker is told: the settings before what the URL holds.
func (s *Settings) credentials(b *broker) (name, password string, has bool) {
	if s.Authentication.Type == byPassword {
		return s.Authentication.Username, s.Authentication.Password, true
	}
	if u := b.url.User; u != nil {
		password, _ = u.Password()
		return u.Username(), password, true
	}
	return "", "", false
}
