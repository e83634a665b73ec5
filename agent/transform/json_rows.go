package transform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"oibus/agent/content"
	"oibus/agent/transform/jsonpath"
)

// maxDocument is the largest JSON document that is held in memory, in bytes. Documents of any size are read element by
// element when all paths lead through the same [*].
const maxDocument = 32 << 20

// documents bounds how many large documents are in memory at a time.
var documents = make(chan struct{}, 2)

// largeDocument is what counts as large.
const largeDocument = 1 << 20

// jsonRows finds rows in JSON and the values of their fields (data-plane.md, 7.6).
type jsonRows struct {
	rows   *jsonpath.Path
	fields []*jsonpath.Path
}

// jsonPath reads the option name.
func (o *options) jsonPath(name string) *jsonpath.Path {
	p, err := jsonpath.Parse(o.text(name))
	if err != nil {
		o.fail(name, "%v", err)
	}
	return p
}

// each calls row with the values of the fields of each row, numbered from 1: nil for those that are missing.
func (j *jsonRows) each(ctx context.Context, in Input, row func(n int, values [][]byte) error) error {
	values, n := make([][]byte, len(j.fields)), 0
	one := func(doc *jsonpath.Node, rows *jsonpath.Path, fields []*jsonpath.Path) error {
		return rows.Each(doc, func(numbers []int, _ *jsonpath.Node) error {
			if n++; n%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			for i, f := range fields {
				var err error
				if values[i], err = f.Fill(numbers).Value(doc); err != nil {
					return fmt.Errorf("row %d: %w", n, err)
				}
			}
			if err := row(n, values); err != nil {
				return fmt.Errorf("row %d: %w", n, err)
			}
			return nil
		})
	}
	if names, ok := j.together(); ok {
		rows, fields := j.rows.Behind(), make([]*jsonpath.Path, len(j.fields))
		for i, f := range j.fields {
			fields[i] = f.Behind()
		}
		err := eachElement(in, names, func(element []byte) error { return one(jsonpath.New(element), rows, fields) })
		if !errors.Is(err, errNoArray) {
			return err
		}
	}
	return j.whole(ctx, in, func(doc *jsonpath.Node) error { return one(doc, j.rows, j.fields) })
}

// together says whether all paths lead through the elements of one array, and the names on the way to it.
func (j *jsonRows) together() (names []string, ok bool) {
	names, ok = j.rows.Before()
	for _, f := range j.fields {
		other, same := f.Before()
		ok = ok && same && slices.Equal(names, other)
	}
	return names, ok
}

// whole reads the input into memory.
func (j *jsonRows) whole(ctx context.Context, in Input, use func(*jsonpath.Node) error) (err error) {
	r, err := in.Content.Open()
	if err != nil {
		return fmt.Errorf("cannot open input: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if in.Content.Size > largeDocument {
		select {
		case documents <- struct{}{}:
			defer func() { <-documents }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return fmt.Errorf("cannot read input: %w", err)
	}
	if len(data) > maxDocument {
		return fmt.Errorf("the JSON is larger than %d bytes; it can be read element by element only when all paths begin like rowIteratorPath, up to its first [*]", maxDocument)
	}
	data = trimMark(data)
	if err := checkJSON(data); err != nil {
		return err
	}
	return use(jsonpath.New(data))
}

func trimMark(data []byte) []byte {
	if len(data) >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf {
		return data[3:]
	}
	return data
}

func checkJSON(data []byte) error {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("the input is no JSON: %w at byte %d", err, syntax.Offset)
		}
		return fmt.Errorf("the input is no JSON: %w", err)
	}
	return nil
}

// errNoArray says that there is no array where elements are looked for.
var errNoArray = errors.New("no array")

// eachElement reads the elements of the array that names lead to, one by one.
func eachElement(in Input, names []string, each func(element []byte) error) (err error) {
	f, err := in.Content.Open()
	if err != nil {
		return fmt.Errorf("cannot open input: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := withoutMark(f)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return inside(r, names, each)
	}
	first, err := r.firstByte()
	if err != nil {
		return err
	}
	if first != '[' {
		return errNoArray
	}
	for a := content.NewArray(r); ; {
		element, err := a.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(element); err != nil {
			return err
		}
	}
}
