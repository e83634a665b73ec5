package transform

import (
	"context"
	"fmt"
	"math"
)

// process is a field-process expression (data-plane.md, 7.7).
type process struct {
	expression string
	run        Expressions
}

// process reads the option name; nil when there is no expression.
func (o *options) process(name string, run Expressions) *process {
	expression := o.textOr(name, "")
	if expression == "" {
		return nil
	}
	if run == nil {
		o.fail(name, "expressions cannot be evaluated by this agent; leave it empty")
	}
	return &process{expression, run}
}

// apply replaces column i of rows by what the expression makes of it.
func (p *process) apply(ctx context.Context, rows [][]cell, i int) error {
	values := make([]any, len(rows))
	for n, row := range rows {
		switch c := &row[i]; {
		case c.null:
			values[n] = nil
		case c.number && !math.IsNaN(c.v): // which is text, as it cannot be handed on as a number
			values[n] = c.v
		default:
			values[n] = string(c.text)
		}
	}
	texts, err := p.run.Evaluate(ctx, p.expression, values)
	if err == nil && len(texts) != len(rows) {
		err = fmt.Errorf("%d results for %d values", len(texts), len(rows))
	}
	if err != nil {
		return &ExpressionError{p.expression, err}
	}
	for n, t := range texts {
		if rows[n][i] = (cell{null: t == nil}); t != nil {
			rows[n][i].text = []byte(*t)
		}
	}
	return nil
}

// ExpressionError is an expression that failed, in the reference's words.
type ExpressionError struct {
	Expression string
	Err        error
}

func (e *ExpressionError) Error() string {
	return fmt.Sprintf("Field process evaluation failed for expression \"%s\": %v", e.Expression, e.Err)
}

// Unwrap is the reason.
func (e *ExpressionError) Unwrap() error { return e.Err }
