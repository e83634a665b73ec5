package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // of the reference
)

// engineID is that of the OIBus whose data folder is used.
const engineID = "ksRPPSSO8mpQzYyk"

func open(data, name string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(data, name)))
}

func portOf(ctx context.Context, data string) (port int, err error) {
	db, err := open(data, "oibus.db")
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT port FROM engines").Scan(&port)
	return port, errors.Join(err, db.Close())
}

// prepare copies a data folder of the reference and makes it that of an OIBus which the simulator knows.
func prepare(from, to, cloud string, port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return errors.Join(err, os.Chmod(path, 0o600))
	})
	if err != nil {
		return err
	}
	token, err := enroll(ctx, cloud)
	if err != nil {
		return err
	}
	sealed, err := seal(ctx, to, token)
	if err != nil {
		return err
	}
	db, err := open(to, "oibus.db")
	if err != nil {
		return err
	}
	_, one := db.ExecContext(ctx, "UPDATE registrations SET host = ?, token = ?, command_retry_interval = 1, command_refresh_interval = 1", cloud, sealed)
	_, two := db.ExecContext(ctx, "UPDATE engines SET port = ?", port)
	return errors.Join(one, two, db.Close())
}

// enroll makes the OIBus known to the simulator.
func enroll(ctx context.Context, cloud string) (token string, err error) {
	body := strings.NewReader(fmt.Sprintf(`{"oibusId":%q,"oibusName":"Line 4"}`, engineID))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cloud+"/control/agents", body)
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return "", err
	}
	var known struct {
		Token string `json:"token"`
	}
	if json.Unmarshal(text, &known) != nil || known.Token == "" {
		return "", fmt.Errorf("the simulator answers %s", text)
	}
	return known.Token, nil
}

// seal encrypts a text as the reference does (protocol/control-plane.md, section 6.4).
func seal(ctx context.Context, data, plain string) (string, error) {
	db, err := open(data, "crypto.db")
	if err != nil {
		return "", err
	}
	var key, iv string
	err = db.QueryRowContext(ctx, "SELECT security_key, init_vector FROM crypto").Scan(&key, &iv)
	if err = errors.Join(err, db.Close()); err != nil {
		return "", err
	}
	k, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return "", err
	}
	v, err := base64.StdEncoding.DecodeString(iv)
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return "", err
	}
	n := aes.BlockSize - len(plain)%aes.BlockSize
	text := append([]byte(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, v).CryptBlocks(text, text)
	return base64.StdEncoding.EncodeToString(text), nil
}
