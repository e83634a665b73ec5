package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write openapi.json.gz again from the protocol documents")

// ourOperations are those that the reference does not have, as far as others than our page may use them.
const ourOperations = `{
	"/healthz": {"get": {"operationId": "Healthz", "summary": "Whether the agent works", "tags": ["Operation"], "security": [], "responses": {
		"200": {"description": "It works", "content": {"text/plain": {"schema": {"type": "string"}}}}, "503": {"description": "It does not: see its log"}}}},
	"/metrics": {"get": {"operationId": "Metrics", "summary": "Metrics in the text format of Prometheus", "tags": ["Operation"], "responses": {
		"200": {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}}}},
	"/api/docs": {"get": {"operationId": "Docs", "summary": "This document", "tags": ["Operation"], "responses": {
		"200": {"description": "The document", "content": {"application/json": {"schema": {"type": "object"}}}}}}},
	"/api/page/diagnostics": {"get": {"operationId": "Diagnostics", "summary": "An archive for who helps: settings without secrets, state, logs, goroutines, versions, disk", "tags": ["Operation"], "responses": {
		"200": {"description": "The archive", "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}}},
	"/sse/logs": {"get": {"operationId": "FollowLogs", "summary": "Log entries as they are written; Last-Event-ID goes on after a cut", "tags": ["Operation"],
		"parameters": [{"in": "query", "name": "after", "required": false, "schema": {"type": "string"}}], "responses": {
		"200": {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}}}}
}`

// makeDocument makes the document from that of the protocol: the same operations, and ours.
func makeDocument(t *testing.T) []byte {
	t.Helper()
	var document, own map[string]any
	if err := json.Unmarshal(shared(t, "protocol/openapi.json"), &document); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(ourOperations), &own); err != nil {
		t.Fatal(err)
	}
	for path, item := range own {
		document["paths"].(map[string]any)[path] = item
	}
	document["info"] = map[string]any{"title": "OIBus", "version": document["info"].(map[string]any)["version"],
		"description": "The REST API of this OIBus. Sign in with Basic authentication, with the token of /api/users/authentication, or with the session of the page."}
	document["servers"] = []any{map[string]any{"url": "/"}}
	document["tags"] = append(document["tags"].([]any), map[string]any{"name": "Operation", "description": "Endpoints for who operates the machine"})
	document["security"] = []any{map[string]any{"basic": []any{}}, map[string]any{"bearer": []any{}}}
	document["components"].(map[string]any)["securitySchemes"] = map[string]any{
		"basic": map[string]any{"type": "http", "scheme": "basic"}, "bearer": map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheDocumentIsThatOfTheProtocolAndOurs(t *testing.T) {
	t.Parallel()
	want := makeDocument(t)
	if *rewrite {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		z.Write(want)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("openapi.json.gz", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(openapiDocument))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("openapi.json.gz is out of date (%v): go test -run Document -rewrite", err)
	}
	if len(openapiDocument) > 100<<10 {
		t.Errorf("the document has %d bytes", len(openapiDocument))
	}
}

func TestTheDocumentIsServedToWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	s := historySite(t)
	if r := s.do(call{method: "GET", path: "/api/docs"}); r.status != 401 {
		t.Errorf("without credentials: %d", r.status)
	}
	plain := s.do(call{method: "GET", path: "/api/docs", login: adminLogin, password: adminPassword, header: map[string]string{"Accept-Encoding": "gzip;q=0"}})
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(plain.body), &document); err != nil || plain.header.Get("Content-Encoding") != "" || !strings.HasPrefix(document.OpenAPI, "3.") {
		t.Fatalf("%v, %v", err, plain.header)
	}
	if r := s.as("GET", "/api/docs", ""); r.body != plain.body { // the client unpacks it
		t.Error("packed, the document is another one")
	}
	if r := s.do(call{method: "GET", path: "/api/docs", login: adminLogin, password: adminPassword, header: map[string]string{"Accept-Encoding": "br, gzip"}}); r.header.Get("Content-Encoding") != "gzip" || len(r.body) != len(openapiDocument) {
		t.Errorf("packed: %v", r.header)
	}
	for path, item := range document.Paths {
		for method := range item {
			s.reaches(t, strings.ToUpper(method), path)
		}
	}
}

// reaches fails when no route answers an operation of the document.
func (s *site) reaches(t *testing.T, method, path string) {
	t.Helper()
	request, err := http.NewRequest(method, s.url(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, pattern := s.server.mux.Handler(request); pattern == "/" {
		t.Errorf("nothing answers %s %s", method, path)
	}
}
