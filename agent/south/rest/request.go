package rest

import (
	"fmt"
	"strings"

	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/setting"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/transform/datetime"
)

// field is a query parameter or a header, whose value may name the bounds of the window.
type field struct {
	Key      string    `json:"key"`
	Value    string    `json:"value"`
	DateTime *spelling `json:"dateTimeInput"`
}

// spelling says how a point in time is written or read. None means ISO 8601.
type spelling struct {
	Type     string `json:"type"`
	Timezone string `json:"timezone"`
	Format   string `json:"format"`
	Locale   string `json:"locale"`
}

func (s *spelling) spec() datetime.Spec {
	if s == nil || s.Type == "" {
		return datetime.Spec{Type: datetime.ISOString}
	}
	return datetime.Spec{Type: datetime.Type(s.Type), Timezone: s.Timezone, Format: s.Format, Locale: s.Locale}
}

// The variables of a window.
const (
	startTime = "@StartTime"
	endTime   = "@EndTime"
)

// filled replaces the variables in text.
func filled(text string, s *spelling, w interval.Window) (string, error) {
	if !strings.Contains(text, startTime) && !strings.Contains(text, endTime) {
		return text, nil
	}
	out, err := datetime.NewOutput(s.spec())
	if err != nil {
		return "", err
	}
	return strings.NewReplacer(
		startTime, string(out.Append(nil, w.Start.UnixMilli())),
		endTime, string(out.Append(nil, w.End.UnixMilli())),
	).Replace(text), nil
}

func decode(i south.Item) (itemSettings, error) {
	var s itemSettings
	err := setting.Decode(i.Settings, &s)
	return s, err
}

// request is what is asked for a window.
func (r *REST) request(item itemSettings, w interval.Window) (httpclient.Request, error) {
	var request httpclient.Request
	var params []httpclient.Param
	for _, p := range item.QueryParams {
		value, err := filled(p.Value, p.DateTime, w)
		if err != nil {
			return request, fmt.Errorf("query parameter %q: %w", p.Key, err)
		}
		params = append(params, httpclient.Param{Key: p.Key, Value: value})
	}
	auth := r.settings.Authentication
	u, err := httpclient.Resolve(r.settings.Host, item.Endpoint, append(params, auth.Params()...))
	if err != nil {
		return request, err
	}
	request = httpclient.Request{Method: item.Method, URL: u, Header: auth.Header()}
	for _, h := range item.Headers {
		value, err := filled(h.Value, h.DateTime, w)
		if err != nil {
			return request, fmt.Errorf("header %q: %w", h.Key, err)
		}
		request.Header = append(request.Header, httpclient.Param{Key: strings.TrimSpace(h.Key), Value: value})
	}
	if item.Body != nil && item.Method != "GET" {
		body, err := filled(item.Body.Content, item.Body.DateTime, w)
		if err != nil {
			return request, fmt.Errorf("body: %w", err)
		}
		withBody(&request, body)
	}
	return request, nil
}

// withBody adds a body, which is JSON unless a header says something else.
func withBody(request *httpclient.Request, body string) {
	if body == "" {
		return
	}
	request.Body, request.Size = httpclient.Text(body)
	if !request.Header.Has("Content-Type") {
		request.Header = append(request.Header, httpclient.Param{Key: "Content-Type", Value: "application/json"})
	}
}
