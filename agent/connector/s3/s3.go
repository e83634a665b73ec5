// Package s3 puts objects into a bucket of Amazon S3, or of a server that speaks its protocol, with the standard library
// alone. It promises that an object is there whole or not at all, that a big one goes on where it was interrupted, after a
// restart too, and leaves nothing behind when it is given up, that the memory it takes does not grow with the object, and
// that a wrong clock and a bucket in another region are overcome. It guards against servers that answer a success and
// mean a failure, and against keys in errors.
package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/object"
)

const (
	// timeout is how long nothing may move: what a slow line still holds in its buffers goes on unseen.
	timeout = 2 * time.Minute
	// testTimeout is that of a test, for which somebody waits.
	testTimeout = 30 * time.Second
	// corrections is how often one request is made again with what the server told: its clock, its region.
	corrections = 2
)

// Options say which bucket, and how it is reached.
type Options struct {
	Bucket, Region       string
	AccessKey, SecretKey string
	Endpoint             string // http(s)://host[:port] of a server that is not Amazon's, "" for Amazon's
	PathStyle            bool   // the bucket stands in the path, as it does by itself where it cannot be part of a host name
	Proxy                *httpclient.Proxy
	Version              string // of the agent, as announced
	Now                  func() time.Time
	Log                  *slog.Logger
	Memory               connector.Memory // keeps what is needed to go on after a restart; may be nil
}

// Client puts objects. It is used by one goroutine at a time, but for Close.
type Client struct {
	o     Options
	http  *httpclient.Client
	clock *object.Clock

	mu     sync.Mutex
	region string

	part     int64   // size of the parts of big objects
	open     *upload // that is not ended yet
	recalled bool    // open was looked for in the memory
}

var (
	regionName = regexp.MustCompile(`^[a-z0-9-]{2,40}$`)
	hostBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
)

// New returns a client, or a SettingsError.
func New(o Options) (*Client, error) {
	if !regionName.MatchString(o.Region) {
		return nil, &httpclient.SettingsError{Text: fmt.Sprintf("%q is not the name of a region", o.Region)}
	}
	if o.Bucket == "" {
		return nil, &httpclient.SettingsError{Text: "the bucket is missing"}
	}
	if o.Endpoint != "" {
		if _, err := httpclient.Base(o.Endpoint); err != nil {
			return nil, err
		}
	}
	client, err := httpclient.New(httpclient.Options{Version: o.Version, Proxy: o.Proxy, Timeout: timeout, Secrets: []string{o.SecretKey}})
	if err != nil {
		return nil, err
	}
	return &Client{o: o, http: client, clock: object.NewClock(o.Now), region: o.Region, part: partSize}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.Close() }

// Region is where the bucket is, as far as it is known.
func (c *Client) Region() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.region
}

// domains of Amazon's partitions, by the beginning of their regions.
var domains = []struct{ region, domain string }{
	{"cn-", "amazonaws.com.cn"}, {"us-isob-", "sc2s.sgov.gov"}, {"us-isof-", "csp.hci.ic.gov"}, {"us-iso-", "c2s.ic.gov"},
	{"eu-isoe-", "cloud.adc-e.uk"}, {"eusc-", "amazonaws.eu"}, {"", "amazonaws.com"},
}

// address is the URL of an object, or of the bucket for an empty name.
func (c *Client) address(object, query string) *url.URL {
	u := &url.URL{Scheme: "https", RawQuery: query}
	if c.o.Endpoint != "" {
		base, _ := httpclient.Base(c.o.Endpoint) // New has checked it
		u.Scheme, u.Host = base.Scheme, base.Host
	} else {
		for _, d := range domains {
			if strings.HasPrefix(c.Region(), d.region) {
				u.Host = "s3." + c.Region() + "." + d.domain
				break
			}
		}
	}
	path := "/" + object
	if c.o.PathStyle || !hostBucket.MatchString(c.o.Bucket) {
		path = "/" + c.o.Bucket
		if object != "" {
			path += "/" + object
		}
	} else {
		u.Host = c.o.Bucket + "." + u.Host
	}
	u.Path, u.RawPath = path, escape(path, true)
	return u
}

// call is one request about an object, or about the bucket when object is empty.
type call struct {
	method, object string
	params         []httpclient.Param
	contentType    string
	body           []byte
	timeout        time.Duration // 0 for the usual one
}

// do makes a request until its answer is neither about our clock nor about the region. What it returns is a success, and
// the caller's to close.
func (c *Client) do(ctx context.Context, q call) (*httpclient.Response, error) {
	for again := 0; ; again++ {
		res, err := c.once(ctx, q)
		if err != nil {
			return nil, err
		}
		if res.OK() {
			return res, nil
		}
		e := refusal(res)
		res.Close()
		if again < corrections && c.corrected(e) {
			continue
		}
		e.Message = c.http.Hide(e.Message)
		return nil, e
	}
}

func (c *Client) once(ctx context.Context, q call) (*httpclient.Response, error) {
	k, at := key{c.o.AccessKey, c.o.SecretKey, c.Region(), "s3"}, c.clock.Now()
	u := c.address(q.object, query(q.params))
	payload := digest(q.body)
	header := httpclient.Header{{Key: "X-Amz-Content-Sha256", Value: payload}}
	if q.contentType != "" {
		header = append(header, httpclient.Param{Key: "Content-Type", Value: q.contentType})
	}
	request := httpclient.Request{Method: q.method, URL: u, Timeout: q.timeout, Header: k.sign(q.method, u, header, payload, at)}
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

// corrected takes over what a refusal tells about the clock or the region, and says whether the request may now pass.
func (c *Client) corrected(e *Error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if region := e.region; region != "" && region != c.region && regionName.MatchString(region) && (c.o.Endpoint == "" || e.Code == "AuthorizationHeaderMalformed") {
		c.o.Log.Warn(fmt.Sprintf("The bucket %q is in the region %q, not in %q", c.o.Bucket, region, c.region))
		c.region = region
		return true
	}
	if e.Status != http.StatusForbidden || e.Code != "RequestTimeTooSkewed" && e.Code != "" {
		return false
	}
	wrong, changed := c.clock.Follow(e.Date)
	if changed {
		c.o.Log.Warn(fmt.Sprintf("The clock of this machine differs by %s from that of Amazon S3", wrong))
	}
	return changed
}

// Head asks whether the bucket is there and may be used.
func (c *Client) Head(ctx context.Context) error {
	err := c.plain(ctx, call{method: "HEAD", timeout: testTimeout})
	e, refused := err.(*Error)
	if !refused || e.Code != "" {
		return err
	}
	// The answer to HEAD has no reason: that to a list of nothing has.
	reason := c.plain(ctx, call{method: "GET", timeout: testTimeout,
		params: []httpclient.Param{{Key: "list-type", Value: "2"}, {Key: "max-keys", Value: "0"}}})
	if told, ok := reason.(*Error); ok && told.Status == e.Status {
		return told
	}
	return err
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
