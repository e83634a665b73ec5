package auth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oibus/agent/entity"
)

// Tokens are those of the reference (protocol/control-plane.md, section 10.2): RS256, issuer oibus. Where the
// reference puts the password hash, these carry a mark of it.
const issuer = "oibus"

type tokens struct {
	signer   func(ctx context.Context) (crypto.Signer, error)
	lifetime func() time.Duration
	now      func() time.Time
}

type claims struct {
	jwt.RegisteredClaims
	Login        string `json:"login"`
	PasswordMark string `json:"passwordMark"`
}

func (t tokens) make(ctx context.Context, user entity.User) (string, error) {
	signer, err := t.signer(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot sign a token: %w", err)
	}
	now := t.now()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Subject:   user.ID,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(t.lifetime())),
		},
		Login:        user.Login,
		PasswordMark: passwordMark(user),
	})
	text, err := token.SigningString()
	if err != nil {
		return "", fmt.Errorf("cannot sign a token: %w", err)
	}
	sum := sha256.Sum256([]byte(text))
	signature, err := signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("cannot sign a token: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// parse returns the claims of a token that this agent made and that has not expired. Any other is ErrToken.
func (t tokens) parse(ctx context.Context, token string) (claims, error) {
	signer, err := t.signer(ctx)
	if err != nil {
		return claims{}, fmt.Errorf("cannot check a token: %w", err)
	}
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return signer.Public(), nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(t.now))
	if err != nil {
		return claims{}, ErrToken
	}
	return c, nil
}
