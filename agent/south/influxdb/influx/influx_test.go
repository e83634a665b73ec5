package influx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"oibus/agent/connector/httpclient"
)

// collected are the rows that read finds, and their times.
func collected(read func(io.Reader, func(Row) error) error, r io.Reader) (rows string, times []int64, err error) {
	var list []string
	err = read(r, func(row Row) error {
		if !json.Valid(row.JSON) {
			return fmt.Errorf("a row that is no JSON: %s", row.JSON)
		}
		list = append(list, string(row.JSON))
		if row.Timed {
			times = append(times, row.Time)
		}
		return nil
	})
	return strings.Join(list, "\n"), times, err
}

func TestAnswersToInfluxQL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, want, err string
		times           int
	}{
		"chunks": {`{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"h":"a\"b","g":""},"columns":["time","v","s"],"values":[["2024-01-15T10:00:00Z",1.50,"x,]\\"],["2024-01-15T10:00:00.123456789Z",null,"é"]],"partial":true}],"partial":true}]}
{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"h":"c"},"columns":["time","v","h"],"values":[[ "2024-01-15T10:00:01Z" , -2e-7 , "col" ]]}]}]}
`, `{"time":"2024-01-15T10:00:00.000Z","v":1.50,"s":"x,]\\","g":"","h":"a\"b"}
{"time":"2024-01-15T10:00:00.123Z","s":"é","g":"","h":"a\"b"}
{"time":"2024-01-15T10:00:01.000Z","v":-2e-7,"h":"c"}`, "", 3},
		"nanoseconds": {`{"results":[{"series":[{"columns":["time","v"],"values":[[1705312800123456789,true],[-1,false]]}]}]}`,
			`{"time":"2024-01-15T10:00:00.123Z","v":true}` + "\n" + `{"time":"1969-12-31T23:59:59.999Z","v":false}`, "", 2},
		"tags before columns, none and only null": {`{"results":[{"series":[{"columns":["v"],"tags":{"h":"a"},"values":[[null]]},{"columns":["v"],"values":[[null]]}]}]}`,
			"{\"h\":\"a\"}\n{}", "", 0},
		"no rows":               {`{"results":[{"statement_id":0}]}`, "", "", 0},
		"null":                  {`{"results":null}`, "", "", 0},
		"error of a statement":  {`{"results":[{"statement_id":0,"error":"database not found: x"}]}`, "", "database not found: x", 0},
		"error behind rows":     {`{"results":[{"series":[{"columns":["v"],"values":[[1]]}]}]}{"error":"timeout"}`, `{"v":1}`, "timeout", 0},
		"more was to come":      {`{"results":[{"series":[{"columns":["v"],"values":[[1]],"partial":true}],"partial":true}]}`, `{"v":1}`, "more rows are announced", 0},
		"cut off":               {`{"results":[{"series":[{"columns":["v"],"values":[[1],[2`, `{"v":1}`, "ends too early", 0},
		"empty":                 {``, "", "nothing", 0},
		"a page":                {`<html>`, "", "an object expected", 0},
		"other number of cells": {`{"results":[{"series":[{"columns":["v"],"values":[[1,2]]}]}]}`, "", "not as many values", 0},
		"rows before columns":   {`{"results":[{"series":[{"values":[[1]],"columns":["v"]}]}]}`, "", "not as many values", 0},
		"not JSON":              {`{"results":[{"series":[{"columns":["v"],"values":[[1x]]}]}]}`, "", "no JSON value", 0},
		"deep":                  {`{"results":[{"series":[{"columns":["v"],"values":[` + strings.Repeat("[", 100), "", "too deep", 0},
	} {
		for way, r := range map[string]io.Reader{"whole": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text))} {
			got, times, err := collected(readV1, r)
			if got != c.want || len(times) != c.times || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s, %s: got\n%s\n%v %v\nwant\n%s\n%s", name, way, got, times, err, c.want, c.err)
			}
		}
	}
	// Texts longer than what is read at once, with quotes at each place.
	long := strings.Repeat(`\\\"\u00e9x`, 20_000)
	got, _, err := collected(readV1, strings.NewReader(`{"results":[{"series":[{"columns":["v"],"values":[["`+long+`"]]}]}]}`))
	if err != nil || got != `{"v":"`+long+`"}` {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if _, _, err := collected(readV1, strings.NewReader(`{"results":[{"series":[{"columns":["v"],"values":[["`+strings.Repeat("x", maxValue))); err == nil || !strings.Contains(err.Error(), "a row of more than") {
		t.Errorf("got %v", err)
	}
}

