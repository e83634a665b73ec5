package contract

import (
	"strings"
	"testing"
)

const document = `{"paths": {"/api/things": {
	"get": {"tags": ["Things"], "responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}}}}}},
	"post": {"tags": ["Things"], "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
		"responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}}}}},
	"components": {"schemas": {"Thing": {"type": "object", "additionalProperties": false, "required": ["id", "note"],
		"properties": {"id": {"type": "string"}, "note": {"type": "string", "nullable": true}}}}}}`

const thing = `{"id":"t1","note":null}`

var trials = []Trial{
	{"POST /api/things", "", thing, 201, "thing"},
	{"POST /api/things", "", `{"id":1}`, 400, ""},
	{"GET /api/things", "", "", 200, ""},
}

// honest answers as the document says.
func honest(r Request) Answer {
	switch {
	case r.Anonymous:
		return Answer{Status: 401, Body: `{"error":"Unauthorized","status":401}`}
	case r.Method == "GET":
		return Answer{Status: 200, Body: "[" + thing + "]"}
	case r.Body == thing:
		return Answer{Status: 201, Body: thing}
	}
	return Answer{Status: 400, Body: `{"message":"the id is a number"}`}
}

func walk(t *testing.T, answer func(Request) Answer, trials []Trial) (rows []Row, err error) {
	t.Helper()
	d, err := Read([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	w := New(d, Site{Do: func(r Request) (Answer, error) { return answer(r), nil }})
	err = w.Try(trials...)
	return w.Table(), err
}

func TestAnHonestServerPasses(t *testing.T) {
	t.Parallel()
	rows, err := walk(t, honest, trials)
	if err != nil || Faults(rows) != nil || len(rows) != 1 || rows[0].Operations != 2 || rows[0].Passed != 2 {
		t.Errorf("%+v, %v, %v", rows, err, Faults(rows))
	}
	if text := Markdown(rows); !strings.Contains(text, "| Things | 2 | 2 | 2 | 1 | 2 |") || !strings.Contains(text, "| **all** | **2** | **2** |") {
		t.Error(text)
	}
}

// but is the honest server, except for one of its answers.
func but(match func(Request) bool, a Answer) func(Request) Answer {
	return func(r Request) Answer {
		if match(r) {
			return a
		}
		return honest(r)
	}
}

func TestEachWayToAnswerWronglyIsFound(t *testing.T) {
	t.Parallel()
	anonymous := func(r Request) bool { return r.Anonymous }
	get := func(r Request) bool { return r.Method == "GET" && !r.Anonymous }
	made := func(r Request) bool { return r.Body == thing && !r.Anonymous }
	bad := func(r Request) bool { return r.Body != thing && r.Method == "POST" && !r.Anonymous }
	for name, c := range map[string]struct {
		answer func(Request) Answer
		want   string
	}{
		"lets anybody in":             {but(anonymous, Answer{Status: 200, Body: "[]"}), "without credentials: 200"},
		"refuses in other words":      {but(anonymous, Answer{Status: 401, Body: "no"}), "without credentials: 401"},
		"another status":              {but(get, Answer{Status: 204}), "got 204"},
		"lacks a key":                 {but(get, Answer{Status: 200, Body: `[{"id":"t1"}]`}), "does not fit the document"},
		"has a key of its own":        {but(get, Answer{Status: 200, Body: `[{"id":"t1","note":null,"more":1}]`}), "does not fit the document"},
		"another type":                {but(made, Answer{Status: 201, Body: `{"id":"t1","note":5}`}), "does not fit the document"},
		"no JSON":                     {but(get, Answer{Status: 200, Body: "<html>"}), "is no JSON"},
		"takes what is wrong":         {but(bad, Answer{Status: 201, Body: thing}), "got 201"},
		"says not what is wrong":      {but(bad, Answer{Status: 400, Body: `{"message":""}`}), "400 with"},
		"an error in other forms":     {but(bad, Answer{Status: 400, Body: `{"problem":"x"}`}), "400 with"},
		"an error that says too much": {but(bad, Answer{Status: 400, Body: `{"message":"x","stack":"y"}`}), "400 with"},
	} {
		rows, err := walk(t, c.answer, trials)
		if err == nil || !strings.Contains(err.Error(), c.want) || Faults(rows, "Things") == nil || rows[0].Passed == rows[0].Operations {
			t.Errorf("%s: %v; %+v", name, err, rows)
		}
	}
}

func TestWhatWasNotTriedDoesNotPass(t *testing.T) {
	t.Parallel()
	for want, some := range map[string][]Trial{
		"not tried with what is valid":     trials[1:],
		"not tried with an invalid body":   {trials[0], trials[2]},
		"GET /api/things: not tried with":  trials[:2],
		"POST /api/things: not tried with": trials[2:],
	} {
		rows, err := walk(t, honest, some)
		if err != nil {
			t.Fatal(err)
		}
		if faults := Faults(rows); faults == nil || !strings.Contains(faults.Error(), want) || Faults(rows, "Others") != nil {
			t.Errorf("want %q: %v", want, faults)
		}
	}
}
