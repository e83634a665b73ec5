// Package azure puts files into a container of Azure Blob Storage or Azure Data Lake Storage, over their HTTP interfaces
// and with the standard library alone. It promises that a blob is there whole or not at all, that a big one goes on where
// it was interrupted, after a restart too, that the memory it takes does not grow with it, and that a wrong clock is
// overcome. It guards against answers that pass for a success, and against keys and tokens in errors.
//
// A file of a Data Lake is there, empty, while it is sent: what was appended shows all at once, when it is flushed.
package azure

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"oibus/agent/connector/azure/entra"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/object"
)

const (
	version = "2021-12-02" // of the interface
	// timeout is how long nothing may move: what a slow line still holds in its buffers goes on unseen.
	timeout     = 2 * time.Minute
	contentType = "application/octet-stream"
)

// Options say which container, and how it is reached. Of the credentials one is used: Key, SAS or Tokens.
type Options struct {
	DataLake  bool
	Account   string // counts where it does not stand in URL
	URL       string // of the account, "" for that of Azure
	Container string
	Key       string // access key of the account, in base64
	SAS       string // shared access signature, a query
	Tokens    entra.Source
	Proxy     *httpclient.Proxy
	Version   string // of the agent, as announced
	Now       func() time.Time
	Log       *slog.Logger
}

// Client puts files. It is used by one goroutine at a time, but for Close.
type Client struct {
	o       Options
	base    *url.URL
	account string
	key     []byte
	sas     string
	http    *httpclient.Client
	part    int64 // size of what is held in memory and sent at once
	clock   *object.Clock

	lake progress // of a file that was interrupted
}

// New returns a client, or a SettingsError.
func New(o Options) (*Client, error) {
	c := &Client{o: o, clock: object.NewClock(o.Now), account: o.Account, part: partSize, sas: strings.TrimPrefix(strings.TrimSpace(o.SAS), "?")}
	address := o.URL
	if address == "" {
		service := "blob"
		if o.DataLake {
			service = "dfs"
		}
		if !plainName(o.Account) {
			return nil, &httpclient.SettingsError{Text: fmt.Sprintf("%q is not the name of a storage account", o.Account)}
		}
		address = "https://" + o.Account + "." + service + ".core.windows.net"
	}
	var err error
	if c.base, err = httpclient.Base(address); err != nil {
		return nil, err
	}
	if account, sure := accountOf(c.base); o.URL != "" && (sure || c.account == "") {
		c.account = account
	}
	if !plainName(strings.TrimPrefix(o.Container, "$")) { // $web and the like are made by Azure
		return nil, &httpclient.SettingsError{Text: fmt.Sprintf("%q is not the name of a container: it has lower-case letters, digits and hyphens", o.Container)}
	}
	if o.Key != "" {
		if c.key, err = parseKey(o.Key); err != nil {
			return nil, err
		}
	}
	if _, err := url.ParseQuery(c.sas); err != nil {
		return nil, &httpclient.SettingsError{Text: "the SAS token is not a query"} // the cause would show it
	}
	c.http, err = httpclient.New(httpclient.Options{Version: o.Version, Proxy: o.Proxy, Timeout: timeout, Secrets: append(secretsOf(c.sas), o.Key)})
	return c, err
}

// secretsOf are the parts of a SAS that must not be shown.
func secretsOf(sas string) []string {
	secrets := []string{sas}
	if q, err := url.ParseQuery(sas); err == nil {
		secrets = append(secrets, q.Get("sig"))
	}
	return secrets
}

// Account is the storage account.
func (c *Client) Account() string { return c.account }

// Close closes idle connections.
func (c *Client) Close() {
	c.http.Close()
	if c.o.Tokens != nil {
		c.o.Tokens.Close()
	}
}

// call is one request about a file.
type call struct {
	method, file string
	params       []httpclient.Param
	header       httpclient.Header
	body         []byte
}

// do makes a request until its answer is not about our clock or a token that has ended. What it returns is a success,
// and the caller's to close.
func (c *Client) do(ctx context.Context, q call) (*httpclient.Response, error) {
	for again := false; ; again = true {
		res, err := c.once(ctx, q)
		if err != nil {
			return nil, err
		}
		if res.OK() {
			return res, nil
		}
		e := refusal(res, c.http)
		res.Close()
		if again || !c.corrected(e) {
			return nil, e
		}
	}
}

func (c *Client) once(ctx context.Context, q call) (*httpclient.Response, error) {
	u := c.address(q)
	at := c.clock.Now()
	header := append(httpclient.Header{{Key: "x-ms-version", Value: version}, {Key: "x-ms-date", Value: at.UTC().Format(http.TimeFormat)}}, q.header...)
	switch {
	case c.key != nil:
		header = append(header, httpclient.Param{Key: "Authorization",
			Value: "SharedKey " + c.account + ":" + signature(c.key, stringToSign(c.account, q.method, u, header, len(q.body)))})
	case c.o.Tokens != nil:
		token, err := c.o.Tokens.Token(ctx)
		if err != nil {
			return nil, err
		}
		header = append(header, httpclient.Param{Key: "Authorization", Value: httpclient.Bearer(token)})
	}
	request := httpclient.Request{Method: q.method, URL: u, Header: header}
	if len(q.body) > 0 {
		request.Size = int64(len(q.body))
		request.Body = func() io.ReadCloser { return io.NopCloser(bytes.NewReader(q.body)) }
	}
	res, err := c.http.Do(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %w", u.Host, err)
	}
	return res, nil
}

// corrected takes over what a refusal tells about the clock, or drops a token, and says whether the request may now pass.
func (c *Client) corrected(e *Error) bool {
	if e.Status == http.StatusUnauthorized && c.o.Tokens != nil {
		c.o.Tokens.Forget()
		return true
	}
	if e.Status != http.StatusForbidden || c.key == nil {
		return false
	}
	wrong, changed := c.clock.Follow(e.Date)
	if changed {
		c.o.Log.Warn(fmt.Sprintf("The clock of this machine differs by %s from that of Azure", wrong))
	}
	return changed
}

// plain makes a request whose answer says nothing but its status.
func (c *Client) plain(ctx context.Context, q call) error {
	res, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	res.Close()
	return nil
}

// Exists says whether a file is there.
func (c *Client) Exists(ctx context.Context, file string) (bool, error) {
	err := c.plain(ctx, call{method: "HEAD", file: file})
	if e, ok := err.(*Error); ok && e.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// Delete removes a file.
func (c *Client) Delete(ctx context.Context, file string) error {
	return c.plain(ctx, call{method: "DELETE", file: file})
}
