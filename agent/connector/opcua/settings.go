// Package opcua is what the South and the North of OPC UA share (protocol/data-plane.md, sections 5.6 and 6.5): the
// settings of a connection, sessions with every kind of identity, the limits of a server, values as texts and texts as
// values, and the test of a connection. It promises that requests stay within what a server takes, that what is refused
// is told by node and status, and that a session that has ended from idleness is opened again without anybody noticing.
// It guards against servers with little memory, with other certificates than yesterday, and with types of their own.
package opcua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
)

// defaultTimeout is for Norths, which have no setting for it.
const defaultTimeout = 15 * time.Second

// Settings are those that both connectors have.
type Settings struct {
	URL              string         `json:"url"`
	KeepSessionAlive setting.Flag   `json:"keepSessionAlive"`
	ReadTimeout      setting.Number `json:"readTimeout"` // ms; a South's
	RetryInterval    setting.Number `json:"retryInterval"`
	SecurityMode     string         `json:"securityMode"`
	SecurityPolicy   string         `json:"securityPolicy"`
	Authentication   struct {
		Type         string `json:"type"`
		Username     string `json:"username"`
		Password     string `json:"password"`
		CertFilePath string `json:"certFilePath"`
		KeyFilePath  string `json:"keyFilePath"`
	} `json:"authentication"`
}

var modes = map[string]ua.MessageSecurityMode{
	"": ua.MessageSecurityModeNone, "none": ua.MessageSecurityModeNone,
	"sign": ua.MessageSecurityModeSign, "sign-and-encrypt": ua.MessageSecurityModeSignAndEncrypt,
}

// policies are the names in the standard of those that can be chosen.
var policies = map[string]string{
	"basic128": "Basic128", "basic192": "Basic192", "basic256": "Basic256",
	"basic128-rsa15": "Basic128Rsa15", "basic192-rsa15": "Basic192Rsa15", "basic256-rsa15": "Basic256Rsa15",
	"basic256-sha256": "Basic256Sha256", "aes128-sha256-rsa-oaep": "Aes128_Sha256_RsaOaep",
	"pub-sub-aes-128-ctr": "PubSub_Aes128_CTR", "pub-sub-aes-256-ctr": "PubSub_Aes256_CTR",
}

// Client is a configured connection. It is safe for concurrent use.
type Client struct {
	settings Settings
	mode     ua.MessageSecurityMode
	policy   string // URI
	name     string // of sessions
	timeout  time.Duration
	session  time.Duration // timeout of a session, as it is asked for
	identity func() (connector.Certificate, error)
	trust    trust
	log      *slog.Logger
	now      func() time.Time
}

// New checks the settings of a connection. session is the timeout of sessions to ask for.
func New(env connector.Env, s Settings, session time.Duration) (*Client, error) {
	c := &Client{settings: s, name: env.Name + "-" + env.ID, session: session, identity: env.Host.Identity, log: env.Log, now: env.Host.Now}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.timeout = s.ReadTimeout.Duration(time.Millisecond); c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	c.trust = trust{memory: env.Memory, log: c.log, url: s.URL}
	mode, ok := modes[s.SecurityMode]
	if !ok {
		return nil, fmt.Errorf("invalid securityMode : %s", s.SecurityMode)
	}
	c.mode, c.policy = mode, ua.SecurityPolicyURINone
	if mode != ua.MessageSecurityModeNone {
		name, known := policies[s.SecurityPolicy]
		if !known {
			return nil, fmt.Errorf("invalid securityPolicy : %s: the security mode %s needs one", s.SecurityPolicy, s.SecurityMode)
		}
		c.policy = ua.SecurityPolicyURIPrefix + name
		if !supported(c.policy) {
			return nil, fmt.Errorf("invalid securityPolicy : %s is none of those that protect a connection of OPC UA: %s", name, strings.Join(supportedNames(), ", "))
		}
	}
	if !strings.HasPrefix(s.URL, "opc.tcp://") {
		return nil, fmt.Errorf("the URL %q must begin with opc.tcp://", s.URL)
	}
	switch s.Authentication.Type {
	case "", "none", "basic", "cert":
	default:
		return nil, fmt.Errorf("unknown type of authentication %q", s.Authentication.Type)
	}
	return c, nil
}

func supported(uri string) bool {
	for _, p := range uapolicy.SupportedPolicies() {
		if p == uri {
			return true
		}
	}
	return false
}

func supportedNames() []string {
	var names []string
	for _, key := range []string{"basic128-rsa15", "basic256", "basic256-sha256", "aes128-sha256-rsa-oaep"} {
		names = append(names, policies[key])
	}
	return names
}

// Timeout is how long an answer is waited for.
func (c *Client) Timeout() time.Duration { return c.timeout }

// Retry is how long to wait before connecting again.
func (c *Client) Retry() time.Duration { return c.settings.RetryInterval.Duration(time.Millisecond) }

// Connect opens a session; when that fails once, it is tried again after a second.
func (c *Client) Connect(ctx context.Context) (*Session, error) {
	s, err := c.Open(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, errSettings) {
		return s, err
	}
	if pause(ctx, secondAttempt) != nil {
		return nil, err
	}
	return c.Open(ctx)
}

// secondAttempt is after how long a failed connection is tried once more.
const secondAttempt = time.Second

// errSettings marks errors that another attempt cannot overcome.
var errSettings = errors.New("check the settings")
