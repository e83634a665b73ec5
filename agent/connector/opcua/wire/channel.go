// Package wire is the secure channel of OPC UA (parts 4 and 6 of the standard) over one TCP connection, with the types,
// their encoding and the cryptography of gopcua. It promises that whatever a server sends ends in an answer or an error:
// bytes are decoded in the goroutine that asked, where a panic of the decoder is an error, and sizes are bounded before
// memory is taken for them. It promises too that each answer is waited for as long as was said and no longer, and that
// everything that waits is told when the connection ends. It guards against servers that hang, lie or are not one; and
// it stands in for the client of gopcua because that decodes in goroutines of its own, where a panic ends the agent.
package wire

import (
	"context"
	"crypto/rsa"
	"crypto/sha1" // names the certificate of the receiver, as the standard says
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"

	"oibus/platform/task"
)

// Times of a channel.
const (
	lifetime    = time.Hour        // of a key, as it is asked for; renewed after three quarters
	leastLife   = 10 * time.Second // that is believed of a server
	probeIdle   = 10 * time.Second // without traffic, before the other side is probed
	probePeriod = 5 * time.Second
	probes      = 4
	openLimit   = 10 * time.Second // for opening, at least: keys are slow
	closeLimit  = time.Second      // for the last message
)

// ErrClosed is the error of a channel that was closed by this side.
var ErrClosed = errors.New("the connection is closed")

// Options say how to open a channel.
type Options struct {
	URL    string // opc.tcp://host:port/path
	Policy string // URI
	Mode   ua.MessageSecurityMode
	// Of a Mode other than None: the own certificate in DER with its key, and that of the server.
	Certificate       []byte
	Key               *rsa.PrivateKey
	ServerCertificate []byte
	// Timeout is how long an answer is waited for, and what the server is told of it.
	Timeout time.Duration
}

// Channel is an open secure channel. It is safe for concurrent use.
type Channel struct {
	o     Options
	conn  net.Conn
	group *task.Group
	asym  sealing
	chunk int // bytes that the server takes at once
	most  int // bytes of a message that the server takes, 0 for no limit
	done  chan struct{}

	send sync.Mutex // held while a message is written

	mu       sync.Mutex
	err      error // why it ended
	waiting  map[uint32]chan Answer
	request  uint32 // number of the last one
	sequence uint32 // number of the last chunk; guarded by send
	id       uint32
	token    uint32        // in use for sending
	nonce    []byte        // of this side, for the key that is asked for
	life     time.Duration // of the key that was given last
	keys     map[uint32]sealing
	expires  map[uint32]time.Time
}

// Answer is one answer as it came, or why there is none.
type Answer struct {
	body []byte
	err  error
}

// Dial connects and opens a channel.
func Dial(ctx context.Context, o Options) (*Channel, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "opc.tcp" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no address of the form opc.tcp://host:port", o.URL)
	}
	port := u.Port()
	if port == "" {
		port = "4840"
	}
	c := &Channel{o: o, done: make(chan struct{}), waiting: map[uint32]chan Answer{}, keys: map[uint32]sealing{}, expires: map[uint32]time.Time{}}
	if c.asym, err = asymmetric(o); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, max(o.Timeout, openLimit))
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probeIdle, Interval: probePeriod, Count: probes}}
	if c.conn, err = dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port)); err != nil {
		return nil, err
	}
	if err := c.begin(ctx); err != nil {
		c.end(err)
		return nil, err
	}
	return c, nil
}

// begin opens the connection and the channel over it, and starts what serves it.
func (c *Channel) begin(ctx context.Context) (err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	c.chunk, c.most, err = hello(c.conn, c.o.URL)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("the server does not answer: %w", context.Cause(ctx))
		}
		return err
	}
	c.group = task.New(context.Background(), nil)
	c.group.Go("opcua reader", c.read)
	life, err := c.open(ctx, ua.SecurityTokenRequestTypeIssue)
	if err != nil {
		return err
	}
	c.group.Go("opcua key renewal", func(ctx context.Context) error { return c.renew(ctx, life) })
	return nil
}

func asymmetric(o Options) (sealing, error) {
	if o.Mode == ua.MessageSecurityModeNone {
		return sealing{}, nil
	}
	if o.Key == nil || len(o.Certificate) == 0 {
		return sealing{}, errors.New("a secure channel needs a certificate with its key")
	}
	remote, err := PublicKey(o.ServerCertificate)
	if err != nil {
		return sealing{}, err
	}
	algo, err := Asymmetric(o.Policy, o.Key, remote)
	if err != nil {
		return sealing{}, err
	}
	if algo.BlockSize() <= 0 || algo.PlaintextBlockSize() <= 0 {
		return sealing{}, fmt.Errorf("the security policy %s cannot be used with the key of the server", o.Policy)
	}
	return sealing{algo: algo, encrypt: true}, nil
}

