package httpclient

import (
	"encoding/base64"
	"strings"

	"oibus/agent/connector/setting"
)

// Authentication are the settings of that name of REST connectors.
type Authentication struct {
	Type     string `json:"type"` // none, basic, bearer or api-key
	Username string `json:"username"`
	Password string `json:"password"`
	Token    string `json:"token"`
	APIKey   string `json:"apiKey"`
	APIValue string `json:"apiValue"`
	AddTo    string `json:"addTo"` // header or query-params
}

// Header is what a request carries, if anything.
func (a Authentication) Header() Header {
	switch {
	case a.Type == "basic":
		return Header{{"Authorization", Basic(a.Username, a.Password)}}
	case a.Type == "bearer":
		return Header{{"Authorization", Bearer(a.Token)}}
	case a.Type == "api-key" && a.AddTo != "query-params":
		return Header{{a.APIKey, a.APIValue}}
	}
	return nil
}

// Params is what the query of a request carries, if anything.
func (a Authentication) Params() []Param {
	if a.Type == "api-key" && a.AddTo == "query-params" {
		return []Param{{a.APIKey, a.APIValue}}
	}
	return nil
}

// Secrets are the values that must not be shown.
func (a Authentication) Secrets() []string {
	secrets := []string{a.Password, a.Token, a.APIValue}
	if a.Type == "basic" {
		secrets = append(secrets, strings.TrimPrefix(Basic(a.Username, a.Password), "Basic "))
	}
	return secrets
}

// Basic is the value of Authorization for a user name and password.
func Basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// Bearer is the value of Authorization for a token that may already have its prefix.
func Bearer(token string) string {
	if strings.HasPrefix(token, "Bearer ") {
		return token
	}
	return "Bearer " + token
}

// ProxySettings are the settings of the proxy of REST and OIAnalytics connectors.
type ProxySettings struct {
	UseProxy      setting.Flag `json:"useProxy"`
	ProxyURL      string       `json:"proxyUrl"`
	ProxyUsername string       `json:"proxyUsername"`
	ProxyPassword string       `json:"proxyPassword"`
}

// Proxy is the proxy to use, nil for none. missing is the error of a proxy without address.
func (s ProxySettings) Proxy(missing string) (*Proxy, error) {
	if !s.UseProxy {
		return nil, nil
	}
	if strings.TrimSpace(s.ProxyURL) == "" {
		return nil, &SettingsError{missing}
	}
	return &Proxy{URL: s.ProxyURL, User: s.ProxyUsername, Password: s.ProxyPassword}, nil
}
