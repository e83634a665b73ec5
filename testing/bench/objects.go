package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

const (
	smallObject = 10 << 10
	largeObject = 100 << 20
	largeCount  = 5
	s3Domain    = "s3.eu-west-3.amazonaws.com"
)

// shelf stands for Amazon S3 and Azure Blob Storage: it takes objects as fast as it can, and counts them.
type shelf struct {
	objects, bytes atomic.Int64
}

func (h *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return
	}
	q := r.URL.Query()
	h.bytes.Add(n)
	w.Header().Set("ETag", `"x"`)
	part := q.Has("partNumber") || q.Get("comp") == "block" || q.Has("uploads")
	switch {
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
	case q.Has("uploads"):
		_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
	case r.Method == http.MethodPost:
		_, _ = io.WriteString(w, "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
	case q.Get("comp") != "":
		w.WriteHeader(http.StatusCreated)
	}
	if r.Method != http.MethodGet && !part {
		h.objects.Add(1)
	}
}

// serve answers at an address of its own until the end of the stage.
func serve(s *stage, handler http.Handler, config *tls.Config) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	address = l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	s.Cleanup(func() { _ = server.Close(); done.Wait() })
	return address
}

// amazon is a certificate for the host of a bucket, and the file of the authority that signed it.
func amazon(s *stage) (config *tls.Config, authority string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, DNSNames: []string{"*." + s3Domain}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	s.must(err)
	authority = filepath.Join(s.TempDir(), "authority.pem")
	s.must(os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, authority
}

// proxy is one behind which each host is the server at address.
func proxy(s *stage, address string) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { tunnel(client, address) })
		}
	})
	s.Cleanup(func() { _ = l.Close(); all.Wait() })
	return "http://" + l.Addr().String()
}

func tunnel(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	if _, err := http.ReadRequest(bufio.NewReader(client)); err != nil {
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n") // a client that is gone is found out below
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server) // ends when either side does
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
}

// objects measures files on their way to object stores, and rows on theirs from InfluxDB.
func objects(s *stage, n size) []measure.Row {
	var rows []measure.Row
	for _, store := range []string{"aws-s3", "azure-blob"} {
		rows = append(rows, toStore(s, store, n.contents/4, smallObject)...)
		rows = append(rows, toStore(s, store, largeCount, largeObject)...)
	}
	for _, version := range []string{"1", "2", "3"} {
		rows = append(rows, fromInflux(s, version, n.values)...)
	}
	return rows
}

// newStore is an agent with a North of that type, which sends posted files to the shelf.
func newStore(s *stage, kind string, h *shelf) *plant {
	p := &plant{s: s, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: posters}}}
	s.Cleanup(p.http.CloseIdleConnections)
	o := harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"}
	var settings map[string]any
	if kind == "aws-s3" {
		config, authority := amazon(s)
		o.Env = []string{"SSL_CERT_FILE=" + authority}
		settings = map[string]any{"bucket": "bench", "region": "eu-west-3", "folder": "folder", "accessKey": "k", "secretKey": "s", "useProxy": true,
			"proxyUrl": proxy(s, serve(s, h, config)), "proxyUsername": "", "proxyPassword": ""}
	} else {
		settings = map[string]any{"useADLS": false, "useCustomUrl": true, "customUrl": "http://" + serve(s, h, nil) + "/account", "container": "bench", "path": "folder",
			"authentication": "access-key", "accessKey": base64.StdEncoding.EncodeToString([]byte("key")), "useProxy": false}
	}
	p.a = harness.Start(s, o)
	var made struct{ ID string }
	s.must(p.a.JSON(s.context, http.MethodPost, "/api/north", map[string]any{"name": "store", "type": kind, "description": "", "enabled": true,
		"settings": settings, "caching": p.caching(), "transformers": []any{}}, &made))
	p.north = made.ID
	p.settle()
	return p
}

// toStore measures posted files, which all wait in the cache before the first is sent when there are few.
func toStore(s *stage, kind string, count, length int) []measure.Row {
	h := &shelf{}
	p := newStore(s, kind, h)
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	file := make([]byte, length)
	_, _ = rand.Read(file) // never fails
	var took, taken time.Duration
	cpu, resident := p.usage(func() {
		start := time.Now()
		p.postAll(ctx, count, min(posters, max(1, count/10)), file)
		taken = time.Since(start)
		if !harness.UntilDone(ctx, func() bool { return h.objects.Load() >= int64(count) }) {
			s.Fatalf("%d of %d objects arrived\n%s", h.objects.Load(), count, p.a.Output())
		}
		took = time.Since(start)
	})
	p.a.Stop()
	group := fmt.Sprintf("%s files of %s kB, posted, to %s", measure.Number(float64(count)), measure.Number(float64(length)/1024), kind)
	megabytes := float64(count) * float64(length) / mebibyte
	rows := []measure.Row{
		{Group: group, Name: "delivered", Value: float64(count) / took.Seconds(), Unit: "objects/s", Detail: fmt.Sprintf("all durable after %.2f s; one after the other", taken.Seconds())},
		{Group: group, Name: "delivered bytes", Value: megabytes / took.Seconds(), Unit: "MB/s", Detail: fmt.Sprintf("the processor of the agent: %.2f s", cpu.Seconds())},
		{Group: group, Name: "most resident", Value: float64(resident) / mebibyte, Unit: "MB"},
	}
	if length < mebibyte {
		rows[1] = measure.Row{Group: group, Name: "processor time of the agent", Value: cpu.Seconds() / (float64(count) / 1e3), Unit: "s", Detail: "a thousand objects"}
	}
	return rows
}

