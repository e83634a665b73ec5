package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// requestLimit bounds one request: registering makes an RSA key pair first, which takes seconds on a loaded machine.
const requestLimit = 5 * time.Minute

// answerLimit bounds what is read of one answer.
const answerLimit = 64 << 20

// Client speaks with the REST API of an agent with Basic credentials.
type Client struct {
	URL             string // http://127.0.0.1:2223
	Login, Password string
	HTTP            *http.Client
}

// NewClient makes a client with connections of its own.
func NewClient(url, login, password string) *Client {
	return &Client{URL: url, Login: login, Password: password, HTTP: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Answer is what the API answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes one request. body is sent as JSON unless it is nil. The error is that of the network only.
func (c *Client) Do(ctx context.Context, method, path string, body any) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	request, err := c.request(ctx, method, path, body)
	if err != nil {
		return Answer{}, err
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return Answer{}, fmt.Errorf("cannot read the answer to %s %s: %w", method, path, err)
	}
	return Answer{response.StatusCode, response.Header, text}, nil
}

func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("cannot encode the body of %s %s: %w", method, path, err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Login != "" {
		request.SetBasicAuth(c.Login, c.Password)
	}
	return request, nil
}

// JSON makes one request that must succeed, and decodes the answer into result unless that is nil.
func (c *Client) JSON(ctx context.Context, method, path string, body, result any) error {
	answer, err := c.Do(ctx, method, path, body)
	if err != nil {
		return err
	}
	if answer.Status/100 != 2 {
		return fmt.Errorf("%s %s: %d - %s", method, path, answer.Status, bytes.TrimSpace(answer.Body))
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body, result); err != nil {
		return fmt.Errorf("cannot decode the answer to %s %s: %w", method, path, err)
	}
	return nil
}
