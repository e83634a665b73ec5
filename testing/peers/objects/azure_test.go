package objects

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oibus/agent/connector/azure"
	"oibus/agent/north"
	"oibus/agent/north/azureblob"
	"oibus/testing/harness"
)

// The account that Azurite has.
const (
	azureAccount   = "devstoreaccount1"
	azureKey       = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
	azureContainer = "the-container"
)

// blobs is Azurite, over TLS: it takes tokens over nothing else.
type blobs struct {
	*harness.Peer
	url  string // of the account
	line *harness.Line
}

func newBlobs(t testing.TB) *blobs {
	t.Helper()
	module := harness.FindModule(t, "azurite")
	_, cert, key := certificate(t, "localhost")
	port := strconv.Itoa(harness.FreePort(t))
	b := &blobs{}
	address := net.JoinHostPort("127.0.0.1", port)
	b.Peer = harness.StartPeer(t, harness.PeerOptions{Path: harness.FindPeer(t, "node"), Address: address, Dir: t.TempDir(), Args: []string{
		filepath.Join(module, "dist", "src", "blob", "main.js"), "--blobHost", "127.0.0.1", "--blobPort", port, "--silent", "--disableTelemetry",
		"--oauth", "basic", "--cert", cert, "--key", key, "--location", t.TempDir()}})
	b.line = harness.NewLine(t, address)
	b.url = "https://" + b.line.Address + "/" + azureAccount
	b.do(t, "PUT", azureContainer, "restype=container")
	return b
}

// end breaks all connections and stops the server. Azurite keeps what it was told only when it is asked to stop.
func (b *blobs) end() {
	b.line.Cut()
	b.Stop()
}

// sas is a shared access signature for the whole account, made here.
func sas(permissions string, until time.Time) string {
	q := url.Values{"sv": {"2020-08-04"}, "ss": {"b"}, "srt": {"sco"}, "sp": {permissions}, "st": {time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)},
		"se": {until.UTC().Format(time.RFC3339)}, "spr": {"https"}}
	text := strings.Join([]string{azureAccount, q.Get("sp"), q.Get("ss"), q.Get("srt"), q.Get("st"), q.Get("se"), "", q.Get("spr"), q.Get("sv"), ""}, "\n")
	key, _ := base64.StdEncoding.DecodeString(azureKey)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	q.Set("sig", base64.StdEncoding.EncodeToString(h.Sum(nil)))
	return q.Encode()
}

// do makes a request of the test's own, and returns the body of a success, nil when there is nothing.
func (b *blobs) do(t testing.TB, method, path, query string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+"/"+path+"?"+query+"&"+sas("rwdlac", time.Now().Add(time.Hour)), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode > 299 && res.StatusCode != 404 {
		t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, body, err)
	}
	if res.StatusCode == 404 {
		return nil
	}
	return body
}

const azurePath = "line 1/données+&="

func (b *blobs) stored(t testing.TB, name string) []byte {
	t.Helper()
	return b.do(t, "GET", azureContainer+"/"+(&url.URL{Path: azurePath + "/" + name}).EscapedPath(), "")
}

func (b *blobs) settings(changes map[string]any) map[string]any {
	all := map[string]any{"useADLS": false, "useCustomUrl": true, "customUrl": b.url, "container": azureContainer, "path": azurePath,
		"authentication": "access-key", "accessKey": azureKey, "useProxy": false}
	maps.Copy(all, changes)
	return all
}

func TestBlobStorage(t *testing.T) {
	t.Parallel()
	b := newBlobs(t)
	t.Run("takes keys and signatures", b.takesKeys)
	t.Run("takes tokens", b.takesTokens)
	t.Run("tells what is wrong without the keys", b.tellsWhatIsWrong)
}

