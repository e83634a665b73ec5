// Package azureblob is the North that puts files into a container of Azure Blob Storage or Azure Data Lake Storage
// (protocol/data-plane.md, section 6.9). It promises that a blob is there whole or not at all, that big files go on where
// they were interrupted, and that what the network, the credentials, the clock or the load of Azure spoil is tried for
// ever. It guards against good files in the error folder, and against keys and tokens in errors.
package azureblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/azure"
	"oibus/agent/connector/azure/entra"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/agent/north/answer"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "azure-blob",
	Accepts: []content.Kind{content.Any},
	New:     func(env north.Env) (north.Connector, error) { return build(env) },
}

// testFile is what a test writes and removes.
const testFile = "oibus-azure-test.txt"

// scope is that of the storage of all accounts.
const scope = "https://storage.azure.com/.default"

type settings struct {
	UseADLS        setting.Flag `json:"useADLS"`
	UseCustomURL   setting.Flag `json:"useCustomUrl"`
	Account        string       `json:"account"`
	CustomURL      string       `json:"customUrl"`
	Container      string       `json:"container"`
	Path           string       `json:"path"`
	Authentication string       `json:"authentication"` // access-key, sas-token, aad or external
	AccessKey      string       `json:"accessKey"`
	SASToken       string       `json:"sasToken"`
	TenantID       string       `json:"tenantId"`
	ClientID       string       `json:"clientId"`
	ClientSecret   string       `json:"clientSecret"`
	httpclient.ProxySettings
}

// proxyForm is what may stand for a proxy.
var proxyForm = regexp.MustCompile(`^(https?://)?([^/@\s]*@)?[A-Za-z0-9._-]+(:[0-9]{1,5})?/?$`)

func (s settings) proxy() (*httpclient.Proxy, error) {
	if !s.UseProxy {
		return nil, nil
	}
	address := strings.TrimSpace(s.ProxyURL)
	if !proxyForm.MatchString(address) {
		return nil, &httpclient.SettingsError{Text: "Bad proxy url " + withoutUser(address)}
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	return &httpclient.Proxy{URL: address, User: s.ProxyUsername, Password: s.ProxyPassword}, nil
}

// withoutUser is an address without what stands before the last @.
func withoutUser(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}

// Blob is a configured North.
type Blob struct {
	settings settings
	client   *azure.Client
}

func build(env north.Env) (*Blob, error) {
	b := &Blob{}
	if err := setting.Decode(env.Settings, &b.settings); err != nil {
		return nil, err
	}
	s := b.settings
	proxy, err := s.proxy()
	if err != nil {
		return nil, err
	}
	o := azure.Options{DataLake: bool(s.UseADLS), Container: s.Container, Proxy: proxy, Version: env.Host.Version, Now: env.Host.Now, Log: env.Log,
		Account: s.Account}
	if s.UseCustomURL {
		o.URL = s.CustomURL
	}
	if err := s.authenticate(&o); err != nil {
		return nil, err
	}
	b.client, err = azure.New(o)
	return b, err
}

// authenticate adds the credentials to o.
func (s settings) authenticate(o *azure.Options) (err error) {
	switch s.Authentication {
	case "access-key":
		if o.Key = s.AccessKey; o.Key == "" {
			return &httpclient.SettingsError{Text: "the access key is missing"}
		}
	case "sas-token":
		if o.SAS = s.SASToken; o.SAS == "" {
			return &httpclient.SettingsError{Text: "the SAS token is missing"}
		}
	case "aad":
		o.Tokens, err = entra.New(entra.Credentials{TenantID: s.TenantID, ClientID: s.ClientID, Secret: s.ClientSecret, Scope: scope,
			Proxy: o.Proxy, Version: o.Version, Now: o.Now})
	case "external":
		o.Tokens, err = entra.Here(o.Proxy, o.Version, o.Now).Source(scope)
	default:
		return &httpclient.SettingsError{Text: fmt.Sprintf("the authentication %q is unknown", s.Authentication)}
	}
	return err
}

// Connect has nothing to do: connections are made when they are needed.
func (b *Blob) Connect(context.Context) error { return nil }

// Disconnect closes idle connections.
func (b *Blob) Disconnect(context.Context) error {
	b.client.Close()
	return nil
}

// in is where a file of that name goes.
func (b *Blob) in(name string) string {
	if b.settings.Path == "" {
		return name
	}
	return b.settings.Path + "/" + name
}

// Test writes a file and removes it.
func (b *Blob) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	const text = "OIBus"
	file := b.in(testFile)
	err := b.client.Put(ctx, azure.File{Path: file, ID: testFile, Size: int64(len(text)),
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }})
	if err != nil {
		return report, err
	}
	there, err := b.client.Exists(ctx, file)
	if err == nil && !there {
		//lint:ignore ST1005 the reference's text
		err = fmt.Errorf("Container %s and path \"%s\" does not exist", b.settings.Container, file)
	}
	if err == nil {
		err = b.client.Delete(ctx, file)
	}
	if err != nil {
		return report, err
	}
	storage := "Azure Blob Storage"
	if b.settings.UseADLS {
		storage = "Azure Data Lake Storage"
	}
	report.Add("Account", b.client.Account())
	report.Add("Container", b.settings.Container)
	report.Add("Storage Type", storage)
	return report, nil
}

// Send puts a file.
func (b *Blob) Send(ctx context.Context, d north.Delivery) error {
	err := b.client.Put(ctx, azure.File{
		Path: b.in(d.Name),
		ID:   d.Name + " " + strconv.FormatInt(d.Size, 10) + " " + d.Created.UTC().Format(time.RFC3339Nano),
		Size: d.Size,
		Open: d.Open,
	})
	var refused *azure.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &refused):
		return answer.Failed("", err)
	case refused.Temporary():
		return &north.AgainError{Err: err, After: refused.After, Answer: refused.AboutFile()}
	}
	return err
}
