// Package rest is the North that sends files to any HTTP target (protocol/data-plane.md, section 6.2). It promises that
// the success code, query strings and keys in the query work as they are configured, that no error shows a key, and
// files of any size in little memory. It guards against targets that answer something else than what was agreed.
package rest

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/agent/north/answer"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "rest",
	Accepts: []content.Kind{content.Any},
	New:     func(env north.Env) (north.Connector, error) { return build(env) },
}

// defaultSuccess stands for every success: it is the code of forms that nobody changed.
const defaultSuccess = 200

type settings struct {
	Host               string                    `json:"host"`
	AcceptUnauthorized setting.Flag              `json:"acceptUnauthorized"`
	Method             string                    `json:"method"`
	Endpoint           string                    `json:"endpoint"`
	Timeout            setting.Number            `json:"timeout"` // s
	SendAs             string                    `json:"sendAs"`  // body or file
	SuccessCode        setting.Number            `json:"successCode"`
	Authentication     httpclient.Authentication `json:"authentication"`
	Proxy              httpclient.ProxySettings  `json:"proxy"`
	QueryParams        []pair                    `json:"queryParams"`
	Headers            []pair                    `json:"headers"`
	Test               struct {
		Method      string         `json:"testMethod"`
		Endpoint    string         `json:"testEndpoint"`
		Body        string         `json:"body"`
		SuccessCode setting.Number `json:"testSuccessCode"`
	} `json:"test"`
}

type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// REST is a configured North.
type REST struct {
	settings settings
	client   *httpclient.Client
	now      func() time.Time
}

func build(env north.Env) (*REST, error) {
	r := &REST{now: env.Host.Now}
	if err := setting.Decode(env.Settings, &r.settings); err != nil {
		return nil, err
	}
	s := &r.settings
	switch s.Method {
	case "POST", "PUT", "PATCH":
	default:
		return nil, &httpclient.SettingsError{Text: fmt.Sprintf("the method %q cannot send a content: choose POST, PUT or PATCH", s.Method)}
	}
	proxy, err := s.Proxy.Proxy("Proxy URL not specified")
	if err != nil {
		return nil, err
	}
	r.client, err = httpclient.New(httpclient.Options{
		Version: env.Host.Version, AcceptUnauthorized: bool(s.AcceptUnauthorized), Proxy: proxy,
		Timeout: s.Timeout.Duration(time.Second), Secrets: s.Authentication.Secrets(),
	})
	return r, err
}

// Connect has nothing to do: connections are made when they are needed.
func (r *REST) Connect(context.Context) error { return nil }

// Disconnect closes idle connections.
func (r *REST) Disconnect(context.Context) error {
	r.client.Close()
	return nil
}

// Test makes the request that the settings describe for it.
func (r *REST) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	s, test := &r.settings, &r.settings.Test
	u, err := httpclient.Resolve(s.Host, test.Endpoint, s.Authentication.Params())
	if err != nil {
		return report, err
	}
	request := httpclient.Request{Method: test.Method, URL: u, Header: s.Authentication.Header()}
	if test.Body != "" && test.Method != "GET" {
		request.Body, request.Size = httpclient.Text(test.Body)
		request.Header = append(request.Header, httpclient.Param{Key: "Content-Type", Value: "application/json"})
	}
	res, err := r.client.Do(ctx, request)
	if httpclient.IsLocal(err) {
		return report, err
	}
	if err != nil {
		//lint:ignore ST1005 the reference's text
		return report, fmt.Errorf("Fetch error: %w", err)
	}
	defer res.Close()
	if want := test.SuccessCode.Int(); int64(res.Status) != want {
		return report, fmt.Errorf("HTTP request failed with status code %d, expected %d. Message: %s", res.Status, want, res.Message())
	}
	report.Add("URL", httpclient.Shown(u))
	report.Add("Status Code", strconv.Itoa(res.Status))
	return report, nil
}

// Send delivers a file.
func (r *REST) Send(ctx context.Context, d north.Delivery) error {
	s := &r.settings
	u, err := httpclient.Resolve(s.Host, s.Endpoint, append(lastOf(s.QueryParams), s.Authentication.Params()...))
	if err != nil {
		return err
	}
	request := httpclient.Request{Method: s.Method, URL: u, Size: httpclient.Streamed}
	request.Body, request.Header = r.body(d)
	res, err := r.client.Do(ctx, request)
	prefix := fmt.Sprintf("Failed to reach file endpoint \"%s\": ", httpclient.Shown(u))
	if err != nil {
		return answer.Failed(prefix, err)
	}
	defer res.Close()
	if !r.succeeded(res) {
		return answer.Refused(res, fmt.Sprintf("HTTP request failed with status code %d and message: %s", res.Status, res.Message()))
	}
	return answer.Taken(prefix, res)
}

func (r *REST) succeeded(res *httpclient.Response) bool {
	want := r.settings.SuccessCode.Int()
	return int64(res.Status) == want || (want == defaultSuccess || want == 0) && res.OK()
}

// body is what is sent and the headers with it. Configured headers replace ours, but for the one without which a
// multipart body cannot be read.
func (r *REST) body(d north.Delivery) (func() io.ReadCloser, httpclient.Header) {
	header := r.settings.Authentication.Header()
	for _, h := range r.settings.Headers {
		header = append(header, httpclient.Param{Key: strings.TrimSpace(h.Key), Value: h.Value})
	}
	if r.settings.SendAs == "file" {
		body, contentType := httpclient.Multipart(d.Name, d.Open, r.now())
		return body, append(header, httpclient.Param{Key: "content-type", Value: contentType})
	}
	if mime := contentTypeOf(d.Name); mime != "" && !header.Has("Content-Type") {
		header = append(header, httpclient.Param{Key: "content-type", Value: mime})
	}
	return d.Open, header
}

func contentTypeOf(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return ""
	}
	switch strings.ToLower(name[dot:]) {
	case ".json":
		return "application/json"
	case ".xml":
		return "application/xml"
	case ".txt":
		return "text/plain"
	case ".csv":
		return "text/csv"
	}
	return ""
}

// lastOf keeps of repeated parameters the last value, at the place of the first.
func lastOf(pairs []pair) []httpclient.Param {
	var params []httpclient.Param
next:
	for _, p := range pairs {
		for i := range params {
			if params[i].Key == p.Key {
				params[i].Value = p.Value
				continue next
			}
		}
		params = append(params, httpclient.Param(p))
	}
	return params
}
