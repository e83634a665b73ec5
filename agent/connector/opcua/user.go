package opcua

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua/wire"
)

// user is the identity to activate a session with, and its signature where it has one.
func (s *Session) user() (token any, signature *ua.SignatureData, err error) {
	switch s.c.settings.Authentication.Type {
	case "basic":
		token, err = s.password()
		return token, nil, err
	case "cert":
		return s.userCertificate()
	}
	p, err := s.tokenPolicy(ua.UserTokenTypeAnonymous, "anonymous users")
	if err != nil {
		return nil, nil, err
	}
	return &ua.AnonymousIdentityToken{PolicyID: p.PolicyID}, nil, nil
}

// tokenPolicy is how the server wants a kind of identity.
func (s *Session) tokenPolicy(kind ua.UserTokenType, what string) (*ua.UserTokenPolicy, error) {
	var found *ua.UserTokenPolicy
	listed := false
	for _, point := range s.points {
		if point.SecurityMode != s.c.mode || point.SecurityPolicyURI != s.c.policy {
			continue
		}
		for _, p := range point.UserIdentityTokens {
			listed = true
			if p.TokenType != kind || p.SecurityPolicyURI != "" && !supported(p.SecurityPolicyURI) {
				continue
			}
			if found == nil || !protects(s.tokenSecurity(found)) && protects(s.tokenSecurity(p)) {
				found = p
			}
		}
	}
	switch {
	case found != nil:
		return found, nil
	case listed:
		return nil, fmt.Errorf("the server does not take %s with the security mode %s and the security policy %s", what, modeName(s.c.mode), policyName(s.c.policy))
	}
	return &ua.UserTokenPolicy{TokenType: kind}, nil // the server does not say: it says so when it does not like it
}

// tokenSecurity is the policy that protects an identity.
func (s *Session) tokenSecurity(p *ua.UserTokenPolicy) string {
	if p.SecurityPolicyURI != "" {
		return p.SecurityPolicyURI
	}
	return s.c.policy
}

func protects(policy string) bool { return policy != ua.SecurityPolicyURINone }

// password is a user with a password, which is encrypted for the server where the server wants that.
func (s *Session) password() (any, error) {
	p, err := s.tokenPolicy(ua.UserTokenTypeUserName, "users with a password")
	if err != nil {
		return nil, err
	}
	a := s.c.settings.Authentication
	token := &ua.UserNameIdentityToken{PolicyID: p.PolicyID, UserName: a.Username, Password: []byte(a.Password)}
	policy := s.tokenSecurity(p)
	if !protects(policy) {
		if s.c.mode != ua.MessageSecurityModeSignAndEncrypt {
			s.c.log.Warn("The OPC UA server wants the password as it is, over a connection that is not encrypted")
		}
		return token, nil
	}
	s.c.trust.meet(s.server)
	remote, err := wire.PublicKey(s.server)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt the password: %w", err)
	}
	algo, err := wire.Asymmetric(policy, nil, remote)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt the password: %w", err)
	}
	secret := binary.LittleEndian.AppendUint32(nil, uint32(len(a.Password)+len(s.nonce)))
	secret = append(append(secret, a.Password...), s.nonce...)
	if token.Password, err = algo.Encrypt(secret); err != nil {
		return nil, errors.New("cannot encrypt the password with the key of the server")
	}
	token.EncryptionAlgorithm = algo.EncryptionURI()
	return token, nil
}

func (s *Session) userCertificate() (any, *ua.SignatureData, error) {
	p, err := s.tokenPolicy(ua.UserTokenTypeCertificate, "users with a certificate")
	if err != nil {
		return nil, nil, err
	}
	pair, err := s.c.userPair()
	if err != nil {
		return nil, nil, err
	}
	token := &ua.X509IdentityToken{PolicyID: p.PolicyID, CertificateData: pair.certificate}
	policy := s.tokenSecurity(p)
	if !protects(policy) {
		return token, &ua.SignatureData{}, nil
	}
	signature, err := s.sign(policy, pair)
	return token, signature, err
}

func policyName(uri string) string { return strings.TrimPrefix(uri, ua.SecurityPolicyURIPrefix) }
