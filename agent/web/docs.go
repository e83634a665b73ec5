package web

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the document
	"io"
	"net/http"
	"strconv"
	"strings"
)

// openapi.json.gz is the OpenAPI document of the operations that this server answers as the reference does. A test holds
// it against the protocol.
//
//go:embed openapi.json.gz
var openapiDocument []byte

// document answers with the OpenAPI document.
func (s *Server) document(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(openapiDocument)))
		w.Write(openapiDocument) // a client that went away is no one to tell
		return nil
	}
	plain, err := gzip.NewReader(bytes.NewReader(openapiDocument))
	if err != nil {
		return err
	}
	io.Copy(w, plain)
	return nil
}

// acceptsGzip says whether the client takes gzip.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") && strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.") != "" || strings.EqualFold(coding, "gzip") && weight == "" {
			return true
		}
	}
	return false
}
