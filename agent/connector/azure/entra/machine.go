package entra

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
)

const (
	// metadata is the service that each virtual machine of Azure sees.
	metadata        = "http://169.254.169.254"
	metadataTimeout = 10 * time.Second
	maxKey          = 4096 // bytes of the file with which Azure Arc is asked
)

// Surroundings are what a machine that has an identity of its own tells of it.
type Surroundings struct {
	Getenv    func(string) string
	Metadata  string // address of the metadata service
	Authority string // of Entra ID, "" for the usual one
	Proxy     *httpclient.Proxy
	Version   string
	Now       func() time.Time
}

// Here are those of this process.
func Here(proxy *httpclient.Proxy, version string, now func() time.Time) Surroundings {
	return Surroundings{Getenv: os.Getenv, Metadata: metadata, Proxy: proxy, Version: version, Now: now}
}

// Source is the first credential that the surroundings name, in the order of the libraries of Azure: variables with
// a secret or a certificate, a token that Kubernetes mounted, the identity that Azure gave to the machine. scope ends with
// "/.default".
func (s Surroundings) Source(scope string) (Source, error) {
	c := Credentials{Authority: s.Authority, TenantID: s.Getenv("AZURE_TENANT_ID"), ClientID: s.Getenv("AZURE_CLIENT_ID"), Scope: scope, Proxy: s.Proxy, Version: s.Version, Now: s.Now}
	file, tokenFile := s.Getenv("AZURE_CLIENT_CERTIFICATE_PATH"), s.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	known := c.TenantID != "" && c.ClientID != ""
	switch {
	case known && s.Getenv("AZURE_CLIENT_SECRET") != "":
		c.Secret = s.Getenv("AZURE_CLIENT_SECRET")
	case known && file != "":
		signer, err := signerOf(file)
		if err != nil {
			return nil, err
		}
		c.Signer = signer
	case known && tokenFile != "":
		c.Assertion = func() (string, error) { return fileToken(tokenFile) }
	default:
		return s.machine(strings.TrimSuffix(scope, "/.default"), c.ClientID)
	}
	return New(c)
}

func signerOf(file string) (*Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &httpclient.SettingsError{Text: "cannot read the file of AZURE_CLIENT_CERTIFICATE_PATH: " + err.Error()}
	}
	c := connector.Certificate{Name: filepath.Base(file), Certificate: string(text)}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			c.PrivateKey = string(pem.EncodeToMemory(block))
		}
	}
	return NewSigner(c)
}

func fileToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", &TokenError{"cannot read the file of AZURE_FEDERATED_TOKEN_FILE: " + err.Error()}
	}
	return strings.TrimSpace(string(text)), nil
}

// machine asks the service that knows the identity of this machine. It is near: no proxy is asked.
func (s Surroundings) machine(resource, clientID string) (Source, error) {
	client, err := httpclient.New(httpclient.Options{Version: s.Version, Timeout: metadataTimeout, Secrets: []string{s.Getenv("IDENTITY_HEADER")}})
	if err != nil {
		return nil, err
	}
	m := &machine{Surroundings: s, client: client, params: []httpclient.Param{{Key: "resource", Value: resource}}}
	if clientID != "" {
		m.params = append(m.params, httpclient.Param{Key: "client_id", Value: clientID})
	}
	return &kept{now: s.Now, ask: m.ask, close: client.Close}, nil
}

type machine struct {
	Surroundings
	client *httpclient.Client
	params []httpclient.Param
}

func (m *machine) ask(ctx context.Context) (token string, life time.Duration, err error) {
	endpoint, header := m.Getenv("IDENTITY_ENDPOINT"), m.Getenv("IDENTITY_HEADER")
	switch {
	case endpoint != "" && header != "":
		return m.get(ctx, "the identity service of Azure", endpoint, "2019-08-01", httpclient.Header{{Key: "X-IDENTITY-HEADER", Value: header}})
	case endpoint != "" && m.Getenv("IMDS_ENDPOINT") != "":
		return m.arc(ctx, endpoint)
	}
	return m.get(ctx, "the metadata service of Azure", m.Metadata+"/metadata/identity/oauth2/token", "2018-02-01", httpclient.Header{{Key: "Metadata", Value: "true"}})
}

func (m *machine) do(ctx context.Context, from, endpoint, version string, header httpclient.Header) (*httpclient.Response, error) {
	u, err := httpclient.Resolve(endpoint, "", append([]httpclient.Param{{Key: "api-version", Value: version}}, m.params...))
	if err != nil {
		return nil, err
	}
	res, err := m.client.Do(ctx, httpclient.Request{Method: "GET", URL: u, Header: header})
	if err != nil {
		return nil, &TokenError{fmt.Sprintf("no credential was found: the environment names none, and %s cannot be reached: %s", from, err)}
	}
	return res, nil
}

func (m *machine) get(ctx context.Context, from, endpoint, version string, header httpclient.Header) (string, time.Duration, error) {
	res, err := m.do(ctx, from, endpoint, version, header)
	if err != nil {
		return "", 0, err
	}
	return answer(res, from, m.Now(), m.client)
}

// arc asks the agent of Azure Arc, which wants to see that the asker may read a file of its.
func (m *machine) arc(ctx context.Context, endpoint string) (string, time.Duration, error) {
	const from, version = "the agent of Azure Arc", "2019-11-01"
	header := httpclient.Header{{Key: "Metadata", Value: "true"}}
	res, err := m.do(ctx, from, endpoint, version, header)
	if err != nil {
		return "", 0, err
	}
	if res.Status != http.StatusUnauthorized {
		return answer(res, from, m.Now(), m.client)
	}
	challenge := res.Header.Get("WWW-Authenticate")
	res.Close()
	key, err := m.arcKey(challenge)
	if err != nil {
		return "", 0, err
	}
	return m.get(ctx, from, endpoint, version, append(header, httpclient.Param{Key: "Authorization", Value: "Basic " + key}))
}

// arcKey reads the file that a challenge names, which must be one of the agent's own.
func (m *machine) arcKey(challenge string) (string, error) {
	_, file, ok := strings.Cut(challenge, "Basic realm=")
	folder := "/var/opt/azcmagent/tokens"
	if data := m.Getenv("ProgramData"); data != "" {
		folder = filepath.Join(data, "AzureConnectedMachineAgent", "Tokens")
	}
	file = filepath.Clean(strings.Trim(file, `"`))
	if !ok || !strings.EqualFold(filepath.Dir(file), filepath.Clean(folder)) || filepath.Ext(file) != ".key" {
		return "", &TokenError{"the agent of Azure Arc asks for a file that is not its own"}
	}
	info, err := os.Stat(file)
	if err == nil && info.Size() > maxKey {
		err = fmt.Errorf("it is longer than %d bytes", maxKey)
	}
	if err != nil {
		return "", &TokenError{"cannot read the key of the agent of Azure Arc: " + err.Error()}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", &TokenError{"cannot read the key of the agent of Azure Arc: " + err.Error()}
	}
	if strings.ContainsAny(string(text), "\r\n") {
		return "", &TokenError{"the key of the agent of Azure Arc is none"}
	}
	return string(text), nil
}
