package script

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/platform"
)

const asWorker = "script-worker-of-test"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asWorker {
		os.Exit(Serve(os.Stdin, os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == asPrisoner {
		escape()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const asPrisoner = "prisoner-of-test"

// escape tries what a script could if it got out of the interpreter, and prints what worked.
func escape() {
	dir := os.Args[2]
	fmt.Println("confined:", platform.Confine(dataLimit))
	_, read := os.ReadFile(filepath.Join(dir, "secret"))
	write := os.WriteFile(filepath.Join(dir, "written"), nil, 0o600)
	_, dial := net.DialTimeout("tcp", os.Args[3], time.Second)
	run := exec.Command(os.Args[0], "-test.list", "x").Run()
	fmt.Println(read == nil, write == nil, dial == nil, run == nil, os.Getenv("SECRET"))
}

func TestAWorkerHasNoFilesNoNetworkNoProgramsNoEnvironment(t *testing.T) {
	t.Parallel()
	if platform.Platform() != "linux" {
		t.Skip("only Linux can take these from a process")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], asPrisoner, dir, l.Addr().String())
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "confined: <nil>\nfalse false false false \n"; string(out) != want {
		t.Fatalf("got %q, want %q", out, want)
	}
}

func newPool(t testing.TB) *Pool {
	t.Helper()
	p := NewPool(Options{Command: []string{os.Args[0], asWorker}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func job(code string) Job {
	return Job{Code: code, Language: JavaScript, Timeout: time.Minute, Content: []byte(`[{"pointId":"a","data":{"value":1}}]`),
		Source: json.RawMessage(`{"source":"test"}`), FileName: "in.json", Options: json.RawMessage(`{"suffix":"_z"}`)}
}

func TestWhatTransformReturnsBecomesTheContent(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	for name, c := range map[string]struct {
		code, language, data, file string
		elements                   int
	}{
		"text":         {`function transform(c, s, f, o) { return { data: JSON.stringify(JSON.parse(c).map(x => x.pointId + o.suffix)), filename: 'out.json', numberOfElement: 1 } }`, JavaScript, `["a_z"]`, "out.json", 1},
		"object":       {`function transform(c, s, f) { return { data: { f, s: s.source } } }`, JavaScript, `{"f":"in.json","s":"test"}`, "in.json", 0},
		"bytes":        {`function transform() { return { data: new Uint8Array([0, 255, 10]).subarray(1) } }`, JavaScript, "\xff\n", "in.json", 0},
		"buffer":       {`function transform() { return { data: new Uint8Array([1, 2]).buffer, filename: 7, numberOfElement: "3" } }`, JavaScript, "\x01\x02", "in.json", 0},
		"promise":      {`async function transform() { await null; return { data: "x" } }`, JavaScript, "x", "in.json", 0},
		"module":       {`module.exports.transform = () => ({ data: "m" })`, JavaScript, "m", "in.json", 0},
		"default":      {`exports.default = () => ({ data: "d" })`, JavaScript, "d", "in.json", 0},
		"constant":     {`const transform = () => ({ data: "c" })`, JavaScript, "c", "in.json", 0},
		"typescript":   {`interface A { x: number } export function transform(content: string): { data: string } { const a: A = { x: 1 }; return { data: String(a?.x ?? 0) } }`, TypeScript, "1", "in.json", 0},
		"emoji":        {`function transform() { return { data: "é😀\ud800" } }`, JavaScript, "é😀\uFFFD", "in.json", 0},
		"luxon":        {`function transform() { return { data: luxon.DateTime.fromISO("2024-07-01T00:00:00Z").setZone("Europe/Paris").toFormat("yyyy-MM-dd HH:mm ZZ, cccc d LLL") } }`, JavaScript, "2024-07-01 02:00 +02:00, Monday 1 Jul", "in.json", 0},
		"luxon parses": {`const { DateTime } = require("luxon"); function transform() { return { data: DateTime.fromFormat("31/03/2024 03:30", "dd/MM/yyyy HH:mm", { zone: "Europe/Paris" }).toUTC().toISO() } }`, JavaScript, "2024-03-31T01:30:00.000Z", "in.json", 0},
		"bad zone":     {`function transform() { return { data: String(luxon.DateTime.now().setZone("Mars/Olympus").isValid) } }`, JavaScript, "false", "in.json", 0},
		"jsonpath":     {`const { JSONPath } = require("jsonpath-plus"); function transform(c) { return { data: JSONPath({ path: "$..value", json: JSON.parse(c) }) } }`, JavaScript, "[1]", "in.json", 0},
		"filter":       {`function transform() { return { data: jsonpath.JSONPath({ path: "$[?(@.a>1)].a", json: [{a:1},{a:2}] }) } }`, JavaScript, "[2]", "in.json", 0},
		"papaparse":    {`function transform() { return { data: papaparse.parse("a;b\n1;2", { header: true, delimiter: ";" }).data } }`, JavaScript, `[{"a":"1","b":"2"}]`, "in.json", 0},
		"globals":      {`function transform() { return { data: String(window === globalThis && self === global && typeof process + typeof setTimeout + typeof Buffer) } }`, JavaScript, "undefinedundefinedundefined", "in.json", 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := job(c.code)
			j.Language = c.language
			out, err := p.Transform(t.Context(), j)
			if err != nil {
				t.Fatal(err)
			}
			if string(out.Data) != c.data || out.FileName != c.file || out.Elements != c.elements {
				t.Fatalf("got %q %q %d", out.Data, out.FileName, out.Elements)
			}
		})
	}
}

func TestErrorsHaveTheReferencesTexts(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	for code, want := range map[string]string{
		`const a = 1;`: `[RUNTIME_ERROR] Custom code execution failed: transform is not defined`,
		`function transform() { throw new Error('kaput'); }`:           `[RUNTIME_ERROR] Custom code execution failed: kaput`,
		`module.exports.transform = 5`:                                 `[RUNTIME_ERROR] Custom code execution failed: Custom code must export a "transform" function.`,
		`function transform() {}`:                                      `[RUNTIME_ERROR] Custom code execution failed: Transform function returned an invalid or empty result.`,
		`function transform() { return { data: "" } }`:                 `[RUNTIME_ERROR] Custom code execution failed: Transform function returned an invalid or empty result.`,
		`function transform() { return { data: () => 1 } }`:            `[RUNTIME_ERROR] Custom code execution failed: Transform "data" could not be serialized to a string.`,
		`require("fs"); function transform() {}`:                       `[RUNTIME_ERROR] Custom code execution failed: Module "fs" is not allowed.`,
		`async function transform() { throw new Error("later") }`:      `[RUNTIME_ERROR] Custom code execution failed: later`,
		`function transform() { return new Promise(() => {}) }`:        `[RUNTIME_ERROR] Custom code execution failed: the promise that transform returned never settles: there is nothing to wait for, neither timers nor network`,
		"function transform() {\n  return {{;\n}":                      `[RUNTIME_ERROR] Custom code execution failed: `,
		`function transform() { throw { message: "plain" } }`:          `[RUNTIME_ERROR] Custom code execution failed: plain`,
		`function f() { return f() + 1 } function transform() { f() }`: `[RUNTIME_ERROR] Custom code execution failed: Maximum call stack size exceeded`,
		`function transform() { throw null }`:                          `[RUNTIME_ERROR] Custom code execution failed: null`,
	} {
		_, err := p.Transform(t.Context(), job(code))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", code, err, want)
		}
	}
	j := job(`function transform(: string) {}`)
	j.Language = TypeScript
	if _, err := p.Transform(t.Context(), j); err == nil || !strings.HasPrefix(err.Error(), `[SYNTAX_ERROR] Custom code execution failed: TypeScript compilation failed: `) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsTellTheirPlaceInTheCodeAsItWasWritten(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	for name, c := range map[string]struct {
		code, language string
		line, column   int
	}{
		"thrown":              {"function transform(c) {\n  const x = 1;\n  throw new Error('kaput');\n}", JavaScript, 3, 9},
		"thrown text":         {"function transform(c) {\n\n\n  throw 'kaput';\n}", JavaScript, 4, 3},
		"of the interpreter":  {"function transform(c) {\n  return c.nothing.at;\n}", JavaScript, 2, 20},
		"in a function of it": {"function inner(x) {\n  return JSON.parse(x);\n}\nfunction transform(c) {\n  return inner('{');\n}", JavaScript, 2, 20},
		"in a library":        {"function transform(c) {\n  return luxon.DateTime.fromObject({ what: 1 });\n}", JavaScript, 2, 35},
		"rejected":            {"async function transform(c) {\n  await null;\n  throw new Error('later');\n}", JavaScript, 3, 9},
		"at load":             {"const a = 1;\nnothing();\nfunction transform() {}", JavaScript, 2, 8},
		"syntax":              {"function transform() {\n  return {{;\n}", JavaScript, 2, 12},
		"declared twice":      {"const a = 1;\nconst a = 2;", JavaScript, 2, 7},
		"typescript":          {"interface A {\n  x: number;\n}\n\nexport function transform(c: string): A {\n  const a: A = { x: 1 };\n  throw new Error('kaput');\n}", TypeScript, 7, 9},
		"typescript rejected": {"interface A {\n  x: number;\n}\nexport async function transform(c: string): Promise<A> {\n  throw new Error('kaput');\n}", TypeScript, 5, 9},
		"typescript syntax":   {"\nfunction transform(: string) {}", TypeScript, 2, 20},
		"no place":            {"function transform() { return {} }", JavaScript, 0, 0},
		"a foreign map":       {"function transform() {\n  throw new Error('kaput');\n}\n//# sourceMappingURL=/etc/passwd", JavaScript, 2, 9},
		"a foreign map too":   {"function transform() {\n  throw new Error('kaput');\n}\n//# sourceMappingURL=/etc/passwd", TypeScript, 2, 9},
	} {
		j := job(c.code)
		j.Language = c.language
		_, err := p.Transform(t.Context(), j)
		var failed *Error
		if !errors.As(err, &failed) || failed.Line != c.line || failed.Column != c.column {
			t.Errorf("%s: %v, want %d:%d: %+v", name, err, c.line, c.column, failed)
		}
	}
}

// good runs an ordinary script, to see that the pool is in order.
func good(t *testing.T, p *Pool) {
	t.Helper()
	out, err := p.Transform(t.Context(), job(`function transform() { return { data: "good" + typeof leaked } }`))
	if err != nil || string(out.Data) != "goodundefined" {
		t.Errorf("afterwards: %q, %v", out.Data, err)
	}
}

func TestHostileScriptsFailAloneAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	for name, c := range map[string]struct{ code, category string }{
		"endless loop":      {`function transform() { while (true) {} }`, Timeout},
		"endless at load":   {`while (true) {}`, Timeout},
		"endless promise":   {`async function transform() { for (;;) await null }`, Timeout},
		"endless getter":    {`function transform() { return { get data() { for (;;) {} } } }`, Timeout},
		"endless toString":  {`function transform() { throw { toString() { for (;;) {} } } }`, Timeout},
		"endless toJSON":    {`function transform() { return { data: { toJSON() { for (;;) {} } } } }`, Timeout},
		"endless proxy":     {`function transform() { return new Proxy({}, { get() { for (;;) {} } }) }`, Timeout},
		"catches all":       {`function transform() { for (;;) try { for (;;) {} } catch (e) {} finally { continue } }`, Timeout},
		"regex bomb":        {`function transform() { return { data: String(/^(a+)+$/.test("a".repeat(40) + "!")) + /^(a+)+\1$/.test("a".repeat(60) + "!") } }`, Timeout},
		"lookahead bomb":    {`function transform() { return { data: /^(?=(a+)+b)(a+)+$/.test("a".repeat(60) + "!") } }`, Timeout},
		"sort bomb":         {`function transform() { [3, 1, 2].sort(() => { for (;;) {} }) }`, Timeout},
		"array bomb":        {`function transform() { const a = []; for (;;) a.push({ x: a.length, y: "y" + a.length }) }`, MemoryLimit},
		"string bomb":       {`function transform() { let s = "x"; for (;;) s += s + "é" }`, MemoryLimit},
		"repeat bomb":       {`function transform() { return { data: "xy".repeat(2**29) + "é".repeat(2**29) } }`, ""},
		"typed array bomb":  {`function transform() { const a = []; for (;;) a.push(new Uint8Array(1 << 26).fill(1)) }`, MemoryLimit},
		"huge typed array":  {`function transform() { return { data: new Uint8Array(2 ** 33) } }`, ""},
		"map bomb":          {`function transform() { const m = new Map(); for (let i = 0;; i++) m.set(i, [i]) }`, MemoryLimit},
		"closure bomb":      {`function transform() { let f = () => 1; for (;;) { const g = f; f = () => g() } }`, MemoryLimit},
		"huge output":       {`function transform() { return { data: "x".repeat(140 << 20) } }`, ""},
		"deep recursion":    {`function f(n) { return [f(n + 1)] } function transform() { f(0) }`, ""},
		"native recursion":  {`function transform() { const a = []; a.toString = undefined; let o = {}; for (let i = 0; i < 5e6; i++) o = { o }; return { data: o } }`, ""},
		"proxy recursion":   {`function transform() { let p = {}; for (let i = 0; i < 1e6; i++) p = new Proxy(p, {}); return { data: String(p.x) } }`, ""},
		"nested json":       {`function transform() { return { data: JSON.parse("[".repeat(1e7)) } }`, ""},
		"constructor":       {`function transform() { return { data: Object.constructor("return process.pid")() } }`, Runtime},
		"function":          {`function transform() { return { data: new Function("return require('fs').readFileSync('/etc/passwd')")() } }`, Runtime},
		"console flood":     {`function transform() { for (;;) console.log("x".repeat(100000)) }`, Timeout},
		"interpreter types": {`function transform(c, s) { return { data: s.constructor.constructor("return this.process.env")() } }`, Runtime},
		"pollution":         {`Object.prototype.leaked = 1; globalThis.leaked = 2; Array.prototype.map = null; JSON.parse = null; throw new Error("x")`, Runtime},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && c.category == MemoryLimit {
				t.Skip("the race detector takes many times the memory")
			}
			j := job(c.code)
			j.Timeout = 8 * time.Second
			if c.category == Timeout {
				j.Timeout = 200 * time.Millisecond
			}
			start := time.Now()
			out, err := p.Transform(t.Context(), j)
			var failed *Error
			if !errors.As(err, &failed) {
				t.Fatalf("got %d bytes, %v", len(out.Data), err)
			}
			slow := c.category == MemoryLimit && failed.Category == Timeout // the other bound, on a busy machine
			if c.category != "" && failed.Category != c.category && !slow {
				t.Errorf("got %v", err)
			}
			t.Logf("%s after %v", failed.Message, time.Since(start).Round(time.Millisecond))
			good(t, p)
		})
	}
}

func TestScriptsThatUseUpTheirTimeLeaveAWorkerToOthers(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	endless := func(i int, limit time.Duration) error {
		j := job(fmt.Sprintf("function transform() { for (let i = %d;;) i++ }", i))
		j.Timeout = limit
		_, err := p.Transform(t.Context(), j)
		return err
	}
	const n = 6
	for i := range n {
		if err := endless(i, 50*time.Millisecond); err == nil {
			t.Fatal("an endless script ended well")
		}
	}
	var all sync.WaitGroup
	var ended atomic.Int32
	for i := range n {
		all.Go(func() {
			_ = endless(i, 2*time.Second) // fails as above
			ended.Add(1)
		})
	}
	for range 20 {
		good(t, p)
	}
	if over := ended.Load(); over > n/2 {
		t.Errorf("other scripts had to wait for %d of %d endless ones", over, n)
	}
	all.Wait()
}

func TestConsoleReachesTheLog(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	var said []string
	j := job(`function transform() { console.log("a", 1, {}); console.warn("w"); for (let i = 0; i < 5000; i++) console.info(i); return { data: 1 } }`)
	j.Console = func(level, text string) { said = append(said, level+" "+text) }
	if _, err := p.Transform(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if len(said) != logLimit || said[0] != "debug a 1 [object Object]" || said[1] != "warn w" {
		t.Fatalf("got %d lines: %q", len(said), said[:min(len(said), 3)])
	}
}

func TestExpressionsOfFieldProcesses(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	in := []any{"a/b", "c", 2.5, nil}
	for expression, want := range map[string]string{
		`String(value).toUpperCase()`: "A/B|C|2.5|NULL",
		`typeof value`:                "string|string|number|object",
		`value && value.length`:       "3|1|<nil>|<nil>",
		`undefined`:                   "<nil>|<nil>|<nil>|<nil>",
		`value // comment`:            "a/b|c|2.5|<nil>",
		`[value, 1]`:                  "a/b,1|c,1|2.5,1|,1",
		`({ value })`:                 strings.Repeat("[object Object]|", 3) + "[object Object]",
		`value === "c"`:               "false|true|false|false",
		`value === "c" ? new Date(0) : new Date("x")`:    "|1970-01-01T00:00:00.000Z||",
		`JSON.parse('{"x":[1]}').x[0] + Math.round(1.6)`: "3|3|3|3",
	} {
		out, err := p.Evaluate(t.Context(), expression, in)
		var got []string
		for _, o := range out {
			if o == nil {
				got = append(got, "<nil>")
			} else {
				got = append(got, *o)
			}
		}
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%s: %s, %v", expression, got, err)
		}
	}
	for expression, want := range map[string]string{
		`let x = 1`:              ``,
		`value); process.exit(`:  ``,
		`require('fs')`:          `require is not defined`,
		`eval('1')`:              `eval is not defined`,
		`(() => { for(;;); })()`: timedOut,
		`Object.constructor("return process.pid")()`: `process is not defined`,
	} {
		if _, err := p.Evaluate(t.Context(), expression, in); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestTheEndOfTheContextEndsAScript(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	j := job(`function transform() { console.log("here"); for (;;) {} }`)
	j.Timeout = time.Hour
	j.Console = func(string, string) { cancel(gone) }
	if _, err := p.Transform(ctx, j); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	good(t, p)
}

func TestBoundsFitEachOther(t *testing.T) {
	t.Parallel()
	if !(inputLimit < heapLimit && heapLimit+heapSlack < heapLimit+heapTooMuch && heapLimit+heapTooMuch < dataLimit) {
		t.Error("a limit of memory makes another one useless")
	}
	if grace >= idleLimit || ExpressionTimeout >= startTimeout {
		t.Error("a limit of time makes another one useless")
	}
}

func FuzzFrames(f *testing.F) {
	var b bytes.Buffer
	if err := writeFrame(&b, request{Code: "x"}, []byte("body")); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		var r request
		if body, err := readFrame(bytes.NewReader(in), &r, 1<<20); err == nil && len(body) > len(in) {
			t.Fatal("more than there was")
		}
	})
}

func BenchmarkSimpleObjects(b *testing.B) {
	p := newPool(b)
	var in bytes.Buffer
	in.WriteByte('[')
	const n = 1000
	for i := range n {
		if i > 0 {
			in.WriteByte(',')
		}
		fmt.Fprintf(&in, `{"pointId":"point%d","timestamp":"2024-01-15T10:00:00.000Z","data":{"value":%d}}`, i, i)
	}
	in.WriteByte(']')
	j := job(`function transform(c, s, f, o) { const v = JSON.parse(c); return { data: JSON.stringify(v.map(x => ({ ...x, pointId: x.pointId + o.suffix }))), numberOfElement: v.length } }`)
	j.Content = in.Bytes()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Transform(b.Context(), j); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "objects/s")
}
