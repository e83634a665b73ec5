package oianalytics

import (
	"oibus/agent/connector"
	"oibus/agent/connector/azure/entra"
	"oibus/agent/connector/httpclient"
)

// Authentications that need a token of Entra ID.
const (
	clientSecret = "aad-client-secret"
	certificate  = "aad-certificate"
)

// newTokens makes the source of tokens of Entra ID. It lives as long as the settings it was made from: another secret is
// another source.
func newTokens(s Specific, proxy *httpclient.Proxy, host connector.Host, authority string) (entra.Source, error) {
	c := entra.Credentials{Authority: authority, TenantID: s.TenantID, ClientID: s.ClientID, Scope: s.Scope, Secret: s.ClientSecret,
		Proxy: proxy, Version: host.Version, Now: host.Now}
	if c.Scope == "" { // the form does not ask for it with a client secret
		c.Scope = s.ClientID + "/.default"
	}
	if s.Authentication != certificate || s.TenantID == "" || s.ClientID == "" {
		return entra.New(c)
	}
	if s.CertificateID == "" {
		return nil, &httpclient.SettingsError{Text: "the certificate is not specified"}
	}
	stored, err := host.Certificate(s.CertificateID)
	if err != nil {
		return nil, &httpclient.SettingsError{Text: err.Error()}
	}
	if c.Signer, err = entra.NewSigner(stored); err != nil {
		return nil, err
	}
	return entra.New(c)
}
