package s3

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector/httpclient"
)

// The examples of "Signature Calculations for the Authorization Header" in the API reference of Amazon S3.
func TestTheExamplesOfAmazonS3AreSignedAsPublished(t *testing.T) {
	t.Parallel()
	k := key{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3"}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	empty := digest(nil)
	for name, c := range map[string]struct {
		method, path, query, payload string
		header                       httpclient.Header
		want                         string
	}{
		"get object": {"GET", "/test.txt", "", empty, httpclient.Header{{Key: "Range", Value: "bytes=0-9"}},
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		"put object": {"PUT", "/test$file.text", "", digest([]byte("Welcome to Amazon S3.")), httpclient.Header{
			{Key: "Date", Value: "Fri, 24 May 2013 00:00:00 GMT"}, {Key: "x-amz-storage-class", Value: "REDUCED_REDUNDANCY"}},
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		"bucket lifecycle": {"GET", "/", query([]httpclient.Param{{Key: "lifecycle"}}), empty, nil,
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		"list objects": {"GET", "/", query([]httpclient.Param{{Key: "prefix", Value: "J"}, {Key: "max-keys", Value: "2"}}), empty, nil,
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		u := &url.URL{Scheme: "https", Host: "examplebucket.s3.amazonaws.com", Path: c.path, RawPath: escape(c.path, true), RawQuery: c.query}
		header := append(c.header, httpclient.Param{Key: "x-amz-content-sha256", Value: c.payload})
		got := signatureOf(k.sign(c.method, u, header, c.payload, at))
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// Some of the test suite of AWS Signature Version 4.
func TestTheTestSuiteOfTheSignatureIsSignedAsPublished(t *testing.T) {
	t.Parallel()
	k := key{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service"}
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	const unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for name, c := range map[string]struct {
		method, path, query string
		header              httpclient.Header
		want                string
	}{
		"get-vanilla":                       {"GET", "/", "", nil, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"post-vanilla":                      {"POST", "/", "", nil, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		"get-utf8":                          {"GET", "/\u1234", "", nil, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
		"get-unreserved":                    {"GET", "/" + unreserved, "", nil, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		"get-vanilla-query-order-key-case":  {"GET", "/", query([]httpclient.Param{{Key: "Param2", Value: "value2"}, {Key: "Param1", Value: "value1"}}), nil, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		"get-header-value-trim":             {"GET", "/", "", httpclient.Header{{Key: "My-Header1", Value: " value1"}, {Key: "My-Header2", Value: " \"a   b   c\""}}, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		"post-header-key-sort and key-case": {"POST", "/", "", httpclient.Header{{Key: "My-Header1", Value: "value1"}}, "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
	} {
		u := &url.URL{Scheme: "https", Host: "example.amazonaws.com", Path: c.path, RawPath: escape(c.path, true), RawQuery: c.query}
		if got := signatureOf(k.sign(c.method, u, c.header, digest(nil), at)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func signatureOf(h httpclient.Header) string {
	_, signature, _ := strings.Cut(h[len(h)-1].Value, "Signature=")
	return signature
}
