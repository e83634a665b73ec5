package installer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// askLimit bounds a request to the agent of this machine: registering makes an RSA key pair, which takes seconds.
	askLimit = 90 * time.Second
	// answerLimit bounds what is read of an answer.
	answerLimit = 4 << 20
	// pollPause is how long to wait between two looks at something that shall happen.
	pollPause = 250 * time.Millisecond
	// firstPasswordName holds the password of the first user until it is changed.
	firstPasswordName = "first-password.txt"
)

// local speaks with the REST API of the agent of this machine.
type local struct {
	url             string
	login, password string
	http            *http.Client
}

// newLocal prepares to speak with an agent. Of a page served over HTTPS only the certificate in its settings is taken.
func newLocal(w webSettings) (*local, error) {
	transport := &http.Transport{Proxy: nil}
	if w.certificate != "" {
		expected := sync.OnceValues(func() ([]byte, error) { return readPageCertificate(w.certificate) })
		if w.own { // what is not there yet, or is made anew meanwhile, is looked for at each connection
			expected = func() ([]byte, error) { return readPageCertificate(w.certificate) }
		} else if _, err := expected(); err != nil {
			return nil, err
		}
		transport.TLSClientConfig = pinned(expected)
	}
	return &local{url: w.url(), http: &http.Client{
		Transport: transport, Timeout: askLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// readPageCertificate reads the certificate of the page, which begins the file.
func readPageCertificate(file string) ([]byte, error) {
	text, err := readBounded(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the certificate of the page: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("cannot read the certificate of the page: %s is not a PEM file", file)
	}
	return block.Bytes, nil
}

// pinned takes one certificate only. The name in it is that of the network, not that of this machine: the certificate
// itself is compared.
func pinned(expected func() ([]byte, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
		want, err := expected()
		if err == nil && (len(raw) == 0 || !bytes.Equal(raw[0], want)) {
			err = errors.New("the certificate of the page is not the one of the settings")
		}
		return err
	}}
}

// answers says whether the agent serves.
func (l *local) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	bare := local{url: l.url, http: l.http}
	return bare.do(ctx, http.MethodGet, "/api/status", nil, nil) == nil
}

// waitReady waits until the agent serves.
func (l *local) waitReady(ctx context.Context, limit time.Duration) error {
	err := until(ctx, limit, func() bool { return l.answers(ctx) })
	if err != nil {
		return fmt.Errorf("OIBus does not answer on %s: %w", l.url, err)
	}
	return nil
}

// until looks again and again, until it is done or the limit has passed.
func until(ctx context.Context, limit time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %s", limit)
		}
	}
	return nil
}

// do makes a request that must succeed.
func (l *local) do(ctx context.Context, method, path string, body, result any) error {
	request, err := l.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	text, err := l.answer(request, answerLimit)
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(text, result); err != nil {
		return fmt.Errorf("cannot understand the answer of OIBus: %w", err)
	}
	return nil
}

// answer is what a request is answered with when it succeeds.
func (l *local) answer(request *http.Request, limit int64) ([]byte, error) {
	response, err := l.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cannot reach OIBus: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("cannot read the answer of OIBus: %w", err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("cannot read the answer of OIBus: it has more than %d bytes", limit)
	}
	if response.StatusCode/100 != 2 {
		return nil, answerError(response.StatusCode, text)
	}
	return text, nil
}

func (l *local) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, l.url+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if l.login != "" {
		request.SetBasicAuth(l.login, l.password)
	}
	return request, nil
}

// answerError words an answer that says no.
func answerError(status int, body []byte) error {
	if status == http.StatusUnauthorized {
		return errors.New("OIBus does not accept this user and password: give them with --user and --password-file, or make new ones with oibus-installer reset-password")
	}
	var said struct {
		Error   string `json:"error"`
		Message any    `json:"message"`
	}
	text := strings.TrimSpace(string(body))
	if json.Unmarshal(body, &said) == nil {
		switch {
		case said.Error != "":
			text = said.Error
		case said.Message != nil:
			text = fmt.Sprint(said.Message)
		}
	}
	return fmt.Errorf("OIBus answers %d: %s", status, text)
}

// readFirstPassword reads the first user and its password, "" when the password was changed since.
func readFirstPassword(m machine, data string) (login, password string, err error) {
	path := filepath.Join(data, "secrets", firstPasswordName)
	err = m.AsOwner(data, func() error {
		text, err := readBounded(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		login, password, _ = strings.Cut(strings.TrimSpace(string(text)), " ")
		return err
	})
	if err != nil {
		err = fmt.Errorf("cannot read the first password: %w", forbidden(m, err))
	}
	return login, password, err
}
