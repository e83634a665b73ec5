package s3

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const secret = "the-secret-key"

// bucket is a small server that checks what is signed. fault, when it is set, may answer a request in its place.
type bucket struct {
	*httptest.Server
	mu      sync.Mutex
	now     time.Time
	region  string
	objects map[string]string
	parts   map[string]map[int]string // of the uploads that are open
	calls   []string
	fault   func(w http.ResponseWriter, r *http.Request, call string) bool
}

func newBucket(t *testing.T) *bucket {
	b := &bucket{now: time.Now(), region: "eu-west-3", objects: map[string]string{}, parts: map[string]map[int]string{}}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func refuse(w http.ResponseWriter, status int, code, more string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no %s</Message>%s</Error>", code, code, more)
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		return
	}
	q := r.URL.Query()
	call := r.Method
	for _, name := range []string{"uploads", "uploadId", "partNumber"} {
		if q.Has(name) {
			call += " " + cmp.Or(map[string]string{"partNumber": name + "=" + q.Get(name)}[name], name)
		}
	}
	b.calls = append(b.calls, call)
	w.Header().Set("Date", b.now.UTC().Format(http.TimeFormat))
	at, _ := time.Parse(stampLayout, r.Header.Get("X-Amz-Date"))
	key, object := "AKID", strings.TrimPrefix(r.URL.Path, "/bucket")
	switch off := at.Sub(b.now); {
	case max(off, -off) > 15*time.Minute:
		refuse(w, 403, "RequestTimeTooSkewed", "")
		return
	case !strings.Contains(r.Header.Get("Authorization"), "Credential="+key+"/"+at.Format(dayLayout)+"/"+b.region+"/s3/aws4_request, SignedHeaders="):
		refuse(w, 400, "AuthorizationHeaderMalformed", "<Region>"+b.region+"</Region>")
		return
	case r.Header.Get("X-Amz-Content-Sha256") != digest(body):
		refuse(w, 400, "XAmzContentSHA256Mismatch", "")
		return
	case b.fault != nil && b.fault(w, r, call):
		return
	}
	b.serve(w, r.Method, object, q.Get("uploadId"), q.Get("partNumber"), q.Get("part-number-marker"), q.Has("uploads"), body)
}

func (b *bucket) serve(w http.ResponseWriter, method, object, upload, number, after string, starts bool, body []byte) {
	marker, _ := strconv.Atoi(after)
	sum := md5.Sum(body)
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	switch {
	case method == "POST" && starts:
		upload = fmt.Sprintf("upload-%d+/", len(b.calls))
		b.parts[upload] = map[int]string{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", upload)
	case upload != "" && b.parts[upload] == nil:
		refuse(w, 404, "NoSuchUpload", "")
	case method == "PUT" && number != "":
		n, _ := strconv.Atoi(number)
		b.parts[upload][n] = string(body)
		w.Header().Set("ETag", etag)
	case method == "GET" && upload != "": // one part a page
		fmt.Fprint(w, "<ListPartsResult>")
		numbers := slices.Sorted(maps.Keys(b.parts[upload]))
		for i, n := range numbers {
			if n <= marker {
				continue
			}
			if n > marker && i > 0 && numbers[i-1] > marker {
				fmt.Fprint(w, "<IsTruncated>true</IsTruncated>")
				break
			}
			sum := md5.Sum([]byte(b.parts[upload][n]))
			fmt.Fprintf(w, `<Part><PartNumber>%d</PartNumber><ETag>"%x"</ETag><Size>%d</Size></Part>`, n, sum, len(b.parts[upload][n]))
		}
		fmt.Fprint(w, "</ListPartsResult>")
	case method == "POST":
		var whole strings.Builder
		for n := 1; n <= len(b.parts[upload]); n++ {
			whole.WriteString(b.parts[upload][n])
		}
		if strings.Count(string(body), "<Part>") != len(b.parts[upload]) {
			refuse(w, 400, "InvalidPart", "")
			return
		}
		b.objects[object] = whole.String()
		delete(b.parts, upload)
		fmt.Fprint(w, "\n\n<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
	case method == "DELETE":
		delete(b.parts, upload)
		w.WriteHeader(204)
	case method == "PUT":
		b.objects[object] = string(body)
		w.Header().Set("ETag", etag)
	}
}

// object is what is under a key, and how many uploads are open.
func (b *bucket) object(key string) (text string, open int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.objects["/"+key], len(b.parts)
}

func (b *bucket) called() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

func (b *bucket) faulty(f func(w http.ResponseWriter, r *http.Request, call string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls, b.fault = nil, f
}

// memory is a connector.Memory that does not last.
type memory map[string]json.RawMessage

func (m memory) Get(key string) (json.RawMessage, bool) { v, ok := m[key]; return v, ok }

func (m memory) Set(changes map[string]json.RawMessage) error {
	for k, v := range changes {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return nil
}

func clientOf(t *testing.T, b *bucket, m memory, log io.Writer) *Client {
	t.Helper()
	o := Options{Bucket: "bucket", Region: "eu-west-3", AccessKey: "AKID", SecretKey: secret, Endpoint: b.URL, PathStyle: true, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(log, nil))}
	if m != nil {
		o.Memory = m
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.part = 10
	t.Cleanup(c.Close)
	return c
}

func objectOf(key, text string) Object {
	return Object{Key: key, ID: key, Size: int64(len(text)), Open: func() io.ReadCloser { return io.NopCloser(bytes.NewReader([]byte(text))) }}
}
