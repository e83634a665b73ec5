package influx

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
)

// Times of tests.
const (
	pingTimeout = 5 * time.Second
	testTimeout = 30 * time.Second
)

// Test tries the connection.
func (c *Client) Test(ctx context.Context) (connector.Report, error) {
	switch c.settings.Version {
	case "1":
		return c.ping(ctx)
	case "2":
		return c.countBuckets(ctx)
	default:
		return c.selectOne(ctx)
	}
}

func (c *Client) ping(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	address := c.settings.address()
	res, err := c.do(ctx, "/ping", nil, httpclient.Request{Method: http.MethodGet, Header: c.authorization(), Timeout: pingTimeout})
	if err != nil {
		//lint:ignore ST1005 the reference's text
		return report, fmt.Errorf("Could not connect to InfluxDB v1 at %s. %w", address, err)
	}
	defer res.Close()
	if !res.OK() {
		return report, fmt.Errorf("InfluxDB v1 at %s is not responding", address)
	}
	report.Add("Version", c.http.Hide(res.Header.Get("X-Influxdb-Version")))
	report.Add("Host", address)
	return report, nil
}

func (c *Client) count(ctx context.Context, text string) (rows int, err error) {
	err = c.Query(ctx, text, testTimeout, func(Row) error { rows++; return nil })
	if err != nil {
		//lint:ignore ST1005 the reference's text
		err = fmt.Errorf("Could not connect to InfluxDB v%s at %s. %w", c.settings.Version, c.shown(), err)
	}
	return rows, err
}

// shown is the URL of the settings without what may be secret.
func (c *Client) shown() string {
	u, err := httpclient.Base(c.base)
	if err != nil {
		return ""
	}
	return strings.TrimRight(httpclient.Shown(u), "/")
}

func (c *Client) countBuckets(ctx context.Context) (report connector.Report, err error) {
	rows, err := c.count(ctx, "buckets()")
	if err == nil {
		report.Add("Buckets", strconv.Itoa(rows))
	}
	return report, err
}

func (c *Client) selectOne(ctx context.Context) (report connector.Report, err error) {
	if _, err = c.count(ctx, "SELECT 1"); err == nil {
		report.Add("Database", c.settings.Database)
		report.Add("Connected", "true")
	}
	return report, err
}
