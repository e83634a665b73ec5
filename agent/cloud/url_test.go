package cloud

import (
	"errors"
	"strings"
	"testing"
)

func TestURLsAreResolvedAsInTheTableOfTheProtocol(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ host, base, path, want string }{
		{"https://acme.oianalytics.com", "", "/api/x", "https://acme.oianalytics.com/api/x"},
		{"https://acme.oianalytics.com/", "", "/api/x", "https://acme.oianalytics.com/api/x"},
		{"https://gw.acme.com/base/", "", "/api/x", "https://gw.acme.com/api/x"},
		{"https://gw.acme.com", "/oianalytics", "/api/x", "https://gw.acme.com/oianalytics/api/x"},
		{"https://gw.acme.com", "oianalytics", "/api/x", "https://gw.acme.com/oianalytics/api/x"},
		{"https://acme.oianalytics.com", "", "https://other.com/check?id=1", "https://other.com/check?id=1"},
		// W-03: not broken here
		{"https://gw.acme.com", "/oianalytics", "https://acme.oianalytics.com/check?id=1", "https://acme.oianalytics.com/check?id=1"},
		{"https://gw.acme.com", "/oianalytics", "/check?id=1", "https://gw.acme.com/oianalytics/check?id=1"},
		// beside the table
		{"  HTTPS://acme.oianalytics.com \n", "", "/api/x", "https://acme.oianalytics.com/api/x"},
		{"http://127.0.0.1:8080/base/", "gw", "/api/x", "http://127.0.0.1:8080/base/gw/api/x"},
		{"http://[::1]:8080", "", "/api/x?a=b#c", "http://[::1]:8080/api/x?a=b"},
		{"http://acme.com", "https://gw.com/v1", "/api/x", "https://gw.com/v1/api/x"},
		{"https://acme.com", "/a b", "/api/x", "https://acme.com/a%20b/api/x"},
	} {
		got, err := endpointURL(Connection{Host: c.host, UseAPIGateway: c.base != "", GatewayBase: c.base}, c.path)
		if err != nil || got.String() != c.want {
			t.Errorf("%q + %q + %q = %v, %v; want %s", c.host, c.base, c.path, got, err, c.want)
		}
	}
}

func TestTheBaseEndpointOfAGatewayThatIsNotInUseIsIgnored(t *testing.T) {
	t.Parallel()
	u, err := endpointURL(Connection{Host: "https://gw.acme.com", GatewayBase: "/oianalytics"}, "/api/x")
	if err != nil || u.String() != "https://gw.acme.com/api/x" {
		t.Fatalf("got %v, %v", u, err)
	}
}

func TestAHostThatIsNoAbsoluteURLFailsBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "acme.com", "acme.com:443", "localhost:8080", "ftp://acme.com", "https://", "https:acme.com", "http://a b", "://", "http://acme.com:port", "/"} {
		err := New("3.9.0").Status(t.Context(), Connection{Host: host}, false)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Local || e.Error() != "Invalid URL" || e.Retryable() {
			t.Errorf("host %q: got %v", host, err)
		}
	}
}

func TestAURLWithCredentialsIsRefusedWithoutShowingThem(t *testing.T) {
	t.Parallel()
	_, err := endpointURL(Connection{Host: "https://me:secret@acme.com"}, "/api/x")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	_, err = endpointURL(Connection{Host: "https://acme.com"}, "https://me:secret@other.com/api/x?token=secret")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestARedirectURLCannotLeadFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	_, err := endpointURL(Connection{Host: "https://acme.com"}, "http://acme.com/check?id=secret")
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "http://acme.com/check") {
		t.Errorf("got %v", err)
	}
}

func TestQueriesArePercentEncodedAndRepeatTheKeyOfAList(t *testing.T) {
	t.Parallel()
	if got, want := query("ids", "cmd 1", "cmd2", "a/b&c=é+"), "?ids=cmd%201&ids=cmd2&ids=a%2Fb%26c%3D%C3%A9%2B"; got != want {
		t.Errorf("query = %s, want %s", got, want)
	}
}

func TestAConnectionPrintsWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	c := Connection{
		Host: "https://u:s3cret@acme.com", ProxyURL: "http://u:s3cret@proxy:3128", ProxyPassword: "s3cret",
		GatewayHeaderValue: "s3cret", Token: "s3cret",
	}
	for _, text := range []string{sprint("%v", c), sprint("%+v", c), sprint("%#v", c), sprint("%s", c), c.LogValue().String()} {
		if strings.Contains(text, "s3cret") || !strings.Contains(text, "acme.com") {
			t.Errorf("printed as %s", text)
		}
	}
}

func FuzzURLsStayOnTheWebAndCarryNoCredentials(f *testing.F) {
	f.Add("https://gw.acme.com", "/oianalytics", "https://acme.oianalytics.com/check?id=1")
	f.Add("https://gw.acme.com/base/", "", "/api/x")
	f.Add("http://[::1]:80", "gw:1", "//other/x")
	f.Add("acme.com", "", "")
	f.Fuzz(func(t *testing.T, host, base, path string) {
		u, err := endpointURL(Connection{Host: host, UseAPIGateway: base != "", GatewayBase: base}, path)
		if err != nil {
			return
		}
		if u.User != nil || u.Hostname() == "" || u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https") {
			t.Errorf("%q + %q + %q gives %q", host, base, path, u)
		}
	})
}
