package jsonpath

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Node is a value of a JSON document, read only as far as it is looked at.
type Node struct {
	Raw []byte // as it stands, without white space around it

	doc    *document
	kids   []kid
	inner  *Node // the document in a text that holds one
	opened bool
	text   bool // inner was looked for
}

// document is what the nodes of one document share.
type document struct {
	nodes int
	over  bool // there are more than maxNodes, and some were left out
}

// maxNodes bounds the memory of a document that is taken apart. It is about 200 MB.
const maxNodes = 2_000_000

type kid struct {
	name string // of a member
	node *Node
}

// New is the document raw, which must be JSON.
func New(raw []byte) *Node { return &Node{Raw: bytes.TrimSpace(raw), doc: &document{}} }

func (n *Node) kind() byte {
	if len(n.Raw) == 0 {
		return 0
	}
	return n.Raw[0]
}

// open splits an object or array into its parts.
func (n *Node) open() []kid {
	if n.opened {
		return n.kids
	}
	n.opened = true
	object := n.kind() == '{'
	if !object && n.kind() != '[' {
		return nil
	}
	for i := space(n.Raw, 1); i < len(n.Raw)-1; i = space(n.Raw, i+1) {
		var k kid
		if object {
			end := textEnd(n.Raw, i)
			k.name = text(n.Raw[i:end])
			i = space(n.Raw, space(n.Raw, end)+1) // behind the colon
		}
		end := valueEnd(n.Raw, i)
		if n.doc.nodes++; n.doc.nodes > maxNodes {
			n.doc.over = true
			break
		}
		k.node = &Node{Raw: bytes.TrimRight(n.Raw[i:end], " \t\r\n"), doc: n.doc}
		n.kids = append(n.kids, k)
		i = end
	}
	return n.kids
}

// member is the member name of an object; the last one counts.
func (n *Node) member(name string) *Node {
	if n.kind() != '{' {
		return nil
	}
	kids := n.open()
	for i := len(kids) - 1; i >= 0; i-- {
		if kids[i].name == name {
			return kids[i].node
		}
	}
	return nil
}

// element is an element of an array, counted from the end when i is negative.
func (n *Node) element(i int) *Node {
	if n.kind() != '[' {
		return nil
	}
	kids := n.open()
	if i < 0 {
		i += len(kids)
	}
	if i < 0 || i >= len(kids) {
		return nil
	}
	return kids[i].node
}

// embedded is the object or array that a text holds, nil when it holds none.
func (n *Node) embedded() *Node {
	if n.text || n.kind() != '"' {
		return n.inner
	}
	n.text = true
	var t string
	if json.Unmarshal(n.Raw, &t) != nil {
		return nil
	}
	if t = strings.TrimSpace(t); t != "" && (t[0] == '{' || t[0] == '[') && json.Valid([]byte(t)) {
		n.inner = New([]byte(t))
		n.inner.doc = n.doc
	}
	return n.inner
}

// value is n as the library sees values.
func (n *Node) value() any {
	switch n.kind() {
	case '{':
		return object{n}
	case '[':
		return array{n}
	case '"':
		return text(n.Raw)
	case 't':
		return true
	case 'f':
		return false
	case 'n', 0:
		return nil
	}
	if i, err := strconv.ParseInt(string(n.Raw), 10, 64); err == nil {
		return i
	}
	f, err := strconv.ParseFloat(string(n.Raw), 64)
	if err != nil || math.IsInf(f, 0) {
		return string(n.Raw)
	}
	return f
}

// object and array show nodes to the library in the order of the document.
type object struct{ n *Node }

func (o object) ValueForKey(key string) (any, bool) {
	m := o.n.member(key)
	if m == nil {
		return nil, false
	}
	return m.value(), true
}

func (object) SetValueForKey(string, any) {}
func (object) RemoveValueForKey(string)   {}

func (o object) Keys() []string {
	var keys []string
	for _, k := range o.n.open() {
		keys = append(keys, k.name)
	}
	return keys
}

type array struct{ n *Node }

func (a array) ValueAtIndex(i int) any {
	if e := a.n.element(i); e != nil {
		return e.value()
	}
	return nil
}

func (array) SetValueAtIndex(int, any) {}

func (a array) Size() int { return len(a.n.open()) }

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// textEnd is the end of the JSON text that begins at i.
func textEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// valueEnd is where the comma or bracket stands behind the value that begins at i.
func valueEnd(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = textEnd(b, i) - 1
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return i
			}
			if b[i] != ',' {
				depth--
			}
		}
	}
	return len(b)
}

func text(token []byte) string {
	if bytes.IndexByte(token, '\\') < 0 {
		return string(token[1 : len(token)-1])
	}
	var t string
	if json.Unmarshal(token, &t) != nil {
		return string(token)
	}
	return t
}
