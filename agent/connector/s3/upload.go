package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/object"
)

// upload is an object that is being sent in parts.
type upload struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	ID     string `json:"id"` // of the object
	Upload string `json:"upload"`
	Part   int64  `json:"part"` // size of the parts
}

// part is a part that the server has.
type part struct {
	Number int    `xml:"PartNumber"`
	ETag   string `xml:"ETag"`
	Size   int64  `xml:"Size"`
}

// putParts sends an object in parts as long as part.
func (c *Client) putParts(ctx context.Context, o Object, source io.Reader, buf []byte) error {
	there, err := c.begin(ctx, o, int64(len(buf)))
	if err != nil {
		return err
	}
	err = c.sendParts(ctx, o, source, buf, there)
	var refused *Error
	if errors.As(err, &refused) && !c.worthKeeping(refused) {
		c.giveUp(ctx)
	}
	return err
}

// worthKeeping says whether what was sent may be of use after a refusal.
func (c *Client) worthKeeping(e *Error) bool {
	switch e.Code {
	case "NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall":
		return false
	}
	return e.Temporary()
}

// begin starts an upload, or finds out what one that was interrupted has got.
func (c *Client) begin(ctx context.Context, o Object, size int64) (there map[int]part, err error) {
	if c.open != nil {
		there, err = c.list(ctx)
		var e *Error
		if !errors.As(err, &e) || c.worthKeeping(e) {
			return there, err
		}
		c.giveUp(ctx)
	}
	res, err := c.do(ctx, call{method: "POST", object: o.Key, params: []httpclient.Param{{Key: "uploads"}}, contentType: contentType})
	if err != nil {
		return nil, err
	}
	defer res.Close()
	var answer struct {
		XMLName xml.Name `xml:"InitiateMultipartUploadResult"`
		Upload  string   `xml:"UploadId"`
	}
	if err := decode(res, &answer); err != nil {
		return nil, err
	}
	if answer.Upload == "" {
		return nil, odd(res, "the answer names no upload")
	}
	return nil, c.remember(&upload{Bucket: c.o.Bucket, Key: o.Key, ID: o.ID, Upload: answer.Upload, Part: size})
}

// list asks which parts the server has.
func (c *Client) list(ctx context.Context) (map[int]part, error) {
	there := map[int]part{}
	for marker := 0; ; {
		res, err := c.do(ctx, call{method: "GET", object: c.open.Key, params: []httpclient.Param{
			{Key: "uploadId", Value: c.open.Upload}, {Key: "part-number-marker", Value: strconv.Itoa(marker)}}})
		if err != nil {
			return nil, err
		}
		var answer struct {
			XMLName   xml.Name `xml:"ListPartsResult"`
			Parts     []part   `xml:"Part"`
			Truncated bool     `xml:"IsTruncated"`
		}
		err = decode(res, &answer)
		res.Close()
		if err != nil {
			return nil, err
		}
		before := marker
		for _, p := range answer.Parts {
			there[p.Number] = p
			marker = max(marker, p.Number)
		}
		if !answer.Truncated || marker == before || len(there) > maxParts {
			return there, nil
		}
	}
}

// sendParts sends the parts that are not there, and makes the object of them.
func (c *Client) sendParts(ctx context.Context, o Object, source io.Reader, buf []byte, there map[int]part) error {
	var all []part
	for left := o.Size; left > 0; left -= int64(len(buf)) {
		buf = buf[:min(left, int64(len(buf)))]
		if err := object.ReadPart(source, buf, left == int64(len(buf))); err != nil {
			return err
		}
		p := part{Number: len(all) + 1, Size: int64(len(buf))}
		if sent, ok := there[p.Number]; ok && sent.Size == p.Size && sameContent(sent.ETag, buf) {
			all = append(all, sent)
			continue
		}
		var err error
		if p.ETag, err = c.sendPart(ctx, p.Number, buf); err != nil {
			return fmt.Errorf("part %d: %w", p.Number, err)
		}
		all = append(all, p)
	}
	if err := c.complete(ctx, all); err != nil {
		return err
	}
	c.forget()
	return nil
}

// sameContent says whether an ETag is that of content. It is not of one that is encrypted with a key of its own, which is
// then sent again.
func sameContent(etag string, content []byte) bool {
	sum := md5.Sum(content)
	return strings.Trim(etag, `"`) == hex.EncodeToString(sum[:])
}

func (c *Client) sendPart(ctx context.Context, number int, body []byte) (etag string, err error) {
	res, err := c.do(ctx, call{method: "PUT", object: c.open.Key, body: body, params: []httpclient.Param{
		{Key: "partNumber", Value: strconv.Itoa(number)}, {Key: "uploadId", Value: c.open.Upload}}})
	if err != nil {
		return "", err
	}
	defer res.Close()
	if etag = res.Header.Get("ETag"); etag == "" {
		return "", odd(res, "the answer has no ETag")
	}
	return etag, nil
}

// complete makes the object. The answer may be a success that turns into a failure.
func (c *Client) complete(ctx context.Context, parts []part) error {
	var b bytes.Buffer
	b.WriteString(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	for _, p := range parts {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>", p.Number)
		_ = xml.EscapeText(&b, []byte(p.ETag)) // a buffer takes everything
		b.WriteString("</ETag></Part>")
	}
	b.WriteString("</CompleteMultipartUpload>")
	res, err := c.do(ctx, call{method: "POST", object: c.open.Key, contentType: "application/xml", body: b.Bytes(),
		params: []httpclient.Param{{Key: "uploadId", Value: c.open.Upload}}})
	if err != nil {
		return err
	}
	defer res.Close()
	var answer struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		ETag    string   `xml:"ETag"`
	}
	if err := decode(res, &answer); err != nil {
		return err
	}
	if answer.ETag == "" {
		return odd(res, "the answer names no object")
	}
	return nil
}
