// Package opcua is the North that writes to servers of OPC UA (protocol/data-plane.md, section 6.5). It promises that
// each element of a content is written once where that can be known, in order, as the type that its node has; and that
// what the server or the type refuses is told by node and status, in an error that ends in the error folder rather than
// in silence. It guards against the one wrong value that holds up all others, and against writing a setpoint twice because
// another one failed.
package opcua

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector"
	"oibus/agent/connector/opcua"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "opcua",
	Accepts: []content.Kind{content.OPCUA},
	New:     func(env north.Env) (north.Connector, error) { return build(env) },
}

// sessionTimeout is that of the session, for which there is no setting.
const sessionTimeout = time.Minute

// part is how many elements are looked at together.
const part = 1000

// mostValue is how much of a value is told in an error, in bytes.
const mostValue = 100

// OPCUA is a configured North.
type OPCUA struct {
	link    *opcua.Link
	types   opcua.Types
	log     *slog.Logger
	pending pending
}

func build(env north.Env) (*OPCUA, error) {
	var s opcua.Settings
	if err := setting.Decode(env.Settings, &s); err != nil {
		return nil, err
	}
	client, err := opcua.New(env.Env, s, sessionTimeout)
	if err != nil {
		return nil, err
	}
	lost := env.Lost
	if lost == nil {
		lost = func(error, time.Duration) {}
	}
	o := &OPCUA{link: opcua.NewLink(client, lost), log: env.Log, pending: newPending()}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// Connect opens a session.
func (o *OPCUA) Connect(ctx context.Context) error {
	o.types.Forget()
	return o.link.Connect(ctx, nil)
}

// Disconnect ends the session.
func (o *OPCUA) Disconnect(ctx context.Context) error {
	if s := o.link.Disconnect(ctx); s != nil {
		s.Close(ctx)
	}
	return nil
}

// Test connects, and tells what the server is and offers.
func (o *OPCUA) Test(ctx context.Context) (connector.Report, error) { return o.link.Test(ctx, false) }

// element is one value to write.
type element struct {
	place int
	node  *ua.NodeID
	value json.RawMessage
}

// sending is one attempt to deliver a content.
type sending struct {
	o       *OPCUA
	of      *progress
	count   int      // elements so far
	refused []string // for good
	waiting []string // for now
}

// Send writes the elements of a content. What was written in an attempt before is not written again.
func (o *OPCUA) Send(ctx context.Context, d north.Delivery) error {
	if o.link.Session() == nil {
		return north.Again(errors.New("OPCUA client not set. The connector cannot write values"))
	}
	s := &sending{o: o, of: o.pending.begin(d.Name, d.Created)}
	err := s.all(ctx, d)
	if err == nil {
		o.pending.end(d.Name, d.Created)
	}
	return err
}

func (s *sending) all(ctx context.Context, d north.Delivery) error {
	r := d.Open()
	defer func() { _ = r.Close() }() // it was only read
	array := content.NewArray(r)
	for more := true; more; {
		var elements []element
		for len(elements) < part && more {
			token, err := array.Next()
			if errors.Is(err, io.EOF) {
				more = false
				break
			}
			if err != nil {
				return fmt.Errorf("the content is no list of values for OPC UA: %w", err)
			}
			if e, ok := s.element(token); ok {
				elements = append(elements, e)
			}
		}
		if err := s.write(ctx, elements); err != nil {
			if ctx.Err() == nil && !opcua.KeepsSession(err) {
				s.o.link.Lose(err)
			}
			return north.Again(err)
		}
		if len(s.waiting) > 0 { // what comes next may be for the same nodes: it must not overtake
			return &north.AgainError{Err: errors.New(opcua.Some(append(s.waiting, s.refused...))), Answer: true}
		}
	}
	if len(s.refused) > 0 {
		return errors.New(opcua.Some(s.refused))
	}
	return nil
}

// element reads one element. It is nothing to write when it was written before, or cannot be.
func (s *sending) element(token []byte) (element, bool) {
	e := element{place: s.count}
	s.count++
	if s.of.written(e.place, s.o.pending.sum(token)) {
		return e, false
	}
	var fields struct {
		NodeID *string         `json:"nodeId"`
		Value  json.RawMessage `json:"value"`
	}
	if json.Unmarshal(token, &fields) != nil || fields.NodeID == nil {
		s.refuse("element %d has no nodeId", e.place)
		return e, false
	}
	node, err := opcua.ParseNode(*fields.NodeID)
	if err != nil {
		s.refuse("%s", err)
		return e, false
	}
	e.node, e.value = node, bytes.Clone(fields.Value)
	if s.of.overtaken[node.String()] {
		s.of.done(e.place)
		s.o.log.Warn(s.failure(e, "a newer value was written while this one had to wait"))
		return e, false
	}
	return e, true
}

func (s *sending) refuse(format string, args ...any) {
	s.refused = append(s.refused, fmt.Sprintf(format, args...))
}

// write writes elements, in order. Its error is that of the connection.
func (s *sending) write(ctx context.Context, elements []element) error {
	nodes := make([]*ua.NodeID, len(elements))
	for i := range elements {
		nodes[i] = elements[i].node
	}
	kinds, err := s.o.types.Of(ctx, s.o.link, nodes)
	if err != nil {
		return err
	}
	var request []*ua.WriteValue
	var places []element
	held := map[string]bool{} // nodes of which an element waits: later ones must not overtake it
	flush := func() error {
		err := s.flush(ctx, places, request)
		request, places = nil, nil
		return err
	}
	inRequest := map[string]bool{}
	for i, e := range elements {
		name := e.node.String()
		if held[name] {
			continue
		}
		if kinds[i].Passing {
			held[name] = true
			s.wait(e, kinds[i].Err.Error())
			continue
		}
		value, text := (*ua.Variant)(nil), ""
		if err := kinds[i].Err; err != nil {
			text = err.Error()
		} else if value, err = opcua.Coerce(e.value, kinds[i].Type); err != nil {
			text = s.failure(e, fmt.Sprintf("%s, and the node is of type %s", err, typeName(kinds[i].Type)))
		}
		if value == nil {
			s.refused = append(s.refused, text)
			continue
		}
		if inRequest[name] { // a server may write the nodes of a request in any order
			if err := flush(); err != nil || len(s.waiting) > 0 {
				return err
			}
			clear(inRequest)
		}
		inRequest[name] = true
		request = append(request, &ua.WriteValue{NodeID: e.node, AttributeID: ua.AttributeIDValue,
			Value: &ua.DataValue{EncodingMask: ua.DataValueValue, Value: value}})
		places = append(places, e)
	}
	return flush()
}

// flush writes some values of different nodes.
func (s *sending) flush(ctx context.Context, elements []element, values []*ua.WriteValue) error {
	return opcua.Batches(ctx, s.o.link, opcua.Writing, len(values), func(from, to int) error {
		response, err := opcua.Ask[*ua.WriteResponse](ctx, s.o.link, &ua.WriteRequest{NodesToWrite: values[from:to]})
		switch {
		case err != nil && to-from == 1 && opcua.IsForGood(opcua.StatusOf(err)):
			s.refused = append(s.refused, s.failure(elements[from], opcua.StatusName(opcua.StatusOf(err))))
			return nil
		case err != nil:
			return err
		case len(response.Results) != to-from:
			return fmt.Errorf("the server answers %d of %d", len(response.Results), to-from)
		}
		for i, code := range response.Results {
			s.written(elements[from+i], code)
		}
		return nil
	})
}

// written notes what became of an element.
func (s *sending) written(e element, code ua.StatusCode) {
	switch {
	case !opcua.IsBad(code): // good, also when it completes later, or uncertain
		s.of.done(e.place)
		s.o.pending.overtake(s.of, e.node.String())
	case opcua.IsPassing(code):
		s.wait(e, s.failure(e, opcua.StatusName(code)))
	default:
		if code == ua.StatusBadTypeMismatch {
			s.o.types.Forget() // the node may have another type than it had
		}
		s.refused = append(s.refused, s.failure(e, opcua.StatusName(code)))
	}
}

// wait notes that an element is to be written later.
func (s *sending) wait(e element, why string) {
	s.waiting = append(s.waiting, why)
	s.of.waits[e.node.String()] = true
}

// failure is the reference's text.
func (s *sending) failure(e element, why string) string {
	value := strings.Trim(string(e.value), `"`)
	if len(value) > mostValue {
		value = strings.ToValidUTF8(value[:mostValue], "") + "…"
	}
	return fmt.Sprintf("Failed to write value \"%s\" for node ID \"%s\": %s", value, e.node, why)
}

var typeNames = map[ua.TypeID]string{
	ua.TypeIDBoolean: "Boolean", ua.TypeIDSByte: "SByte", ua.TypeIDByte: "Byte", ua.TypeIDInt16: "Int16", ua.TypeIDUint16: "UInt16",
	ua.TypeIDInt32: "Int32", ua.TypeIDUint32: "UInt32", ua.TypeIDInt64: "Int64", ua.TypeIDUint64: "UInt64", ua.TypeIDFloat: "Float",
	ua.TypeIDDouble: "Double", ua.TypeIDString: "String", ua.TypeIDDateTime: "DateTime", ua.TypeIDGUID: "Guid", ua.TypeIDByteString: "ByteString",
	ua.TypeIDXMLElement: "XmlElement", ua.TypeIDNodeID: "NodeId", ua.TypeIDExpandedNodeID: "ExpandedNodeId", ua.TypeIDStatusCode: "StatusCode",
	ua.TypeIDQualifiedName: "QualifiedName", ua.TypeIDLocalizedText: "LocalizedText", ua.TypeIDExtensionObject: "ExtensionObject",
}

func typeName(kind ua.TypeID) string {
	if name, ok := typeNames[kind]; ok {
		return name
	}
	return fmt.Sprint(kind)
}
