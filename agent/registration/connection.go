package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

// Connection says how to reach the cloud with the registration that works. Secrets are opened at each call, so that a
// key that does not fit fails the call and not the start.
func (s *Service) Connection() (cloud.Connection, error) {
	active := s.record.Load().active()
	if active == nil {
		return cloud.Connection{}, ErrNotRegistered
	}
	conn, err := s.connection(active)
	if err != nil {
		return cloud.Connection{}, err
	}
	conn.Token, err = s.open("access token", active.Token)
	return conn, err
}

// connection says how to reach the host of r, without a token.
func (s *Service) connection(r *entity.Registration) (cloud.Connection, error) {
	conn := cloud.Connection{
		Host: r.Host, AcceptUnauthorized: r.AcceptUnauthorized, CAFile: s.o.CAFile,
		UseProxy: r.UseProxy, ProxyURL: text(r.ProxyURL), ProxyUsername: text(r.ProxyUsername),
		UseAPIGateway: r.UseAPIGateway, GatewayHeaderKey: text(r.APIGatewayHeaderKey), GatewayBase: text(r.APIGatewayBaseEndpoint),
	}
	var err error
	if conn.UseProxy && conn.ProxyUsername != "" {
		if conn.ProxyPassword, err = s.open("proxy password", r.ProxyPassword); err != nil {
			return cloud.Connection{}, err
		}
	}
	if conn.UseAPIGateway {
		if conn.GatewayHeaderValue, err = s.open("API gateway header value", r.APIGatewayHeaderValue); err != nil {
			return cloud.Connection{}, err
		}
	}
	return conn, nil
}

func (s *Service) open(what string, sealed *string) (string, error) {
	plain, err := s.o.Sealer.Open(text(sealed))
	if err != nil {
		return "", fmt.Errorf("cannot read the %s of the registration: %w", what, err)
	}
	return plain, nil
}

// connectionWith says how to reach the host of v. Blank secrets are those of the record.
func (s *Service) connectionWith(r *Record, v Settings) (cloud.Connection, error) {
	merged := r.Registration
	if err := s.write(&merged, v); err != nil {
		return cloud.Connection{}, err
	}
	merged.Host = v.Host
	return s.connection(&merged)
}

// TestConnection tries to reach the cloud with the settings of body (protocol/control-plane.md, section 2.8). The
// access token goes only to the host that handed it out; any other host may answer 401.
func (s *Service) TestConnection(ctx context.Context, body json.RawMessage) error {
	v, err := decode(body)
	if err != nil {
		return err
	}
	r := s.record.Load()
	conn, err := s.connectionWith(r, v)
	if err != nil {
		return err
	}
	if active := r.active(); active != nil && text(active.Token) != "" && sameHost(active.Host, v.Host) {
		if conn.Token, err = s.open("access token", active.Token); err != nil {
			return err
		}
	}
	return s.testError(s.o.Cloud.Status(ctx, conn, conn.Token == ""))
}

// testError gives the error of a connection test the text of the reference.
func (s *Service) testError(err error) error {
	if err == nil {
		return nil
	}
	var e *cloud.Error
	known := errors.As(err, &e)
	switch {
	case known && e.Kind == cloud.Status:
		return fmt.Errorf("HTTP request failed with status code %d and message: %s", e.Status, e.Body)
	case s.o.DialectR && known && e.Kind == cloud.Timeout:
		//lint:ignore ST1005 the text of the reference
		return fmt.Errorf("Fetch error TimeoutError: %w", err)
	case s.o.DialectR:
		//lint:ignore ST1005 the text of the reference
		return fmt.Errorf("Fetch error Error: %w", err)
	}
	//lint:ignore ST1005 the text of the reference
	return fmt.Errorf("Fetch error: %w", err)
}
