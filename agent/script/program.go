package script

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/dop251/goja"
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
	program, err := goja.Compile("transformer", code, false)
	if err != nil {
		return nil, failure(Runtime, syntaxText(err))
	}
	return program, nil
}

// syntaxText is what is wrong, and where.
func syntaxText(err error) string {
	var list parser.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return fmt.Sprintf("%s [transformer:%d:%d]", list[0].Message, list[0].Position.Line, list[0].Position.Column)
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(text, "SyntaxError: ")
}

// transpile removes the types.
func transpile(code string) (string, error) {
	out := api.Transform(code, api.TransformOptions{Loader: api.LoaderTS, Target: api.ES2020, Format: api.FormatCommonJS, LogLevel: api.LogLevelSilent})
	if len(out.Errors) == 0 {
		return string(out.Code), nil
	}
	e := out.Errors[0]
	at := ""
	if e.Location != nil {
		at = fmt.Sprintf(" (line %d, column %d)", e.Location.Line, e.Location.Column+1)
	}
	return "", failure(Syntax, "TypeScript compilation failed: "+e.Text+at)
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