func TestAnswersToFlux(t *testing.T) {
	t.Parallel()
	const annotations = "#datatype,string,long,dateTime:RFC3339,double,string,boolean,unsignedLong\r\n#group,false,false,false,false,true,false,false\r\n#default,_result,,,,,,\r\n"
	for name, c := range map[string]struct {
		text, want, err string
		times           int
	}{
		"tables": {annotations + ",result,table,_time,_value,host,ok,n\r\n,,0,2024-01-15T10:00:00.123456789Z,1.5e+06,\"a,\"\"b\"\"\nc\",true,18446744073709551615\r\n,,0,2024-01-15T10:00:01Z,NaN,,,\r\n\r\n" +
			"#datatype,string,long,string,duration\r\n#group,a,b,c,d\r\n#default,_result,,,none\r\n,result,table,_value,d\r\n,,1,true,\r\n",
			`{"result":"_result","table":0,"_time":"2024-01-15T10:00:00.123456789Z","_value":1.5e+06,"host":"a,\"b\"\nc","ok":true,"n":18446744073709551615}
{"result":"_result","table":0,"_time":"2024-01-15T10:00:01Z","_value":null,"host":"","ok":null,"n":null}
{"result":"_result","table":1,"_value":"true","d":"none"}`, "", 2},
		"no annotations":         {",result,table,_time\n,,0,2024-01-15T10:00:00Z\n", `{"result":"","table":"0","_time":"2024-01-15T10:00:00Z"}`, "", 1},
		"nothing":                {"\r\n", "", "", 0},
		"only an error":          {"#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,query failed,897\r\n", "", "query failed", 0},
		"an error behind rows":   {annotations + ",result,table,_time,_value,host,ok,n\r\n,,0,2024-01-15T10:00:00Z,1,a,true,1\r\n\r\n,error,reference\r\n,out of memory,897\r\n", `{"result":"_result","table":0,"_time":"2024-01-15T10:00:00Z","_value":1,"host":"a","ok":true,"n":1}`, "out of memory", 1},
		"another number of them": {annotations + ",result,table\r\n,,0,1\r\n", "", "not as many values", 0},
		"cut off in quotes":      {annotations + ",result,table,_time,_value,host,ok,n\r\n,,0,2024-01-15T10:00:00Z,1,\"a", "", "", 0},
	} {
		got, times, err := collected(readV2, strings.NewReader(c.text))
		failed := c.err != "" || strings.HasPrefix(name, "cut")
		if got != c.want || len(times) != c.times || (err != nil) != failed || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got\n%s\n%v %v\nwant\n%s\n%s", name, got, times, err, c.want, c.err)
		}
	}
}