// PublicKey is the RSA key of a certificate in DER. More certificates may follow it.
func PublicKey(der []byte) (*rsa.PublicKey, error) {
	certificate, err := Leaf(der)
	if err != nil {
		return nil, err
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 1024 || key.N.BitLen() > 16384 {
		return nil, errors.New("the certificate of the server has no usable RSA key")
	}
	return key, nil
}

// Leaf is the first certificate of a chain in DER.
func Leaf(der []byte) (*x509.Certificate, error) {
	chain, err := x509.ParseCertificates(der)
	if err != nil || len(chain) == 0 {
		return nil, errors.New("the certificate of the server cannot be read")
	}
	return chain[0], nil
}

// open asks for a key, and returns for how long it is good.
func (c *Channel) open(ctx context.Context, kind ua.SecurityTokenRequestType) (time.Duration, error) {
	request := &ua.OpenSecureChannelRequest{RequestType: kind, SecurityMode: c.o.Mode, RequestedLifetime: uint32(lifetime / time.Millisecond)}
	if c.asym.algo != nil {
		nonce, err := c.asym.algo.MakeNonce()
		if err != nil {
			return 0, err
		}
		request.ClientNonce = nonce
	}
	c.mu.Lock()
	c.nonce, c.life = request.ClientNonce, 0
	c.mu.Unlock()
	if _, err := c.Do(ctx, request, nil, max(c.o.Timeout, openLimit)); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life == 0 {
		return 0, errors.New("the server gives no key")
	}
	return c.life, nil
}

// opened takes in the key that the server gives. It is known before the next message is read, which may need it.
func (c *Channel) opened(body []byte) error {
	got, err := Answer{body: body}.decode()
	if err != nil {
		return nil // who asked is told
	}
	response, ok := got.(*ua.OpenSecureChannelResponse)
	if !ok || response.SecurityToken == nil {
		return fmt.Errorf("the server answers with %T instead of a key", got)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	keys, err := c.symmetric(c.nonce, response.ServerNonce)
	if err != nil {
		return err
	}
	t := response.SecurityToken
	life := max(time.Duration(t.RevisedLifetime)*time.Millisecond, leastLife)
	now := time.Now()
	for token, at := range c.expires {
		if now.After(at) {
			delete(c.keys, token)
			delete(c.expires, token)
		}
	}
	c.id, c.token, c.life, c.nonce = t.ChannelID, t.TokenID, life, nil
	c.keys[t.TokenID], c.expires[t.TokenID] = keys, now.Add(life+life/4)
	return nil
}

func (c *Channel) symmetric(own, remote []byte) (sealing, error) {
	if c.asym.algo == nil {
		return sealing{}, nil
	}
	if len(remote) < c.asym.algo.NonceLength() || len(own) < c.asym.algo.NonceLength() {
		return sealing{}, errSealed
	}
	algo, err := uapolicy.Symmetric(c.o.Policy, own, remote)
	if err != nil {
		return sealing{}, err
	}
	return sealing{algo: algo, encrypt: c.o.Mode == ua.MessageSecurityModeSignAndEncrypt}, nil
}

// renew asks for a new key in time, until the channel ends.
func (c *Channel) renew(ctx context.Context, life time.Duration) error {
	for task.Sleep(ctx, life/4*3) == nil {
		next, err := c.open(ctx, ua.SecurityTokenRequestTypeRenew)
		if err != nil {
			c.fail(fmt.Errorf("cannot renew the key of the channel: %w", err))
			return err
		}
		life = next
	}
	return ctx.Err()
}

// Done is closed once the channel has ended.
func (c *Channel) Done() <-chan struct{} { return c.done }

// Err is why the channel has ended, nil while it has not.
func (c *Channel) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Options of the channel.
func (c *Channel) Options() Options { return c.o }

// Close tells the server, and ends everything that waits.
func (c *Channel) Close() {
	if c.Err() == nil {
		_ = c.conn.SetWriteDeadline(time.Now().Add(closeLimit))
		_, _ = c.Start(&ua.CloseSecureChannelRequest{}, nil, closeLimit) // it is over either way
	}
	c.end(ErrClosed)
}

// Cut ends the channel without telling the server.
func (c *Channel) Cut() { c.end(ErrClosed) }

// fail ends the channel, and tells those who wait. It may be called by its own goroutines.
func (c *Channel) fail(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
	}
	waiting := c.waiting
	c.waiting = map[uint32]chan Answer{}
	c.mu.Unlock()
	for _, w := range waiting {
		w <- Answer{err: err}
	}
	_ = c.conn.Close() // it is over either way
	if first {
		close(c.done)
	}
}

// end ends the channel, and waits for its goroutines.
func (c *Channel) end(err error) {
	c.fail(err)
	if c.group != nil {
		_ = c.group.StopAndWait(closeLimit) // its connection is closed, so they end
	}
}

// thumbprint names the certificate of the server.
func (c *Channel) thumbprint() []byte {
	leaf, err := Leaf(c.o.ServerCertificate)
	if err != nil {
		return nil
	}
	sum := sha1.Sum(leaf.Raw)
	return sum[:]
}
