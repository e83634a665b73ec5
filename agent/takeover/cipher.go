package takeover

import (
	"context"
	"crypto/aes"
	gocipher "crypto/cipher"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"
)

// cipher opens what the reference has encrypted (protocol/control-plane.md, section 6.4).
type cipher struct {
	block gocipher.Block
	iv    []byte
}

func readCipher(ctx context.Context, db *sql.DB) (cipher, error) {
	var algorithm, iv, key string
	if err := db.QueryRowContext(ctx, `SELECT algorithm, init_vector, security_key FROM crypto`).Scan(&algorithm, &iv, &key); err != nil {
		return cipher{}, err
	}
	return newCipher(algorithm, iv, key)
}

func newCipher(algorithm, iv, key string) (cipher, error) {
	if algorithm != "aes-256-cbc" {
		return cipher{}, fmt.Errorf("unknown algorithm %q", algorithm)
	}
	k, keyErr := base64.StdEncoding.DecodeString(key)
	v, ivErr := base64.StdEncoding.DecodeString(iv)
	if len(k) != 32 || len(v) != aes.BlockSize {
		return cipher{}, errors.Join(errors.New("the key or the initialisation vector has a wrong length"), keyErr, ivErr)
	}
	block, err := aes.NewCipher(k)
	return cipher{block, v}, err
}

var errKey = errors.New("it was not encrypted with the key in " + cryptoFile)

// open is the text that was encrypted. The error says nothing of it.
func (c cipher) open(encrypted string) (string, error) {
	if encrypted == "" {
		return "", nil
	}
	data, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil || len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return "", errKey
	}
	plain := make([]byte, len(data))
	gocipher.NewCBCDecrypter(c.block, c.iv).CryptBlocks(plain, data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > aes.BlockSize || padding > len(plain) {
		return "", errKey
	}
	for _, b := range plain[len(plain)-padding:] {
		if int(b) != padding {
			return "", errKey
		}
	}
	plain = plain[:len(plain)-padding]
	if !utf8.Valid(plain) {
		return "", errKey
	}
	return string(plain), nil
}
