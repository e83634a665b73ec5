// Package awss3 is the North that puts files into a bucket of Amazon S3 (protocol/data-plane.md, section 6.8). It promises
// that an object is there whole or not at all, that big files go on where they were interrupted, and that what the
// network, the credentials, the clock or the load of Amazon S3 spoil is tried for ever. It guards against good files in the
// error folder, and against keys in errors.
package awss3

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/s3"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/agent/north/answer"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "aws-s3",
	Accepts: []content.Kind{content.Any},
	New:     func(env north.Env) (north.Connector, error) { return build(env, "") },
}

type settings struct {
	Bucket        string       `json:"bucket"`
	Region        string       `json:"region"`
	Folder        string       `json:"folder"`
	AccessKey     string       `json:"accessKey"`
	SecretKey     string       `json:"secretKey"`
	UseProxy      setting.Flag `json:"useProxy"`
	ProxyURL      string       `json:"proxyUrl"`
	ProxyUsername string       `json:"proxyUsername"`
	ProxyPassword string       `json:"proxyPassword"`
}

// proxy is the proxy to use, nil for none. Its user counts only together with a password.
func (s settings) proxy() (*httpclient.Proxy, error) {
	p := httpclient.ProxySettings{UseProxy: s.UseProxy, ProxyURL: s.ProxyURL}
	if s.ProxyUsername != "" && s.ProxyPassword != "" {
		p.ProxyUsername, p.ProxyPassword = s.ProxyUsername, s.ProxyPassword
	}
	return p.Proxy("Proxy URL not specified")
}

// S3 is a configured North.
type S3 struct {
	settings settings
	client   *s3.Client
}

// build makes a North. endpoint is that of another server than Amazon's, "" for Amazon's.
func build(env north.Env, endpoint string) (*S3, error) {
	n := &S3{}
	if err := setting.Decode(env.Settings, &n.settings); err != nil {
		return nil, err
	}
	s := n.settings
	proxy, err := s.proxy()
	if err != nil {
		return nil, err
	}
	n.client, err = s3.New(s3.Options{
		Bucket: s.Bucket, Region: s.Region, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Endpoint: endpoint, PathStyle: endpoint != "",
		Proxy: proxy, Version: env.Host.Version, Now: env.Host.Now, Log: env.Log, Memory: env.Memory,
	})
	return n, err
}

// Connect has nothing to do: connections are made when they are needed.
func (n *S3) Connect(context.Context) error { return nil }

// Disconnect closes idle connections.
func (n *S3) Disconnect(context.Context) error {
	n.client.Close()
	return nil
}

// Test asks for the bucket.
func (n *S3) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	if err := n.client.Head(ctx); err != nil {
		//lint:ignore ST1005 the reference's text
		return report, fmt.Errorf("Error testing Amazon S3 connection: %w", err)
	}
	report.Add("Bucket", n.settings.Bucket)
	report.Add("Region", n.client.Region())
	return report, nil
}

// Send puts a file.
func (n *S3) Send(ctx context.Context, d north.Delivery) error {
	err := n.client.Put(ctx, s3.Object{
		Key:  n.settings.Folder + "/" + d.Name,
		ID:   d.Name + " " + strconv.FormatInt(d.Size, 10) + " " + d.Created.UTC().Format(time.RFC3339Nano),
		Size: d.Size,
		Open: d.Open,
	})
	var refused *s3.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &refused):
		return answer.Failed("", err)
	case refused.Temporary():
		return &north.AgainError{Err: err, After: refused.After, Answer: refused.AboutObject()}
	}
	return err
}
