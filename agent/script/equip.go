package script

import (
	_ "embed" // the libraries
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a worker cannot open files

	"github.com/dop251/goja"
)

// The libraries that custom transformers may use. Their licences are in the folder.
var (
	//go:embed lib/luxon.js
	luxonCode string
	//go:embed lib/jsonpath-plus.js
	jsonpathCode string
	//go:embed lib/papaparse.js
	papaparseCode string
	//go:embed lib/intl.js
	intlCode string
)

// library is a module that is run when a script first asks for it.
type library struct {
	names   []string
	program func() *goja.Program
}

func wrapped(name, code, returns string) func() *goja.Program {
	return sync.OnceValue(func() *goja.Program {
		return goja.MustCompile(name, "(function () { var exports = {}, module = { exports: exports }, define, window, self;\n"+code+"\n;return "+returns+"; })()", false)
	})
}

var libraries = []library{
	{[]string{"luxon"}, wrapped("luxon", luxonCode, "luxon")},
	{[]string{"jsonpath", "jsonpath-plus"}, wrapped("jsonpath-plus", jsonpathCode, "{ JSONPath: exports.JSONPath, default: exports.JSONPath }")},
	{[]string{"papaparse"}, wrapped("papaparse", papaparseCode, "module.exports")},
	{[]string{"Intl"}, sync.OnceValue(func() *goja.Program { return goja.MustCompile("intl", intlCode, false) })},
}

// equip gives a runtime what custom transformers may use, and nothing else (protocol/data-plane.md, section 7.8).
func (s *server) equip(vm *goja.Runtime) error {
	global := vm.GlobalObject()
	for _, name := range []string{"window", "global", "self"} {
		if err := global.Set(name, global); err != nil {
			return err
		}
	}
	exports := vm.NewObject()
	module := vm.NewObject()
	if err := module.Set("exports", exports); err != nil {
		return err
	}
	if err := global.Set("module", module); err != nil {
		return err
	}
	if err := global.Set("exports", exports); err != nil {
		return err
	}
	if err := global.Set("console", s.console(vm)); err != nil {
		return err
	}
	loaded := map[string]func(goja.FunctionCall) goja.Value{}
	for _, l := range libraries {
		load := once(vm, l)
		for _, name := range l.names {
			loaded[name] = load
		}
		set := vm.ToValue(func(call goja.FunctionCall) goja.Value { // a script may have a variable of that name
			must(global.DefineDataProperty(l.names[0], call.Argument(0), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
			return goja.Undefined()
		})
		if err := global.DefineAccessorProperty(l.names[0], vm.ToValue(load), set, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return err
		}
	}
	delete(loaded, "Intl")
	return global.Set("require", func(call goja.FunctionCall) goja.Value {
		name := call.Argument(0).String()
		load, ok := loaded[name]
		if !ok {
			panic(vm.ToValue(newError(vm, "Error", `Module "`+name+`" is not allowed.`)))
		}
		return load(call)
	})
}

func once(vm *goja.Runtime, l library) func(goja.FunctionCall) goja.Value {
	var module goja.Value
	return func(goja.FunctionCall) goja.Value {
		if module == nil {
			v, err := vm.RunProgram(l.program())
			must(err)
			if l.names[0] == "Intl" {
				build, _ := goja.AssertFunction(v)
				v, err = build(goja.Undefined(), vm.ToValue(fieldsAt), vm.ToValue(time.Local.String()))
				must(err)
			}
			module = v
		}
		return module
	}
}

// must hands an error on to the script that asked.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func newError(vm *goja.Runtime, class, text string) *goja.Object {
	o, err := vm.New(vm.Get(class), vm.ToValue(text))
	must(err)
	return o
}

// fieldsAt are the calendar fields of an instant in a time zone, for Intl: year, month, day, hour, minute, second, day of the
// week, abbreviation and offset in minutes; nothing when there is no such zone.
func fieldsAt(ms float64, zone string) any {
	l, err := location(zone)
	if err != nil {
		return nil
	}
	t := time.UnixMilli(int64(ms)).In(l)
	abbreviation, offset := t.Zone()
	return []any{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), int(t.Weekday()), abbreviation, offset / 60}
}

var zones sync.Map

// location finds a time zone, in any case as the language wants it.
func location(name string) (*time.Location, error) {
	if l, ok := zones.Load(name); ok {
		return l.(*time.Location), nil
	}
	if name == "" || strings.EqualFold(name, "local") {
		return nil, errZone
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	zones.Store(name, l)
	return l, nil
}

var errZone = failure(Runtime, "unknown time zone")

// console prints to the log of the agent.
func (s *server) console(vm *goja.Runtime) *goja.Object {
	c := vm.NewObject()
	lines := 0
	for method, level := range map[string]string{"trace": "trace", "debug": "debug", "log": "debug", "info": "info", "warn": "warn", "error": "error"} {
		must(c.Set(method, func(call goja.FunctionCall) goja.Value {
			if lines++; lines > logLimit {
				return goja.Undefined()
			}
			words := make([]string, len(call.Arguments))
			for i, a := range call.Arguments {
				words[i] = a.String()
			}
			text := strings.ToValidUTF8(strings.Join(words, " "), "\uFFFD")
			if lines == logLimit {
				text = "more lines of this execution are left out"
			}
			if len(text) > lineLimit {
				text = strings.ToValidUTF8(text[:lineLimit], "") + "…"
			}
			must(s.say(answer{Kind: saidLog, Level: level, Text: text}, nil))
			return goja.Undefined()
		}))
	}
	return c
}

// allowed are the globals of a field process (protocol/data-plane.md, section 7.7).
var allowed = map[string]bool{}

func init() {
	for _, name := range strings.Fields(`Math parseInt parseFloat isNaN isFinite Infinity NaN String Number Boolean BigInt Symbol Array Object Map Set
		WeakMap WeakSet JSON Date RegExp encodeURIComponent decodeURIComponent encodeURI decodeURI Error TypeError RangeError SyntaxError
		ReferenceError undefined`) {
		allowed[name] = true
	}
}

// restrict removes the globals that a field process does not have.
func restrict(vm *goja.Runtime) {
	global := vm.GlobalObject()
	for _, name := range global.GetOwnPropertyNames() {
		if !allowed[name] {
			must(global.Delete(name))
		}
	}
}