func (b *blobs) takesKeys(t *testing.T) {
	for name, changes := range map[string]map[string]any{
		"access key": nil,
		"sas":        {"authentication": "sas-token", "sasToken": "?" + sas("rwdc", time.Now().Add(time.Hour))},
	} {
		n := built(t, azureblob.Type, b.settings(changes), memory{}, io.Discard)
		report, err := n.Test(t.Context())
		if got := facts(report); err != nil || got["Account"] != azureAccount || got["Container"] != azureContainer || got["Storage Type"] != "Azure Blob Storage" {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		for file, size := range map[string]int{"empty.csv": 0, "one.csv": 1, "sub/folder/ü b+c%41~!'()*.json": 1000, "whole part.bin": 8 << 20, "parts.bin": 17<<20 + 7} {
			text := filling(uint64(size)+uint64(len(name)), size)
			if err := n.Send(t.Context(), delivery(file, text, 0, nil)); err != nil {
				t.Fatalf("%s: %s: %v", name, file, err)
			}
			if !bytes.Equal(b.stored(t, file), text) {
				t.Errorf("%s: %s is not what was sent", name, file)
			}
		}
		if b.stored(t, "oibus-azure-test.txt") != nil {
			t.Errorf("%s: the test leaves its file", name)
		}
	}
}

// tokenFor is a token as Entra ID gives them. Azurite looks at what it says, not at who signed it.
func tokenFor(t testing.TB, audience string, life time.Duration) string {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"aud": audience, "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
		"nbf": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(life).Unix(), "iat": time.Now().Add(-time.Hour).Unix()}).SignedString([]byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// only is one token for ever.
type only string

func (o only) Token(context.Context) (string, error) { return string(o), nil }
func (o only) Forget()                               {}
func (o only) Close()                                {}

func (b *blobs) takesTokens(t *testing.T) {
	for _, c := range []struct {
		token string
		ok    bool
	}{{tokenFor(t, "https://storage.azure.com", time.Hour), true}, {tokenFor(t, "https://storage.azure.com", -time.Minute), false},
		{tokenFor(t, "https://other.example", time.Hour), false}} {
		client, err := azure.New(azure.Options{URL: b.url, Container: azureContainer, Tokens: only(c.token), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		f := azure.File{Path: azurePath + "/token.bin", ID: "x", Size: 10 << 20, Open: delivery("", filling(1, 10<<20), 0, nil).Open}
		err = client.Put(t.Context(), f)
		if (err == nil) != c.ok || err != nil && strings.Contains(err.Error(), c.token) {
			t.Errorf("got %v", err)
		}
		if c.ok && !bytes.Equal(b.stored(t, "token.bin"), filling(1, 10<<20)) {
			t.Error("what is there is not what was sent")
		}
	}
}

func (b *blobs) tellsWhatIsWrong(t *testing.T) {
	wrongKey := base64.StdEncoding.EncodeToString([]byte("a wrong key, long enough"))
	expired := sas("rwdc", time.Now().Add(-time.Minute))
	for _, c := range []struct {
		changes map[string]any
		want    string
	}{
		{map[string]any{"container": "another-container"}, "ContainerNotFound"},
		{map[string]any{"accessKey": wrongKey}, "InvalidAuthenticationInfo"},
		{map[string]any{"authentication": "sas-token", "sasToken": expired}, "AuthorizationFailure"},
		{map[string]any{"authentication": "sas-token", "sasToken": sas("r", time.Now().Add(time.Hour))}, "AuthorizationPermissionMismatch"},
	} {
		n := built(t, azureblob.Type, b.settings(c.changes), nil, io.Discard)
		_, err := n.Test(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "sig=") || strings.Contains(err.Error(), wrongKey) {
			t.Errorf("%v: got %v", c.changes, err)
		}
		again, isAgain := north.IsAgain(n.Send(t.Context(), delivery("x", []byte("x"), 0, nil)))
		if !isAgain || again.Answer {
			t.Errorf("%s: a file would go to the error folder, or be set back", c.want)
		}
	}
	// What may only be written is enough to send.
	n := built(t, azureblob.Type, b.settings(map[string]any{"authentication": "sas-token", "sasToken": sas("wc", time.Now().Add(time.Hour))}), nil, io.Discard)
	if err := n.Send(t.Context(), delivery("big", filling(3, 9<<20), 0, nil)); err != nil {
		t.Error(err)
	}
}

func TestBlobStorageIsWholeOrNotThereWhenTheServerEndsInBetween(t *testing.T) {
	t.Parallel()
	blobsInterrupted(t, 1)
}

func TestBlobStorageSweepOfInterruptions(t *testing.T) {
	t.Parallel()
	sweep(t)
	blobsInterrupted(t, 15)
}

func blobsInterrupted(t *testing.T, rounds int) {
	b := newBlobs(t)
	const size = 20 << 20
	for i := range rounds {
		name, text := fmt.Sprintf("file-%d.bin", i), filling(uint64(i), size)
		n := built(t, azureblob.Type, b.settings(nil), nil, io.Discard)
		err := n.Send(t.Context(), delivery(name, text, size*(2*i+1)/(2*rounds), b.end))
		if _, again := north.IsAgain(err); !again {
			t.Fatalf("round %d: got %v", i, err)
		}
		b.Restart()
		b.line.Mend()
		if left := b.stored(t, name); left != nil {
			t.Fatalf("round %d: %d bytes are there before all were sent", i, len(left))
		}
		if err := n.Send(t.Context(), delivery(name, text, 0, nil)); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if !bytes.Equal(b.stored(t, name), text) {
			t.Fatalf("round %d: what is there is not what was sent", i)
		}
	}
	if count := strings.Count(string(b.do(t, "GET", azureContainer, "restype=container&comp=list")), "/file-"); count != rounds {
		t.Errorf("%d blobs are there, %d were sent", count, rounds)
	}
}
