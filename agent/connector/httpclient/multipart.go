package httpclient

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Multipart is the body that uploads one file (protocol/data-plane.md, section 6.1), and its content type.
func Multipart(filename string, file func() io.ReadCloser, now time.Time) (body func() io.ReadCloser, contentType string) {
	boundary := fmt.Sprintf("OIBusBoundary%d", now.UnixMilli())
	head := fmt.Sprintf("--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n"+
		"Content-Type: application/octet-stream\r\n\r\n", boundary, quotable(filename))
	tail := fmt.Sprintf("\r\n--%s--\r\n", boundary)
	body = func() io.ReadCloser {
		f := file()
		return &joined{io.MultiReader(strings.NewReader(head), f, strings.NewReader(tail)), f}
	}
	return body, "multipart/form-data; boundary=" + boundary
}

// quotable escapes, as forms of browsers do, what would end the name or the line it stands in.
func quotable(filename string) string {
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(filename)
}

// joined reads one thing and closes another.
type joined struct {
	io.Reader
	closer io.Closer
}

func (j *joined) Close() error { return j.closer.Close() }