func TestAnswersToSQL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, want, err string
		times           int
	}{
		"rows": {`{"host":"a","time":"2024-01-15T10:00:00.123456789","v":1.5}` + "\n\n" + ` {"time" : "2024-01-15T10:00:00+01:00"} ` + "\r\n" + `{"time":null,"x":{"time":"y"}}` + "\n" + `{"v":1}`,
			`{"host":"a","time":"2024-01-15T10:00:00.123456789Z","v":1.5}
{"time" : "2024-01-15T10:00:00+01:00"}
{"time":null,"x":{"time":"y"}}
{"v":1}`, "", 2},
		"nothing": {"", "", "", 0},
		"cut off": {`{"a":1}` + "\n" + `{"a":`, `{"a":1}`, "no object at line 2", 0},
		"a list":  {`[{"a":1}]`, "", "no object at line 1", 0},
	} {
		got, times, err := collected(readV3, strings.NewReader(c.text))
		if got != c.want || len(times) != c.times || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got\n%s\n%v %v\nwant\n%s\n%s", name, got, times, err, c.want, c.err)
		}
	}
	if _, _, err := collected(readV3, strings.NewReader(`{"a":"`+strings.Repeat("x", maxValue))); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
}

// server notes the last request and answers with f.
func server(t *testing.T, f http.HandlerFunc) (address string, last *http.Request, body *string) {
	t.Helper()
	last, body = &http.Request{}, new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*last, *body = *r, string(raw)
		f(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, last, body
}

const token = "the-secret-token"

func clientOf(t *testing.T, version, address string) *Client {
	t.Helper()
	s := Settings{Version: version, URL: address + "/base/", Token: token, Organisation: "my org", Bucket: "b", Database: "plant & co", Username: "user", Password: token, Protocol: "http"}
	if version == "1" {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		port, _ := strconv.Atoi(u.Port())
		s.Host = u.Hostname()
		if err := json.Unmarshal([]byte(strconv.Itoa(port)), &s.Port); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New("3.8.8", s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func nothing(Row) error { return nil }

func TestEachVersionIsAskedInItsWay(t *testing.T) {
	t.Parallel()
	answers := map[string]string{"1": `{"results":[]}`, "2": "\r\n", "3": ""}
	for version, want := range map[string][3]string{
		"1": {"/query", "Basic dXNlcjp0aGUtc2VjcmV0LXRva2Vu", "chunk_size=10000&chunked=true&db=plant+%26+co&q=SELECT+%27x%27"},
		"2": {"/base/api/v2/query?org=my%20org", "Token " + token, `{"dialect":{"annotations":["datatype","group","default"],"dateTimeFormat":"RFC3339","delimiter":",","header":true},"query":"SELECT 'x'","type":"flux"}`},
		"3": {"/base/api/v3/query_sql", "Bearer " + token, `{"db":"plant \u0026 co","format":"jsonl","q":"SELECT 'x'"}`},
	} {
		address, last, body := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answers[version]) })
		err := clientOf(t, version, address).Query(t.Context(), "SELECT 'x'", time.Minute, nothing)
		if err != nil || last.Method != "POST" || last.RequestURI != want[0] || last.Header.Get("Authorization") != want[1] || *body != want[2] {
			t.Errorf("%s: got %s %s %s, %v", version, last.RequestURI, last.Header.Get("Authorization"), *body, err)
		}
	}
}

func TestRefusalsAreToldWithoutKeys(t *testing.T) {
	t.Parallel()
	for version, answer := range map[string]string{"1": `{"error":"no ` + token + "\n" + `"}`, "2": `{"code":"unauthorized","message":"no ` + token + `"}`, "3": "no " + token} {
		address, _, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, answer)
		})
		err := clientOf(t, version, address).Query(t.Context(), "x", time.Minute, nothing)
		if err == nil || !strings.HasPrefix(err.Error(), "InfluxDB answered with status code 401: ") || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "no ********") {
			t.Errorf("%s: got %v", version, err)
		}
	}
}

func TestAnAnswerThatBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	for version, rows := range map[string]string{"1": `{"results":[{"series":[{"columns":["v"],"values":[[1]]}]}]}` + "\n", "2": ",result\n,a\n", "3": "{\"a\":1}\n"} {
		address, _, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, rows)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		if err := clientOf(t, version, address).Query(t.Context(), "x", time.Minute, nothing); err == nil || !strings.Contains(err.Error(), "other side closed") {
			t.Errorf("%s: got %v", version, err)
		}
	}
}

