package opcua

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua/wire"
	"oibus/platform/task"
)

// Times of a session.
const (
	connectLimit = 10 * time.Second // for each request while connecting, at least
	closeLimit   = 2 * time.Second  // for saying goodbye
	nonceSize    = 32
)

func pause(ctx context.Context, d time.Duration) error { return task.Sleep(ctx, d) }

// Session is an open session. It is safe for concurrent use.
type Session struct {
	c       *Client
	ch      *wire.Channel
	own     keyPair
	token   *ua.NodeID // secret: who has it has the session
	server  []byte     // certificate of the server
	nonce   []byte     // the last one that the server gave
	points  []*ua.EndpointDescription
	Timeout time.Duration // as the server has it
	limits  limits
}

// Open opens a channel and a session.
func (c *Client) Open(ctx context.Context) (*Session, error) {
	own, err := c.own()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSettings, err)
	}
	var server []byte
	if c.mode != ua.MessageSecurityModeNone {
		point, err := c.find(ctx)
		if err != nil {
			return nil, err
		}
		leaf, err := wire.Leaf(point.ServerCertificate)
		if err != nil {
			return nil, err
		}
		server = leaf.Raw
	}
	s := &Session{c: c, own: own, server: server}
	if s.ch, err = wire.Dial(ctx, s.channel()); err != nil {
		return nil, err
	}
	if err = s.create(ctx); err == nil {
		err = s.activate(ctx)
	}
	if err != nil {
		s.ch.Close()
		return nil, err
	}
	return s, nil
}

// Resume opens a channel for a session that has lost its own. Its error means that the session is gone, or cannot be
// reached now.
func (c *Client) Resume(ctx context.Context, old *Session) (*Session, error) {
	s := &Session{c: c, own: old.own, token: old.token, server: old.server, nonce: old.nonce, points: old.points, Timeout: old.Timeout}
	var err error
	if s.ch, err = wire.Dial(ctx, s.channel()); err != nil {
		return nil, err
	}
	if err = s.activate(ctx); err != nil {
		s.ch.Close()
		return nil, err
	}
	return s, nil
}

// channel is how the channel of the session is opened.
func (s *Session) channel() wire.Options {
	o := wire.Options{URL: s.c.settings.URL, Policy: s.c.policy, Mode: s.c.mode, Timeout: s.c.timeout}
	if s.c.mode != ua.MessageSecurityModeNone {
		o.Certificate, o.Key, o.ServerCertificate = s.own.certificate, s.own.key, s.server
	}
	return o
}

// Endpoints asks the server, without any security, how it can be connected to.
func (c *Client) Endpoints(ctx context.Context) ([]*ua.EndpointDescription, error) {
	ch, err := wire.Dial(ctx, wire.Options{URL: c.settings.URL, Policy: ua.SecurityPolicyURINone, Mode: ua.MessageSecurityModeNone, Timeout: c.timeout})
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	got, err := ch.Do(ctx, &ua.GetEndpointsRequest{EndpointURL: c.settings.URL}, nil, max(c.timeout, connectLimit))
	if err != nil {
		return nil, err
	}
	response, ok := got.(*ua.GetEndpointsResponse)
	if !ok {
		return nil, unexpected(got)
	}
	return response.Endpoints, nil
}

// find is the endpoint with the security that is wanted.
func (c *Client) find(ctx context.Context) (*ua.EndpointDescription, error) {
	points, err := c.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		if p.SecurityMode == c.mode && p.SecurityPolicyURI == c.policy && len(p.ServerCertificate) > 0 {
			c.trust.meet(p.ServerCertificate)
			return p, nil
		}
	}
	return nil, fmt.Errorf("the server has no endpoint with the security mode %s and the security policy %s", modeName(c.mode), policyName(c.policy))
}

// create asks for a session.
func (s *Session) create(ctx context.Context) error {
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	request := &ua.CreateSessionRequest{
		ClientDescription: &ua.ApplicationDescription{ApplicationURI: s.own.uri, ProductURI: ownURI, ApplicationName: ua.NewLocalizedText("OIBus"), ApplicationType: ua.ApplicationTypeClient},
		EndpointURL:       s.c.settings.URL, SessionName: s.c.name, ClientNonce: nonce,
		RequestedSessionTimeout: float64(s.c.session / time.Millisecond), MaxResponseMessageSize: 0,
	}
	if s.c.mode != ua.MessageSecurityModeNone {
		request.ClientCertificate = s.own.certificate
	}
	response, err := ask[*ua.CreateSessionResponse](ctx, s, request, max(s.c.timeout, connectLimit))
	if err != nil {
		return err
	}
	if s.c.mode != ua.MessageSecurityModeNone {
		if err := s.verify(response, nonce); err != nil {
			return err
		}
	}
	s.token, s.nonce, s.points = response.AuthenticationToken, response.ServerNonce, response.ServerEndpoints
	if leaf, err := wire.Leaf(response.ServerCertificate); s.server == nil && err == nil {
		s.server = leaf.Raw
	}
	if ms := response.RevisedSessionTimeout; ms > 0 && ms < float64(24*time.Hour/time.Millisecond) {
		s.Timeout = time.Duration(ms) * time.Millisecond
	} else {
		s.Timeout = s.c.session
	}
	return nil
}

