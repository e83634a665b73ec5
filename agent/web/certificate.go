package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often the files of a certificate are looked at, at most: once for each handshake would be too
// often for somebody who only wants to connect a lot.
const certificateCheck = time.Second

// Certificate is that of the page. It is read again when its files change, so that who renews it need not restart
// anything; files that do not fit, such as half of a renewal, leave the old one in use.
type Certificate struct {
	certFile, keyFile string
	renew             func() error // makes the files anew; nil when that is somebody else's
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	loaded  *tls.Certificate
	seen    [2]stamp // of the files, when they were last read
	checked time.Time
	trouble string // that was logged
}

// stamp tells one version of a file from another.
type stamp struct {
	at   time.Time
	size int64
}

// LoadCertificate reads a certificate and its key.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// Config serves it.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.present(), nil }}
}

// present is the certificate as it is on disk now.
func (c *Certificate) present() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if since := now.Sub(c.checked); since >= 0 && since < certificateCheck {
		return c.loaded
	}
	c.checked = now
	if c.renew != nil && expires(c.loaded, now) {
		if err := c.renew(); err != nil {
			c.log.Error("the certificate of the page cannot be renewed", "error", err)
		}
	}
	stamps, err := c.stamps()
	if err == nil && stamps == c.seen {
		return c.loaded
	}
	if err == nil {
		err = c.read()
	}
	switch {
	case err == nil:
		c.trouble = ""
		c.log.Info("the certificate of the page was read again", "file", c.certFile)
	case err.Error() != c.trouble:
		c.trouble = err.Error()
		c.log.Error("the new certificate of the page cannot be used, the old one stays in use", "error", err)
	}
	return c.loaded
}

func (c *Certificate) read() error {
	stamps, err := c.stamps()
	if err != nil {
		return err
	}
	loaded, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("cannot use the certificate of the page: %w", err)
	}
	c.loaded, c.seen = &loaded, stamps
	return nil
}

func (c *Certificate) stamps() (stamps [2]stamp, err error) {
	for i, file := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(file)
		if err != nil {
			return stamps, fmt.Errorf("cannot read the certificate of the page: %w", err)
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	return stamps, nil
}
