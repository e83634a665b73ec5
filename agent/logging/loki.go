package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	lokiBatch    = 1000
	lokiInterval = 60 // seconds, when none is set
	lokiPath     = "/loki/api/v1/push"
	lokiTimeout  = 30 * time.Second
	// maxAnswer bounds what of a server's complaint is read.
	maxAnswer = 2 << 10
)

// lokiConfig is all that a Loki target depends on.
type lokiConfig struct {
	engine, address, username, password, agent string
}

// lokiTarget pushes to Grafana Loki. The labels are the engine name, the level and the scope type: few values each, as
// Loki wants it; the rest of an entry is in its line, as JSON.
type lokiTarget struct {
	config lokiConfig
	url    string
	client *http.Client
}

func newLokiTarget(c lokiConfig) (*lokiTarget, error) {
	u, err := url.Parse(c.address)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err // without the address, which may hold a password
		}
		return nil, fmt.Errorf("loki address is not a URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("loki address %q is not an http or https URL", u.Redacted())
	}
	if !strings.HasSuffix(u.Path, lokiPath) {
		u.Path = strings.TrimRight(u.Path, "/") + lokiPath
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &lokiTarget{config: c, url: u.String(), client: &http.Client{
		Timeout: lokiTimeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			MaxIdleConns: 1, IdleConnTimeout: 90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (t *lokiTarget) limit() (int, time.Duration) { return lokiBatch, 0 }
func (t *lokiTarget) close()                      { t.client.CloseIdleConnections() }

func (t *lokiTarget) send(ctx context.Context, records []record) (int, error) {
	body, err := json.Marshal(lokiPush{Streams: t.streams(records)})
	if err != nil {
		return 0, fmt.Errorf("cannot write loki request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("cannot make loki request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", t.config.agent)
	if t.config.username != "" {
		req.SetBasicAuth(t.config.username, t.config.password)
	}
	res, err := t.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if res.StatusCode/100 != 2 {
		text := strings.TrimSpace(string(answer))
		return 0, &RefusedError{Status: res.StatusCode, RetryAfter: parseRetryAfter(res.Header.Get("Retry-After"), time.Now()),
			Err: errors.New(strconv.Itoa(res.StatusCode) + " - " + text)}
	}
	return len(records), nil
}

type lokiPush struct {
	Streams []*lokiStream `json:"streams"`
}

type lokiStream struct {
	Labels map[string]string `json:"stream"`
	Values [][2]string       `json:"values"`
}

func (t *lokiTarget) streams(records []record) []*lokiStream {
	var streams []*lokiStream
	byLabels := map[string]*lokiStream{}
	for i := range records {
		r := &records[i]
		level, kind := LevelName(r.level), string(r.kind)
		s := byLabels[level+kind]
		if s == nil {
			s = &lokiStream{Labels: map[string]string{"name": t.config.engine, "level": level, "scopeType": kind}}
			byLabels[level+kind] = s
			streams = append(streams, s)
		}
		at := strconv.FormatInt(r.at().UnixNano(), 10)
		s.Values = append(s.Values, [2]string{at, string(lokiLine(r))})
	}
	return streams
}

// lokiLine is the entry as JSON. Its sequence number tells apart two lines that are equal otherwise, which Loki would
// take for one, and lets it recognise one that is sent again.
func lokiLine(r *record) []byte {
	line := append(make([]byte, 0, r.size), `{"message":"`...)
	line = append(append(line, r.message...), '"')
	for _, pair := range [...]struct {
		key string
		raw []byte
	}{
		{"scopeId", r.id}, {"scopeName", r.name}, {"itemId", r.itemID}, {"itemName", r.itemName},
		{"groupId", r.groupID}, {"groupName", r.groupName},
	} {
		if len(pair.raw) > 0 {
			line = appendNullable(line, pair.key, pair.raw)
		}
	}
	return append(strconv.AppendUint(append(line, `,"seq":`...), r.seq, 10), '}')
}

// parseRetryAfter understands both forms of the header: seconds and an HTTP date.
func parseRetryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
