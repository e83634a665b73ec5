package script

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
	"github.com/evanw/esbuild/pkg/api"
)

// programsLimit is how many compiled programs a worker keeps.
const programsLimit = 64

// programs keeps what was compiled, by the hash of its code.
type programs struct {
	byHash map[string]*goja.Program
	order  []string
}

func newPrograms() *programs { return &programs{byHash: map[string]*goja.Program{}} }

func (p *programs) get(r request) (*goja.Program, error) {
	if program, ok := p.byHash[r.Hash]; ok {
		return program, nil
	}
	program, err := compile(r)
	if err != nil {
		return nil, err
	}
	if len(p.order) == programsLimit {
		delete(p.byHash, p.order[0])
		p.order = p.order[1:]
	}
	p.byHash[r.Hash], p.order = program, append(p.order, r.Hash)
	return program, nil
}

func compile(r request) (*goja.Program, error) {
	code := r.Code
	switch {
	case r.Expression:
		return compileExpression(code)
	case r.Language == TypeScript:
		var err error
		if code, err = transpile(code); err != nil {
			return nil, err
		}
	}
	return compileSource(code, r.Language == TypeScript)
}

// compileSource compiles a transformer. A source map is looked at only when it is our own: others would name files.
func compileSource(code string, mapped bool) (*goja.Program, error) {
	maps := parser.WithDisableSourceMaps
	if mapped {
		maps = parser.WithSourceMapLoader(func(string) ([]byte, error) { return nil, errMap })
	}
	tree, err := parser.ParseFile(nil, sourceName, code, 0, maps)
	if err != nil {
		return nil, syntaxError(err, mapped)
	}
	program, err := goja.CompileAST(tree, false)
	if err != nil {
		return nil, syntaxError(err, mapped)
	}
	return program, nil
}

var errMap = errors.New("source maps are not read")

// syntaxError is what is wrong, and where.
func syntaxError(err error, mapped bool) *Error {
	var (
		list   parser.ErrorList
		faulty *goja.CompilerSyntaxError
	)
	e := failure(Runtime, "")
	switch {
	case errors.As(err, &list) && len(list) > 0:
		e.Message = list[0].Message
		e.Line, e.Column = at(list[0].Position, mapped)
	case errors.As(err, &faulty) && faulty.File != nil:
		e.Message = faulty.Message
		e.Line, e.Column = at(faulty.File.Position(faulty.Offset), mapped)
	default:
		e.Message = syntaxText(err)
	}
	e.Message += e.Place()
	return e
}

// at is a position in the code as it was written. The columns of a source map count from 0, those of code from 1.
func at(p file.Position, mapped bool) (line, column int) {
	if mapped && p.Line > 0 {
		return p.Line, p.Column + 1
	}
	return p.Line, p.Column
}

// place is where in the code of a transformer err happened: the innermost call that is its own.
func place(err error, mapped bool) (line, column int) {
	var exception *goja.Exception
	if !errors.As(err, &exception) {
		return 0, 0
	}
	for _, frame := range exception.Stack() {
		if frame.SrcName() == sourceName {
			return at(frame.Position(), mapped)
		}
	}
	return 0, 0
}

// syntaxText is the first line of what the interpreter says.
func syntaxText(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(text, "SyntaxError: ")
}

// transpile removes the types.
func transpile(code string) (string, error) {
	out := api.Transform(code, api.TransformOptions{Loader: api.LoaderTS, Target: api.ES2020, Format: api.FormatCommonJS, LogLevel: api.LogLevelSilent,
		Sourcemap: api.SourceMapInline, Sourcefile: sourceName, SourcesContent: api.SourcesContentExclude})
	if len(out.Errors) == 0 {
		return string(out.Code), nil
	}
	e := failure(Syntax, "TypeScript compilation failed: "+out.Errors[0].Text)
	if l := out.Errors[0].Location; l != nil {
		e.Line, e.Column = l.Line, l.Column+1
		e.Message += fmt.Sprintf(" (line %d, column %d)", e.Line, e.Column)
	}
	return "", e
}

// compileExpression wraps an expression so that it can only be one: it is checked alone first. Its results become texts as
// they stand in CSV: protocol/data-plane.md, appendix B.
func compileExpression(code string) (*goja.Program, error) {
	if _, err := goja.Compile("expression", "(\n"+code+"\n)", true); err != nil {
		return nil, failure(Runtime, syntaxText(err))
	}
	program, err := goja.Compile("expression", `(function (values) { "use strict";
		const text = r => r === undefined || r === null ? null : r instanceof Date ? (isNaN(r) ? "" : r.toISOString()) : String(r);
		return JSON.stringify(values.map(value => text((
`+code+`
)))); })`, true)
	if err != nil {
		return nil, failure(Runtime, syntaxText(err))
	}
	return program, nil
}

var finder = sync.OnceValue(func() *goja.Program {
	return goja.MustCompile("finder", `module.exports && module.exports.default || module.exports && module.exports.transform ||
		(typeof module.exports === "function" ? module.exports : transform)`, false)
})
