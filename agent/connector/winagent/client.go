// Package winagent speaks to the OIBus Agent, a service on Windows that reads sources which only Windows reaches
// (protocol/data-plane.md, section 5.11). It promises that the agent is connected to a source before it is asked to read,
// also after it was started again, that answers of any size are read in little memory, and that an answer cut in the
// middle is no answer. It guards against an agent that is away, that has forgotten its connections, or that lies.
package winagent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"oibus/agent/connector/httpclient"
)

// Families of sources, as they stand in the agent's addresses.
const (
	ODBC  = "odbc"
	OLEDB = "ole"
	OPC   = "opc"
	PI    = "pi"
)

const (
	// Grace is what an exchange with the agent may take beyond what the agent itself may.
	Grace = 10 * time.Second
	// leaveLimit bounds the end of a connection, which nothing depends on.
	leaveLimit = 5 * time.Second
)

// Options say how the agent is reached.
type Options struct {
	Version string // of this agent, as announced
	URL     string
	Family  string
	ID      string   // of the connection, by which the agent knows it
	Secrets []string // never shown
	// Before stands between the status and the text of a refused connection.
	Before string
}

// Client makes requests for one connection that the agent holds.
type Client struct {
	http   *httpclient.Client
	base   string
	before string
}

// New returns a client, or an error of the settings.
func New(o Options) (*Client, error) {
	if _, err := httpclient.Base(o.URL); err != nil {
		return nil, &httpclient.SettingsError{Text: "Invalid URL: the URL of the agent must start with http:// or https:// and name a host"}
	}
	client, err := httpclient.New(httpclient.Options{Version: o.Version, Secrets: o.Secrets})
	if err != nil {
		return nil, err
	}
	return &Client{http: client, before: o.Before,
		base: strings.TrimRight(strings.TrimSpace(o.URL), "/") + "/api/" + o.Family + "/" + url.PathEscape(o.ID) + "/"}, nil
}

// Close closes connections that carry no exchange.
func (c *Client) Close() { c.http.Close() }

// StatusError is an answer that is no success.
type StatusError struct {
	Status int
	text   string
}

func (e *StatusError) Error() string { return e.text }

// Connect has the agent connect to the source that body describes; nil when there is nothing to describe.
func (c *Client) Connect(ctx context.Context, body any, limit time.Duration) error {
	res, err := c.do(ctx, http.MethodPut, "connect", body, limit)
	if err != nil {
		return err
	}
	defer res.Close()
	if res.OK() {
		return nil
	}
	text := fmt.Sprintf("Error occurred when sending connect command to remote agent with status %d", res.Status)
	if message := strings.TrimSpace(res.Message()); res.Status == http.StatusBadRequest && message != "" {
		text += c.before + message
	}
	return &StatusError{res.Status, text}
}

// Disconnect has the agent leave the source.
func (c *Client) Disconnect(ctx context.Context) error {
	res, err := c.do(ctx, http.MethodDelete, "disconnect", nil, leaveLimit)
	if err != nil {
		return err
	}
	defer res.Close()
	if !res.OK() {
		return &StatusError{res.Status, fmt.Sprintf("the remote agent answered %d when it was told to disconnect", res.Status)}
	}
	return nil
}

// Read has the agent read what body describes, and saves its answer in dir.
func (c *Client) Read(ctx context.Context, body any, limit time.Duration, dir string) (*Answer, error) {
	res, err := c.do(ctx, http.MethodPut, "read", body, limit)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	if !res.OK() {
		text := fmt.Sprintf("Error occurred when querying remote agent with status %d", res.Status)
		if message := strings.TrimSpace(res.Message()); message != "" {
			text += ": " + message
		}
		return nil, &StatusError{res.Status, text}
	}
	return save(res, dir)
}

func (c *Client) do(ctx context.Context, method, action string, body any, limit time.Duration) (*httpclient.Response, error) {
	u, err := httpclient.Resolve(c.base, action, nil)
	if err != nil {
		return nil, err
	}
	request := httpclient.Request{Method: method, URL: u, Timeout: limit}
	if body != nil {
		raw, err := encode(body)
		if err != nil {
			return nil, err
		}
		request.Header = httpclient.Header{{Key: "Content-Type", Value: "application/json"}}
		request.Body, request.Size = func() io.ReadCloser { return io.NopCloser(bytes.NewReader(raw)) }, int64(len(raw))
	}
	return c.http.Do(ctx, request)
}

// encode writes JSON as the reference does: <, > and & as they are.
func encode(body any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, fmt.Errorf("cannot write the request: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
