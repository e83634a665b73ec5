package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/object"
)

func TestObjectsOfAllSizesArriveWhole(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	c := clientOf(t, b, nil, io.Discard)
	for _, size := range []int{0, 1, 9, 10, 11, 20, 25, 137} {
		text := strings.Repeat("0123456789abc", 20)[:size]
		key := "folder/ä b+c&d=é%41$('*)!~/" + strings.Repeat("x", size)
		if err := c.Put(t.Context(), objectOf(key, text)); err != nil {
			t.Fatal(err)
		}
		if got, open := b.object(key); got != text || open != 0 {
			t.Errorf("%d bytes: got %q, %d open", size, got, open)
		}
	}
	if err := c.Put(t.Context(), objectOf("/leading", "x")); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.object("/leading"); got != "x" {
		t.Error("the leading slash is lost")
	}
}

func TestAnUploadGoesOnWhereItWasInterruptedAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	m := memory{}
	text := strings.Repeat("0123456789", 4) + "end"
	b.faulty(func(w http.ResponseWriter, _ *http.Request, call string) bool {
		if strings.HasSuffix(call, "partNumber=3") {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	err := clientOf(t, b, m, io.Discard).Put(t.Context(), objectOf("k", text))
	var refused *Error
	if err == nil || errors.As(err, &refused) || len(m) != 1 {
		t.Fatalf("got %v, %v remembered", err, m)
	}
	b.faulty(nil)
	if err := clientOf(t, b, m, io.Discard).Put(t.Context(), objectOf("k", text)); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET uploadId", "GET uploadId", "PUT uploadId partNumber=3", "PUT uploadId partNumber=4", "PUT uploadId partNumber=5", "POST uploadId"}
	if got := b.called(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, open := b.object("k"); got != text || open != 0 || len(m) != 0 {
		t.Errorf("got %q, %d open, %v remembered", got, open, m)
	}
}

func TestPartsOfSomethingElseAreNotTakenOver(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	m := memory{}
	c := clientOf(t, b, m, io.Discard)
	interrupt := func(w http.ResponseWriter, _ *http.Request, call string) bool {
		if strings.HasSuffix(call, "partNumber=3") {
			refuse(w, 503, "SlowDown", "")
			return true
		}
		return false
	}
	b.faulty(interrupt)
	if err := c.Put(t.Context(), objectOf("k", strings.Repeat("a", 45))); err == nil {
		t.Fatal("no error")
	}
	b.faulty(nil)
	// The same content under the same name, but for one part.
	text := strings.Repeat("a", 15) + strings.Repeat("b", 30)
	if err := c.Put(t.Context(), objectOf("k", text)); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.object("k"); got != text {
		t.Errorf("got %q", got)
	}
	b.faulty(interrupt)
	if err := c.Put(t.Context(), objectOf("k", text)); err == nil {
		t.Fatal("no error")
	}
	b.faulty(nil)
	if err := c.Put(t.Context(), objectOf("other", "x")); err != nil {
		t.Fatal(err)
	}
	if _, open := b.object("k"); open != 0 || len(m) != 0 {
		t.Errorf("%d uploads are left open, %v is remembered", open, m)
	}
}

func TestAnUploadThatIsRefusedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{"PUT uploadId partNumber=2": "EntityTooLarge", "POST uploadId": "InvalidPart", "PUT uploadId partNumber=3": "NoSuchUpload"} {
		b := newBucket(t)
		m := memory{}
		b.faulty(func(w http.ResponseWriter, _ *http.Request, call string) bool {
			if call == name {
				refuse(w, 400, code, "")
			}
			return call == name
		})
		c := clientOf(t, b, m, io.Discard)
		err := c.Put(t.Context(), objectOf("k", strings.Repeat("a", 45)))
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != code || refused.Temporary() != (code != "EntityTooLarge") {
			t.Errorf("%s: got %v", name, err)
		}
		if _, open := b.object("k"); open != 0 || len(m) != 0 {
			t.Errorf("%s: %d uploads are left open, %v is remembered", name, open, m)
		}
		b.faulty(nil)
		if err := c.Put(t.Context(), objectOf("k", strings.Repeat("a", 45))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUploadThatTheServerForgotBeginsAnew(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	m := memory{memoryKey: []byte(`{"bucket":"bucket","key":"k","id":"k","upload":"gone","part":10}`)}
	if err := clientOf(t, b, m, io.Discard).Put(t.Context(), objectOf("k", strings.Repeat("a", 45))); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.object("k"); len(got) != 45 {
		t.Errorf("got %q", got)
	}
}

func TestASuccessThatMeansAFailureIsOne(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"an error":    "\n\n<Error><Code>InternalError</Code><Message>We encountered an internal error</Message></Error>",
		"nothing":     "",
		"a web page":  "<html><body>welcome</body></html>",
		"no object":   "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>",
		"cut off":     "<CompleteMultipartUploadResult><ETag>x</ET",
		"other words": "<Ok/>",
	} {
		for _, call := range []string{"POST uploadId", "POST uploads"} {
			b := newBucket(t)
			b.faulty(func(w http.ResponseWriter, _ *http.Request, c string) bool {
				if c == call {
					_, _ = io.WriteString(w, answer)
				}
				return c == call
			})
			err := clientOf(t, b, nil, io.Discard).Put(t.Context(), objectOf("k", strings.Repeat("a", 45)))
			var refused *Error
			if !errors.As(err, &refused) || !refused.Temporary() {
				t.Errorf("%s to %s: got %v", name, call, err)
			}
		}
	}
}

func TestAWrongClockIsCorrected(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	b := newBucket(t)
	b.now = time.Now().Add(-73 * time.Hour)
	c := clientOf(t, b, nil, &log)
	if err := c.Put(t.Context(), objectOf("k", "text")); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), objectOf("l", "text")); err != nil || len(b.called()) != 3 {
		t.Errorf("got %v, %q", err, b.called())
	}
	if !strings.Contains(log.String(), "The clock of this machine differs by -73h0m") {
		t.Errorf("got %s", log.String())
	}
}

func TestABucketInAnotherRegionIsFound(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	b := newBucket(t)
	b.region = "us-west-2"
	c := clientOf(t, b, nil, &log)
	if err := c.Put(t.Context(), objectOf("k", "text")); err != nil || c.Region() != "us-west-2" {
		t.Errorf("got %v, %s", err, c.Region())
	}
	b.faulty(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		refuse(w, 400, "AuthorizationHeaderMalformed", "<Region>evil.example/</Region>")
		return true
	})
	if err := c.Put(t.Context(), objectOf("k", "text")); err == nil || c.Region() != "us-west-2" || len(b.called()) != 1 {
		t.Errorf("got %v, %s", err, c.Region())
	}
}

func TestAddressesAreThoseOfAmazon(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ bucket, region, want string }{
		{"bucket", "eu-west-3", "https://bucket.s3.eu-west-3.amazonaws.com/a/b%20c"},
		{"my.bucket", "eu-west-3", "https://s3.eu-west-3.amazonaws.com/my.bucket/a/b%20c"},
		{"Old_Bucket", "us-east-1", "https://s3.us-east-1.amazonaws.com/Old_Bucket/a/b%20c"},
		{"bucket", "cn-north-1", "https://bucket.s3.cn-north-1.amazonaws.com.cn/a/b%20c"},
		{"bucket", "us-isob-east-1", "https://bucket.s3.us-isob-east-1.sc2s.sgov.gov/a/b%20c"},
	} {
		client, err := New(Options{Bucket: c.bucket, Region: c.region})
		if err != nil {
			t.Fatal(err)
		}
		if got := client.address("a/b c", "").String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	client, _ := New(Options{Bucket: "bucket", Region: "eu-west-3", Log: clientOf(t, newBucket(t), nil, io.Discard).o.Log})
	moved := &Error{Refusal: object.Refusal{Status: 301}, region: "eu-central-1"}
	if !client.corrected(moved) || client.address("a", "").Host != "bucket.s3.eu-central-1.amazonaws.com" || client.corrected(moved) {
		t.Error("a redirect is not followed")
	}
	for _, wrong := range []Options{{Bucket: "b", Region: "eu west"}, {Bucket: "b", Region: "x.evil.example/"}, {Region: "eu-west-3"}, {Bucket: "b", Region: "eu-west-3", Endpoint: "ftp://x"}} {
		var settings *httpclient.SettingsError
		if _, err := New(wrong); !errors.As(err, &settings) {
			t.Errorf("%+v: got %v", wrong, err)
		}
	}
}

func TestRefusalsSayWhyAndWhetherTheyPass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status           int
		code             string
		temporary, about bool
	}{
		{503, "SlowDown", true, false}, {429, "", true, false}, {403, "AccessDenied", true, true}, {403, "InvalidAccessKeyId", true, false},
		{404, "NoSuchBucket", true, false}, {400, "KeyTooLongError", false, true}, {400, "RequestTimeout", true, false}, {500, "InternalError", true, true},
		{301, "PermanentRedirect", true, false}, {307, "", true, false}, {400, "InvalidBucketName", true, false}, {400, "ExpiredToken", true, false},
	} {
		b := newBucket(t)
		b.faulty(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(c.status)
			if c.code != "" {
				_, _ = io.WriteString(w, "<?xml version=\"1.0\"?>\n<Error><Code>"+c.code+"</Code><Message>sent "+secret+"</Message></Error>")
			}
			return true
		})
		err := clientOf(t, b, nil, io.Discard).Put(t.Context(), objectOf("k", "text"))
		var refused *Error
		if !errors.As(err, &refused) || refused.Temporary() != c.temporary || refused.AboutObject() != c.about || refused.After != 7*time.Second ||
			!strings.Contains(err.Error(), c.code) || strings.Contains(err.Error(), secret) {
			t.Errorf("%d %s: got %v", c.status, c.code, err)
		}
	}
}

