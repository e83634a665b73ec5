package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dop251/goja"
	"github.com/dop251/goja/file"
)

// callDepth is about what other engines allow.
const callDepth = 10_000

// execute runs one request in a runtime of its own. Its error is an *Error.
func (s *server) execute(w work) (a answer, body []byte, err error) {
	defer func() {
		// A script can make the interpreter itself fail. Its process is given up only when even this is not possible.
		switch r := recover().(type) {
		case nil:
		case error:
			err = asError(r)
		default:
			err = failure(Runtime, fmt.Sprintf("the interpreter failed: %v", r))
		}
	}()
	if a, body, err = s.run(w); err != nil {
		failed := asError(err)
		if failed.Line == 0 {
			failed.Line, failed.Column = place(err, w.request.Language == TypeScript)
		}
		err = failed
	}
	return a, body, err
}

func (s *server) run(w work) (answer, []byte, error) {
	limit := time.Duration(w.request.Timeout) * time.Millisecond
	vm := goja.New()
	vm.SetMaxCallStackSize(callDepth)
	s.running.Store(vm)
	defer s.running.Store(nil)
	timer := time.AfterFunc(limit, func() { vm.Interrupt(tooLong) })
	defer timer.Stop()
	program, err := s.compiled.get(w.request)
	if err != nil {
		return answer{}, nil, err
	}
	if w.request.Expression {
		body, err := evaluate(vm, program, w.body)
		return answer{}, body, err
	}
	if err := s.equip(vm); err != nil {
		return answer{}, nil, err
	}
	if _, err := vm.RunProgram(program); err != nil {
		return answer{}, nil, err
	}
	returned, err := call(vm, w)
	if err != nil {
		return answer{}, nil, err
	}
	return result(vm, returned, w.request.FileName)
}

// call finds the function and calls it.
func call(vm *goja.Runtime, w work) (goja.Value, error) {
	found, err := vm.RunProgram(finder())
	if err != nil {
		return nil, err
	}
	transform, ok := goja.AssertFunction(found)
	if !ok {
		return nil, errors.New(`Custom code must export a "transform" function.`) //lint:ignore ST1005 the reference's text
	}
	source, err := parse(vm, w.request.Source)
	if err != nil {
		return nil, err
	}
	options, err := parse(vm, w.request.Options)
	if err != nil {
		return nil, err
	}
	returned, err := transform(goja.Undefined(), text(vm, w.body), source, vm.ToValue(w.request.FileName), options)
	if err != nil {
		return nil, err
	}
	promise, ok := returned.Export().(*goja.Promise)
	if !ok {
		return returned, nil
	}
	switch promise.State() {
	case goja.PromiseStateFulfilled:
		return promise.Result(), nil
	case goja.PromiseStateRejected:
		return nil, rejection(promise.Result(), w.request.Language == TypeScript)
	}
	return nil, errors.New("the promise that transform returned never settles: there is nothing to wait for, neither timers nor network")
}

// text is bytes as a string; what is not UTF-8 becomes U+FFFD.
func text(vm *goja.Runtime, b []byte) goja.Value {
	if !utf8.Valid(b) {
		return vm.ToValue(strings.ToValidUTF8(string(b), "\uFFFD"))
	}
	return vm.ToValue(string(b))
}

// parse is a JSON text as a value of the script, made by its own parser.
func parse(vm *goja.Runtime, j json.RawMessage) (goja.Value, error) {
	if len(j) == 0 {
		return goja.Undefined(), nil
	}
	f, _ := goja.AssertFunction(vm.GlobalObject().Get("JSON").ToObject(vm).Get("parse"))
	return f(goja.Undefined(), vm.ToValue(string(j)))
}

// result turns what transform returned into bytes (protocol/data-plane.md, section 7.8).
func result(vm *goja.Runtime, returned goja.Value, fileName string) (answer, []byte, error) {
	invalid := errors.New("Transform function returned an invalid or empty result.") //lint:ignore ST1005 the reference's text
	object, ok := returned.(*goja.Object)
	if !ok {
		return answer{}, nil, invalid
	}
	data := object.Get("data")
	if data == nil || !data.ToBoolean() {
		return answer{}, nil, invalid
	}
	a := answer{FileName: fileName}
	if name := object.Get("filename"); name != nil && name.ExportType() != nil && name.ExportType().Kind().String() == "string" {
		a.FileName = name.String()
	}
	if n := object.Get("numberOfElement"); n != nil {
		switch v := n.Export().(type) {
		case int64:
			a.Elements = int(max(v, 0))
		case float64:
			if v > 0 && v < 1<<31 {
				a.Elements = int(v)
			}
		}
	}
	body, err := bytesOf(vm, data)
	return a, body, err
}

