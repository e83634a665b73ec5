package azure

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"

	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/object"
)

const (
	maxBlocks    = 50_000   // of a blob
	maxBlockList = 16 << 20 // bytes of the answer that lists them
)

// putBlob sends a blob at once, or a big one in blocks, which show only when all are there.
func (c *Client) putBlob(ctx context.Context, f File, source io.Reader) error {
	buf := make([]byte, min(f.Size, max(c.part, (f.Size+maxBlocks-1)/maxBlocks)))
	if f.Size > int64(len(buf)) {
		return c.putBlocks(ctx, f, source, buf)
	}
	if err := object.ReadPart(source, buf, true); err != nil {
		return err
	}
	return c.plain(ctx, call{method: "PUT", file: f.Path, body: buf, header: append(checked(buf),
		httpclient.Param{Key: "x-ms-blob-type", Value: "BlockBlob"}, httpclient.Param{Key: "Content-Type", Value: contentType})})
}

// checked has the server compare what arrives.
func checked(body []byte) httpclient.Header {
	sum := md5.Sum(body)
	return httpclient.Header{{Key: "Content-MD5", Value: base64.StdEncoding.EncodeToString(sum[:])}}
}

// putBlocks names blocks by their content: what the server has of an attempt that was interrupted is not sent again.
func (c *Client) putBlocks(ctx context.Context, f File, source io.Reader, buf []byte) error {
	there, err := c.blocks(ctx, f.Path)
	if err != nil {
		return err
	}
	var list bytes.Buffer
	list.WriteString("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>")
	for n, left := 0, f.Size; left > 0; n, left = n+1, left-int64(len(buf)) {
		buf = buf[:min(left, int64(len(buf)))]
		if err := object.ReadPart(source, buf, left == int64(len(buf))); err != nil {
			return err
		}
		id := blockID(n, buf)
		list.WriteString("<Latest>" + id + "</Latest>")
		if size, ok := there[id]; ok && size == int64(len(buf)) {
			continue
		}
		err := c.plain(ctx, call{method: "PUT", file: f.Path, body: buf, header: checked(buf),
			params: []httpclient.Param{{Key: "comp", Value: "block"}, {Key: "blockid", Value: id}}})
		if err != nil {
			return fmt.Errorf("block %d: %w", n+1, err)
		}
	}
	list.WriteString("</BlockList>")
	return c.plain(ctx, call{method: "PUT", file: f.Path, body: list.Bytes(), params: []httpclient.Param{{Key: "comp", Value: "blocklist"}},
		header: httpclient.Header{{Key: "x-ms-blob-content-type", Value: contentType}, {Key: "Content-Type", Value: "application/xml"}}})
}

// blockID is as long for each block of a blob.
func blockID(n int, block []byte) string {
	sum := md5.Sum(block)
	return base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%06d-%s", n, hex.EncodeToString(sum[:]))))
}

// blocks are those that wait to become part of a blob. None are known of one that is not there, or must not be read.
func (c *Client) blocks(ctx context.Context, path string) (map[string]int64, error) {
	res, err := c.do(ctx, call{method: "GET", file: path, params: []httpclient.Param{{Key: "comp", Value: "blocklist"}, {Key: "blocklisttype", Value: "uncommitted"}}})
	if e, ok := err.(*Error); ok && (e.Status == 403 || e.Status == 404) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer res.Close()
	raw, err := io.ReadAll(io.LimitReader(res, maxBlockList))
	if err != nil {
		return nil, fmt.Errorf("cannot read the answer: %w", err)
	}
	return parseBlocks(raw), nil
}

// parseBlocks reads a list of blocks. What it does not understand is no block, which is then sent.
func parseBlocks(raw []byte) map[string]int64 {
	var answer struct {
		Blocks []struct {
			Name string `xml:"Name"`
			Size int64  `xml:"Size"`
		} `xml:"UncommittedBlocks>Block"`
	}
	if xml.Unmarshal(bytes.TrimPrefix(raw, []byte("\ufeff")), &answer) != nil {
		return nil
	}
	there := map[string]int64{}
	for _, b := range answer.Blocks {
		there[b.Name] = b.Size
	}
	return there
}
