// Package script runs the JavaScript and TypeScript of custom transformers, and the expressions of field processes
// (protocol/data-plane.md, sections 7.7 and 7.8). It is foreign code: it runs in worker processes of the same program
// that have no environment, and on Linux no files and no network either, with bounds on memory, time and output. It
// promises that an endless loop, a memory bomb, deep recursion, a huge output or a crash of a worker is an error of
// that one execution, and that no execution sees anything of another. It guards against the transformer that was
// written by somebody else, in a hurry, or in bad faith.
//
// The parent keeps a Pool; a worker process runs Serve. They talk in frames over the standard streams of the worker.
package script

import (
	"fmt"
	"strings"
	"time"
)

// Bounds of an execution. Their relations are a test.
const (
	heapLimit   = 256 << 20 // of a script, as in the reference
	inputLimit  = 128 << 20 // bytes given to a script, which holds them as text and mostly as objects too
	outputLimit = 128 << 20
	logLimit    = 1000     // lines of one execution that reach the log
	lineLimit   = 16 << 10 // bytes of such a line

	// ExpressionTimeout bounds the evaluation of one batch of field-process expressions.
	ExpressionTimeout = 500 * time.Millisecond
	// startTimeout bounds the start of a worker, on a machine that is busy with something else.
	startTimeout = 20 * time.Second
	// grace is how long after its deadline a worker is waited for before it is killed: code that the interpreter cannot
	// interrupt, such as a regular expression, ends this way.
	grace = 300 * time.Millisecond
	// idleLimit is how long a worker that has nothing to do keeps its memory.
	idleLimit = 30 * time.Second
)

// Languages of custom transformers.
const (
	JavaScript = "javascript"
	TypeScript = "typescript"
)

// Categories of errors, as in the reference.
const (
	Timeout     = "TIMEOUT_ERROR"
	MemoryLimit = "MEMORY_LIMIT_EXCEEDED"
	Syntax      = "SYNTAX_ERROR"
	Runtime     = "RUNTIME_ERROR"
)

// Error says why an execution has no result, and where in the code, as it was written, as far as that is known. Its text
// is that of the reference, which does not tell where.
type Error struct {
	Category string `json:"category"`
	Message  string `json:"message"`
	Line     int    `json:"line,omitempty"`   // from 1; 0 when it is not known
	Column   int    `json:"column,omitempty"` // from 1
}

func (e *Error) Error() string {
	return "[" + e.Category + "] Custom code execution failed: " + e.Message
}

// Place is where it happened, as " [transformer:3:11]"; empty when that is not known, or is in the text already.
func (e *Error) Place() string {
	if e.Line == 0 {
		return ""
	}
	place := fmt.Sprintf(" [%s:%d:%d]", sourceName, e.Line, e.Column)
	if strings.HasSuffix(e.Message, place) {
		return ""
	}
	return place
}

// sourceName is what the code of a transformer is called in its errors.
const sourceName = "transformer"

const timedOut = "Script execution timed out."

func failure(category, message string) *Error { return &Error{Category: category, Message: message} }