// series stands for InfluxDB: the first query finds rows, the later ones none.
type series struct {
	version string
	rows    int
	asked   atomic.Bool
}

func (f *series) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	rows := f.rows
	if f.asked.Swap(true) {
		rows = 0
	}
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush()
	at := time.Now().Add(-10 * time.Minute).UTC().Truncate(time.Second)
	switch f.version {
	case "1":
		out.WriteString(`{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"host":"a"},"columns":["time","value"],"values":[`)
		defer out.WriteString("]}]}]}\n")
	case "2":
		out.WriteString("#datatype,string,long,dateTime:RFC3339,double,string\r\n#group,false,false,false,false,true\r\n#default,_result,,,,\r\n,result,table,_time,value,host\r\n")
	}
	var line []byte
	for i := range rows {
		stamp := at.Add(time.Duration(i/10) * time.Millisecond)
		line = line[:0]
		switch f.version {
		case "1":
			if i > 0 {
				line = append(line, ',')
			}
			line = append(stamp.AppendFormat(append(line, `["`...), time.RFC3339Nano), `",`...)
			line = append(strconv.AppendInt(line, int64(i), 10), `.5]`...)
		case "2":
			line = append(stamp.AppendFormat(append(line, `,,0,`...), time.RFC3339Nano), ',')
			line = append(strconv.AppendInt(line, int64(i), 10), ".5,a\r\n"...)
		default:
			line = append(stamp.AppendFormat(append(line, `{"host":"a","time":"`...), "2006-01-02T15:04:05.000"), `","value":`...)
			line = append(strconv.AppendInt(line, int64(i), 10), ".5}\n"...)
		}
		if _, err := out.Write(line); err != nil {
			return
		}
	}
}

// fromInflux measures the rows of one query on their way to OIAnalytics.
func fromInflux(s *stage, version string, rows int) []measure.Row {
	p := newPlant(s)
	address := serve(s, &series{version: version, rows: rows}, nil)
	host, port, err := net.SplitHostPort(address)
	s.must(err)
	number, err := strconv.Atoi(port)
	s.must(err)
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	column := map[bool]string{true: "_time", false: "time"}[version == "2"]
	var made struct{ ID string }
	settings := map[string]any{"version": version}
	switch version {
	case "1":
		settings["host"], settings["port"], settings["protocol"], settings["database"] = host, number, "http", "db"
		settings["username"], settings["password"] = "", ""
	case "2":
		settings["url"], settings["organisation"], settings["bucket"] = "http://"+address, "o", "b"
		settings["token"] = ""
	default:
		settings["url"], settings["database"], settings["token"] = "http://"+address, "db", ""
	}
	body := map[string]any{"name": "source", "type": "influxdb", "description": "", "enabled": false, "settings": settings, "groups": []any{}, "items": []any{map[string]any{
		"id": nil, "name": "item", "enabled": true, "settings": map[string]any{"query": "SELECT * FROM m", "requestTimeout": 60000},
		"scanModeId": p.find("/api/scan-modes", "name", "Every second"), "scanModeName": nil, "groupId": nil, "groupName": nil, "syncWithGroup": false,
		"maxReadInterval": 0, "readDelay": 0, "startTimeOffset": 0, "endTimeOffset": 0, "recoveryStrategy": "oldest"}}}
	s.must(p.a.JSON(ctx, http.MethodPost, "/api/south", body, &made))
	s.must(p.a.JSON(ctx, http.MethodPut, "/api/north/"+p.north, map[string]any{"name": "target", "type": "oianalytics", "description": "", "enabled": true,
		"settings": map[string]any{"useOiaModule": false, "timeout": 30, "compress": false, "specificSettings": map[string]any{
			"host": p.t.url, "acceptUnauthorized": false, "authentication": "basic", "accessKey": "k", "secretKey": "s", "useProxy": false}},
		"caching": p.caching(),
		"transformers": []any{map[string]any{"id": "", "transformerId": p.find("/api/transformers/list", "functionName", "json-to-oianalytics"),
			"source": map[string]any{"type": "south", "southId": made.ID, "items": []any{}},
			"options": map[string]any{"rowIteratorPath": "$[*]", "pointId": "$[*].host", "value": "$[*].value", "timestamp": "$[*]." + column,
				"datetimeSettings": map[string]any{"inputType": "iso-string", "outputPrecision": "ms"}}}}}, nil))
	p.settle()
	var took time.Duration
	cpu, resident := p.usage(func() {
		s.must(p.a.JSON(ctx, http.MethodPost, "/api/south/"+made.ID+"/start", nil, nil))
		start := time.Now()
		p.arrived(ctx, int64(rows))
		took = time.Since(start)
	})
	p.a.Stop()
	group := fmt.Sprintf("%s rows of one query, from InfluxDB %s to OIAnalytics", measure.Number(float64(rows)), version)
	return []measure.Row{
		{Group: group, Name: "until all are delivered", Value: float64(rows) / took.Seconds(), Unit: "rows/s", Detail: "with up to a second until the tick"},
		{Group: group, Name: "processor time of the agent", Value: cpu.Seconds() / (float64(rows) / 1e6), Unit: "s", Detail: "a million rows"},
		{Group: group, Name: "most resident", Value: float64(resident) / mebibyte, Unit: "MB"},
	}
}
