// Package oianalytics is the North that sends time values and files to OIAnalytics (protocol/data-plane.md, section 6.1).
// It promises the requests of the reference, byte for byte but for the instant in a boundary, contents of any size in
// little memory, and that a content counts as delivered only when OIAnalytics confirmed it after having read all of it.
// It guards against networks and gateways that answer in place of OIAnalytics.
package oianalytics

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/oianalytics"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/agent/north/answer"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "oianalytics",
	Accepts: []content.Kind{content.Any, content.TimeValues, content.OIAnalytics},
	New:     func(env north.Env) (north.Connector, error) { return build(env) },
}

type settings struct {
	oianalytics.Settings
	Compress setting.Flag `json:"compress"`
}

// OIAnalytics is a configured North.
type OIAnalytics struct {
	settings settings
	name     string
	target   *oianalytics.Target
	now      func() time.Time
}

func build(env north.Env) (*OIAnalytics, error) {
	o := &OIAnalytics{name: env.Name, now: env.Host.Now}
	if err := setting.Decode(env.Settings, &o.settings); err != nil {
		return nil, err
	}
	var err error
	o.target, err = oianalytics.New(env.Env, o.settings.Settings)
	return o, err
}

// Connect has nothing to do: connections are made when they are needed.
func (o *OIAnalytics) Connect(context.Context) error { return nil }

// Disconnect closes idle connections.
func (o *OIAnalytics) Disconnect(context.Context) error {
	o.target.Close()
	return nil
}

// Test asks OIAnalytics for its status.
func (o *OIAnalytics) Test(ctx context.Context) (connector.Report, error) { return o.target.Test(ctx) }

// Send delivers a content.
func (o *OIAnalytics) Send(ctx context.Context, d north.Delivery) error {
	call, what := o.values(d), "values"
	if d.Kind == content.Any {
		call, what = o.file(d), "file"
	}
	call.Method, call.Params = "POST", []httpclient.Param{{Key: "dataSourceId", Value: o.name}}
	call.Request.Size = httpclient.Streamed
	res, shown, err := o.target.Do(ctx, call)
	prefix := fmt.Sprintf("Fail to reach %s endpoint %s. ", what, shown)
	if err != nil {
		return answer.Failed(prefix, err)
	}
	defer res.Close()
	if !res.OK() {
		return answer.Refused(res, fmt.Sprintf("Error %d: %s", res.Status, res.Message()))
	}
	return answer.Taken(prefix, res)
}

// values sends an array of time values as it is cached. Compressed ones have an address of their own, and no header
// that says so.
func (o *OIAnalytics) values(d north.Delivery) oianalytics.Call {
	call := oianalytics.Call{Endpoint: "/api/oianalytics/oibus/time-values",
		Header: httpclient.Header{{Key: "Content-Type", Value: "application/json"}}}
	call.Request.Body = d.Open
	if o.settings.Compress {
		call.Endpoint += "/compressed"
		call.Request.Body = httpclient.Gzip(d.Open, httpclient.ValuesLevel)
	}
	return call
}

// file uploads a file, compressed unless it is so already by its name.
func (o *OIAnalytics) file(d north.Delivery) oianalytics.Call {
	name, open := d.Name, d.Open
	if bool(o.settings.Compress) && !strings.HasSuffix(name, ".gz") {
		name, open = name+".gz", httpclient.Gzip(d.Open, httpclient.FileLevel)
	}
	var body func() io.ReadCloser
	body, contentType := httpclient.Multipart(name, open, o.now())
	call := oianalytics.Call{Endpoint: "/api/oianalytics/file-uploads",
		Header: httpclient.Header{{Key: "content-type", Value: contentType}}}
	call.Request.Body = body
	return call
}