func TestTheTestAsksForTheReason(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	c := clientOf(t, b, nil, io.Discard)
	if err := c.Head(t.Context()); err != nil {
		t.Error(err)
	}
	b.faulty(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		refuse(w, 403, "InvalidAccessKeyId", "")
		return true
	})
	if err := c.Head(t.Context()); err == nil || err.Error() != "InvalidAccessKeyId: no InvalidAccessKeyId (403)" {
		t.Errorf("got %v", err)
	}
}

func TestASourceThatIsNotAsAnnouncedIsNotSent(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	c := clientOf(t, b, memory{}, io.Discard)
	for _, wrong := range []int64{3, 5, 31, 33} {
		text := strings.Repeat("a", 32)
		if wrong < 10 {
			text = "text"
		}
		o := objectOf("k", text)
		o.Size = wrong
		var source *httpclient.BodyError
		if err := c.Put(t.Context(), o); !errors.As(err, &source) {
			t.Errorf("%d: got %v", wrong, err)
		}
		if got, _ := b.object("k"); got != "" {
			t.Errorf("%d: %q was put", wrong, got)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`<Error><Code>A</Code><Message>b</Message><Region>r</Region></Error>`))
	f.Add([]byte(`<ListPartsResult><IsTruncated>true</IsTruncated><Part><PartNumber>-1</PartNumber></Part></ListPartsResult>`))
	f.Add([]byte("<?xml version=\"1.0\" encoding=\"x\"?><!DOCTYPE a [<!ENTITY b \"c\">]><Error>&b;</Error>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e := parseError(raw); e != nil && (e.Code == "" || strings.ContainsAny(e.Error(), "\r\n") || len(e.Error()) > 1500) {
			t.Errorf("%q", e.Error())
		}
		var answer struct {
			XMLName xml.Name `xml:"ListPartsResult"`
			Parts   []part   `xml:"Part"`
		}
		_ = xml.Unmarshal(raw, &answer)
	})
}
