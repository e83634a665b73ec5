package schema

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"oibus/agent/entity"
)

// maxDepth bounds how deep objects and arrays may stand in each other; no form needs more than a handful.
const maxDepth = 100

// Parse decodes raw into values that Validate understands, keeping the order of keys: objects are *Ordered, arrays
// []any, numbers json.Number.
func Parse(raw json.RawMessage) (any, error) {
	if !json.Valid(raw) {
		var v any
		return nil, entity.Invalid("cannot read JSON: %v", json.Unmarshal(raw, &v))
	}
	p := parser{raw: raw}
	v, err := p.value(0)
	if err != nil {
		return nil, entity.Invalid("cannot read JSON: %v", err)
	}
	return v, nil
}

// parser reads JSON that is known to be valid.
type parser struct {
	raw []byte
	at  int
}

// next skips white space and returns the byte that follows.
func (p *parser) next() byte {
	for {
		switch p.raw[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return p.raw[p.at]
		}
	}
}

// past skips white space and the byte that follows, if it is c.
func (p *parser) past(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	return true
}

func (p *parser) value(depth int) (any, error) {
	switch c := p.next(); c {
	case '{', '[':
		if depth >= maxDepth {
			return nil, fmt.Errorf("nested more than %d deep", maxDepth)
		}
		p.at++
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case '"':
		return p.text(), nil
	case 't':
		p.at += len("true")
		return true, nil
	case 'f':
		p.at += len("false")
		return false, nil
	case 'n':
		p.at += len("null")
		return nil, nil
	}
	return p.number(), nil
}

func (p *parser) object(depth int) (any, error) {
	o := NewOrdered()
	for !p.past('}') {
		p.past(',')
		p.next()
		key := p.text()
		p.past(':')
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		o.Set(key, v)
	}
	return o, nil
}

func (p *parser) array(depth int) (any, error) {
	items := []any{}
	for !p.past(']') {
		p.past(',')
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, nil
}

// text reads a string. One with escapes or broken UTF-8 is left to the standard library.
func (p *parser) text() string {
	start, plain := p.at, true
	for p.at++; p.raw[p.at] != '"'; p.at++ {
		if p.raw[p.at] == '\\' {
			plain = false
			p.at++
		}
	}
	p.at++
	inner := p.raw[start+1 : p.at-1]
	if plain && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(p.raw[start:p.at], &s) // valid, as a part of a valid document
	return s
}

func (p *parser) number() json.Number {
	start := p.at
	for p.at < len(p.raw) {
		switch c := p.raw[p.at]; {
		case '0' <= c && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			p.at++
			continue
		}
		break
	}
	return json.Number(p.raw[start:p.at])
}
