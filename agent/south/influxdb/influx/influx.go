// Package influx asks InfluxDB: version 1 with InfluxQL, version 2 with Flux and version 3 with SQL, over their HTTP
// interfaces. It promises that the rows of an answer of any length are handed on one by one, in memory that depends on the
// largest row only, and that an answer that ends too early, or turns into an error, is an error. It guards against
// results that look complete and are not, and against keys in errors.
package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/setting"
	"oibus/agent/transform/datetime"
)

// maxText is how much of an error is shown, in bytes.
const maxText = 1000

// Settings are those of the connector.
type Settings struct {
	Version      string         `json:"version"` // 1, 2 or 3
	Host         string         `json:"host"`
	Port         setting.Number `json:"port"`
	Protocol     string         `json:"protocol"`
	Database     string         `json:"database"`
	Username     string         `json:"username"`
	Password     string         `json:"password"`
	URL          string         `json:"url"`
	Token        string         `json:"token"`
	Organisation string         `json:"organisation"`
	Bucket       string         `json:"bucket"`
}

// Row is one row of a result.
type Row struct {
	JSON  []byte // an object, valid until the next row
	Time  int64  // in ms since 1970, rounded down
	Timed bool   // it has a time
}

// QueryError is what the server says is wrong with a query.
type QueryError struct{ Text string }

func (e *QueryError) Error() string { return e.Text }

// Client asks one server. It may be used by several at the same time.
type Client struct {
	settings Settings
	base     string
	http     *httpclient.Client
}

var utc = mustZone()

func mustZone() *datetime.Zone {
	zone, err := datetime.LoadZone("UTC")
	if err != nil {
		panic(err) // UTC is part of the program
	}
	return zone
}

// New returns a client, or a SettingsError.
func New(version string, s Settings) (*Client, error) {
	c := &Client{settings: s, base: s.URL}
	switch s.Version {
	case "1":
		c.base = s.Protocol + "://" + s.address()
	case "2", "3":
	default:
		return nil, &httpclient.SettingsError{Text: "Unsupported InfluxDB version: " + s.Version}
	}
	if _, err := httpclient.Base(c.base); err != nil {
		return nil, err
	}
	var err error
	c.http, err = httpclient.New(httpclient.Options{Version: version, Secrets: []string{s.Password, s.Token,
		strings.TrimPrefix(httpclient.Basic(s.Username, s.Password), "Basic ")}})
	return c, err
}

func (s Settings) address() string {
	host := s.Host
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.FormatInt(s.Port.Int(), 10)
}

// Close closes idle connections.
func (c *Client) Close() { c.http.Close() }

func (c *Client) authorization() httpclient.Header {
	s := c.settings
	switch {
	case s.Version == "1" && s.Username != "":
		return httpclient.Header{{Key: "Authorization", Value: httpclient.Basic(s.Username, s.Password)}}
	case s.Version == "2" && s.Token != "":
		return httpclient.Header{{Key: "Authorization", Value: "Token " + s.Token}}
	case s.Version == "3" && s.Token != "":
		return httpclient.Header{{Key: "Authorization", Value: httpclient.Bearer(s.Token)}}
	}
	return nil
}

// Query calls each with the rows of a result. It ends when nothing moves for as long as timeout.
func (c *Client) Query(ctx context.Context, text string, timeout time.Duration, each func(Row) error) error {
	o := httpclient.Request{Timeout: timeout}
	switch c.settings.Version {
	case "1":
		return c.queryV1(ctx, text, o, each)
	case "2":
		return c.queryV2(ctx, text, o, each)
	default:
		return c.queryV3(ctx, text, o, each)
	}
}

// ask makes a request and has read read its answer.
func (c *Client) ask(ctx context.Context, path string, params []httpclient.Param, o httpclient.Request, read func(io.Reader) error) error {
	res, err := c.do(ctx, path, params, o)
	if err != nil {
		return err
	}
	defer res.Close()
	if !res.OK() {
		return fmt.Errorf("InfluxDB answered with status code %d: %s%s", res.Status, c.reason(res.Message()), c.hint(res))
	}
	err = read(res)
	if told, ok := err.(*QueryError); ok {
		err = &QueryError{c.reason(told.Text)}
	}
	return err
}

// hint is what may help where a refusal does not tell: not all servers of version 3 speak SQL over HTTP.
func (c *Client) hint(res *httpclient.Response) string {
	if c.settings.Version != "3" || res.Status != http.StatusNotFound || strings.Contains(res.Header.Get("Content-Type"), "json") {
		return ""
	}
	return " (InfluxDB 3 Core and Enterprise answer SQL over HTTP: is this one of them?)"
}

func (c *Client) do(ctx context.Context, path string, params []httpclient.Param, o httpclient.Request) (*httpclient.Response, error) {
	u, err := c.address(path, params)
	if err != nil {
		return nil, err
	}
	o.URL = u
	return c.http.Do(ctx, o)
}

// address is the URL of a path below the one of the settings.
func (c *Client) address(path string, params []httpclient.Param) (*url.URL, error) {
	base, err := httpclient.Base(c.base)
	if err != nil {
		return nil, err
	}
	return httpclient.Resolve(base.Scheme+"://"+base.Host, strings.TrimRight(base.EscapedPath(), "/")+path, params)
}

// reason is what a refusal tells, in one line and without keys.
func (c *Client) reason(body string) string {
	var told struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(body), &told) == nil && told.Error+told.Message != "" {
		body = told.Error
		if body == "" {
			body = told.Message
		}
	}
	body = c.http.Hide(strings.Join(strings.Fields(strings.ToValidUTF8(body, "\uFFFD")), " "))
	if len(body) > maxText {
		body = strings.ToValidUTF8(body[:maxText], "") + "…"
	}
	return body
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