// bytesOf is data as it is cached: a text as UTF-8, a buffer as it is, all else as JSON.
func bytesOf(vm *goja.Runtime, data goja.Value) ([]byte, error) {
	switch v := data.Export().(type) {
	case string:
		return []byte(strings.ToValidUTF8(v, "\uFFFD")), nil
	case goja.ArrayBuffer:
		return v.Bytes(), nil
	}
	if o, ok := data.(*goja.Object); ok {
		if buffer, ok := exported(o.Get("buffer")).(goja.ArrayBuffer); ok && o.Get("byteLength") != nil {
			start, n := o.Get("byteOffset").ToInteger(), o.Get("byteLength").ToInteger()
			if all := buffer.Bytes(); start >= 0 && n >= 0 && start+n <= int64(len(all)) {
				return all[start : start+n], nil
			}
		}
	}
	stringify, _ := goja.AssertFunction(vm.GlobalObject().Get("JSON").ToObject(vm).Get("stringify"))
	s, err := stringify(goja.Undefined(), data)
	if err != nil {
		return nil, err
	}
	if goja.IsUndefined(s) {
		return nil, errors.New(`Transform "data" could not be serialized to a string.`) //lint:ignore ST1005 the reference's text
	}
	return []byte(strings.ToValidUTF8(s.String(), "\uFFFD")), nil
}

func exported(v goja.Value) any {
	if v == nil {
		return nil
	}
	return v.Export()
}

// evaluate runs an expression on each value of an array.
func evaluate(vm *goja.Runtime, program *goja.Program, body []byte) ([]byte, error) {
	restrict(vm)
	f, err := vm.RunProgram(program)
	if err != nil {
		return nil, err
	}
	run, _ := goja.AssertFunction(f)
	values, err := parse(vm, body)
	if err != nil {
		return nil, err
	}
	out, err := run(goja.Undefined(), values)
	if err != nil {
		return nil, err
	}
	return []byte(out.String()), nil
}

// asError gives an error of the interpreter its category.
func asError(err error) *Error {
	var own *Error
	var interrupted *goja.InterruptedError
	var exception *goja.Exception
	var deep *goja.StackOverflowError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &interrupted):
		if interrupted.Value() == tooMuch {
			return failure(MemoryLimit, memoryText)
		}
		return failure(Timeout, timedOut)
	case errors.As(err, &deep):
		return failure(Runtime, stackText)
	case errors.As(err, &exception):
		return failure(Runtime, thrown(exception.Value()))
	}
	return failure(Runtime, err.Error())
}

// rejection is the error of a promise. Only its stack, a text, tells where it was made.
func rejection(v goja.Value, mapped bool) *Error {
	e := failure(Runtime, thrown(v))
	o, ok := v.(*goja.Object)
	if !ok {
		return e
	}
	stack, _ := exported(o.Get("stack")).(string)
	if found := ownFrame.FindStringSubmatch(stack); found != nil {
		line, errLine := strconv.Atoi(found[1])
		column, errColumn := strconv.Atoi(found[2])
		if errLine == nil && errColumn == nil {
			e.Line, e.Column = at(file.Position{Line: line, Column: column}, mapped)
		}
	}
	return e
}

var ownFrame = regexp.MustCompile(`\b` + sourceName + `:(\d+):(\d+)\(`)

// messageLimit bounds what a thrown value may say.
const messageLimit = 4 << 10

// thrown is the message of what a script threw. Code of the script may run for it: a getter, toString.
func thrown(v goja.Value) string {
	s := ""
	if o, ok := v.(*goja.Object); ok {
		if m, ok := exported(o.Get("message")).(string); ok {
			s = m
		}
	}
	if s == "" && v != nil {
		s = v.String()
	}
	if len(s) > messageLimit {
		s = strings.ToValidUTF8(s[:messageLimit], "") + "…"
	}
	return s
}