func TestAServerThatHangsIsLeftAtTheTimeoutOfTheItem(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2", "3"} {
		release := make(chan struct{})
		address, _, _ := server(t, func(http.ResponseWriter, *http.Request) { <-release })
		err := clientOf(t, version, address).Query(t.Context(), "x", 50*time.Millisecond, nothing)
		if close(release); err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: got %v", version, err)
		}
	}
}

func TestTheRowsStopWhenTheyAreNotTaken(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	address, _, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}\n{}\n") })
	n := 0
	if err := clientOf(t, "3", address).Query(t.Context(), "x", time.Minute, func(Row) error { n++; return full }); !errors.Is(err, full) || n != 1 {
		t.Errorf("got %v after %d rows", err, n)
	}
}

func TestTheTestTellsTheReferencesTexts(t *testing.T) {
	t.Parallel()
	status := 200
	address, last, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Influxdb-Version", "1.8.10")
		switch {
		case status != 200:
			w.WriteHeader(status)
		case r.URL.Path == "/ping":
			w.WriteHeader(204)
		case strings.HasSuffix(r.URL.Path, "/api/v2/query"):
			_, _ = io.WriteString(w, ",result,table,name\n,,0,a\n,,0,b\n")
		default:
			_, _ = io.WriteString(w, `{"Int64(1)":1}`)
		}
	})
	host := strings.TrimPrefix(address, "http://")
	for version, want := range map[string]string{"1": `[{"key":"Version","value":"1.8.10"},{"key":"Host","value":"` + host + `"}]`,
		"2": `[{"key":"Buckets","value":"2"}]`, "3": `[{"key":"Database","value":"plant \u0026 co"},{"key":"Connected","value":"true"}]`} {
		report, err := clientOf(t, version, address).Test(t.Context())
		if raw, _ := json.Marshal(report.Items); err != nil || string(raw) != want {
			t.Errorf("%s: got %s, %v (%s)", version, raw, err, last.URL)
		}
	}
	status = 503
	for version, want := range map[string]string{"1": "InfluxDB v1 at " + host + " is not responding", "2": "Could not connect to InfluxDB v2 at " + address + "/base. ",
		"3": "Could not connect to InfluxDB v3 at " + address + "/base. "} {
		if _, err := clientOf(t, version, address).Test(t.Context()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", version, err)
		}
	}
	if _, err := clientOf(t, "1", "http://127.0.0.1:1").Test(t.Context()); err == nil || err.Error() != "Could not connect to InfluxDB v1 at 127.0.0.1:1. connect ECONNREFUSED 127.0.0.1:1" {
		t.Errorf("got %v", err)
	}
	var settings *httpclient.SettingsError
	if _, err := New("", Settings{Version: "4"}); !errors.As(err, &settings) || err.Error() != "Unsupported InfluxDB version: 4" {
		t.Errorf("got %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(`{"results":[{"series":[{"name":"m","tags":{"h":"a"},"columns":["time","v"],"values":[["2024-01-15T10:00:00Z",1.5]]}]}]}`)
	f.Add("#datatype,string,long,double\n#default,_result,,\n,result,table,_value\n,,0,1e5\n\n,error,reference\n,a,b\n")
	f.Add(`{"time":"2024-01-15T10:00:00","v":[{"time":1}]}` + "\n{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(io.Reader, func(Row) error) error{readV1, readV2, readV3} {
			whole, times, err := collected(read, strings.NewReader(text))
			if err != nil && strings.Contains(err.Error(), "a row that is no JSON") {
				t.Fatal(err)
			}
			again, others, otherErr := collected(read, iotest.OneByteReader(strings.NewReader(text)))
			if whole != again || len(times) != len(others) || (err == nil) != (otherErr == nil) {
				t.Errorf("%q, %v\n%q, %v", whole, err, again, otherErr)
			}
		}
	})
}