// verify checks that the session is that of the server whose certificate opened the channel.
func (s *Session) verify(r *ua.CreateSessionResponse, nonce []byte) error {
	theirs, err := wire.Leaf(r.ServerCertificate)
	if err != nil {
		return err
	}
	known, err := wire.Leaf(s.server)
	if err != nil {
		return err
	}
	if !bytes.Equal(theirs.Raw, known.Raw) {
		return errors.New("the server shows another certificate in its session than for its channel")
	}
	remote, err := wire.PublicKey(s.server)
	if err != nil {
		return err
	}
	algo, err := wire.Asymmetric(s.c.policy, s.own.key, remote)
	if err != nil {
		return err
	}
	if r.ServerSignature == nil || algo.VerifySignature(append(bytes.Clone(s.own.certificate), nonce...), r.ServerSignature.Signature) != nil {
		return errors.New("the server cannot prove that its certificate is its own")
	}
	return nil
}

// activate says who the user is. It is also how a session gets another channel.
func (s *Session) activate(ctx context.Context) error {
	request := &ua.ActivateSessionRequest{ClientSignature: &ua.SignatureData{}, UserTokenSignature: &ua.SignatureData{}}
	if s.c.mode != ua.MessageSecurityModeNone {
		signature, err := s.sign(s.c.policy, s.own)
		if err != nil {
			return err
		}
		request.ClientSignature = signature
	}
	token, signature, err := s.user()
	if err != nil {
		return err
	}
	request.UserIdentityToken = ua.NewExtensionObject(token)
	if signature != nil {
		request.UserTokenSignature = signature
	}
	response, err := ask[*ua.ActivateSessionResponse](ctx, s, request, max(s.c.timeout, connectLimit))
	if err != nil {
		return err
	}
	s.nonce = response.ServerNonce
	return nil
}

// sign signs what the server gave, with the key of p.
func (s *Session) sign(policy string, p keyPair) (*ua.SignatureData, error) {
	remote, err := wire.PublicKey(s.server)
	if err != nil {
		return nil, err
	}
	algo, err := wire.Asymmetric(policy, p.key, remote)
	if err != nil {
		return nil, err
	}
	signature, err := algo.Signature(append(bytes.Clone(s.server), s.nonce...))
	if err != nil {
		return nil, fmt.Errorf("cannot sign: %w", err)
	}
	return &ua.SignatureData{Algorithm: algo.SignatureURI(), Signature: signature}, nil
}

// Do makes a request.
func (s *Session) Do(ctx context.Context, request ua.Request) (ua.Response, error) {
	return s.ch.Do(ctx, request, s.token, 0)
}

// Limit is how many nodes the server takes at once.
func (s *Session) Limit(ctx context.Context, o Operation) (int, error) {
	most, err := s.limits.read(ctx, s)
	return most[o], err
}

// Reduce notes that the server takes less than it says.
func (s *Session) Reduce(o Operation, most int) { s.limits.reduce(o, most) }

// Start sends a request that may wait at the server without limit.
func (s *Session) Start(request ua.Request) (*wire.Call, error) {
	return s.ch.Start(request, s.token, 0)
}

// Done is closed once the connection has ended, Err is why.
func (s *Session) Done() <-chan struct{} { return s.ch.Done() }

// Err is why the connection has ended.
func (s *Session) Err() error { return s.ch.Err() }

// Close ends the session, and what belongs to it at the server.
func (s *Session) Close(ctx context.Context) {
	if s.ch.Err() == nil {
		ctx, cancel := context.WithTimeout(ctx, closeLimit)
		defer cancel()
		if _, err := s.ch.Do(ctx, &ua.CloseSessionRequest{DeleteSubscriptions: true}, s.token, closeLimit); err != nil {
			s.c.log.Debug("the session was not closed in order", "error", err)
		}
	}
	s.ch.Close()
}

// Cut ends the connection, but leaves the session to the server: it can be resumed.
func (s *Session) Cut() { s.ch.Cut() }

// Doer makes requests: a Session, or what renews one.
type Doer interface {
	Do(ctx context.Context, request ua.Request) (ua.Response, error)
}

// Ask makes a request whose answer is of type R.
func Ask[R ua.Response](ctx context.Context, d Doer, request ua.Request) (R, error) {
	got, err := d.Do(ctx, request)
	return as[R](got, err)
}

func ask[R ua.Response](ctx context.Context, s *Session, request ua.Request, limit time.Duration) (R, error) {
	got, err := s.ch.Do(ctx, request, s.token, limit)
	return as[R](got, err)
}

func as[R ua.Response](got ua.Response, err error) (response R, _ error) {
	if err != nil {
		return response, err
	}
	response, ok := got.(R)
	if !ok {
		return response, unexpected(got)
	}
	return response, nil
}

func unexpected(got ua.Response) error {
	return fmt.Errorf("the server answers with %T", got)
}

func modeName(m ua.MessageSecurityMode) string {
	switch m {
	case ua.MessageSecurityModeNone:
		return "None"
	case ua.MessageSecurityModeSign:
		return "Sign"
	case ua.MessageSecurityModeSignAndEncrypt:
		return "SignAndEncrypt"
	}
	return "Invalid"
}
