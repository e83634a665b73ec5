package opcua

import (
	"context"
	"fmt"
	"sync"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// mostSupertypes is how many types a type may stand on before the server is not believed.
const mostSupertypes = 16

// Kind is the built-in type of a node's value, or why it cannot be told. Passing says that it may be told later.
type Kind struct {
	Type    ua.TypeID
	Err     error
	Passing bool
}

// Types finds the built-in types of nodes. What it has found is remembered until Forget. It is safe for concurrent use.
type Types struct {
	mu     sync.Mutex
	nodes  map[string]ua.TypeID
	supers map[string]ua.TypeID // of types of the server; TypeIDNull for those without a built-in one
}

// mostRemembered bounds what is remembered.
const mostRemembered = 100_000

// Forget forgets everything: the server may have changed.
func (t *Types) Forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nodes, t.supers = nil, nil
}

func (t *Types) get(node string) (ua.TypeID, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kind, ok := t.nodes[node]
	return kind, ok
}

func (t *Types) set(node string, kind ua.TypeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nodes == nil || len(t.nodes) >= mostRemembered {
		t.nodes = map[string]ua.TypeID{}
	}
	t.nodes[node] = kind
}

// Of is the kinds of nodes. Its error is that of the connection.
func (t *Types) Of(ctx context.Context, l Limited, nodes []*ua.NodeID) ([]Kind, error) {
	kinds := make([]Kind, len(nodes))
	var asked []*ua.NodeID
	var places []int
	for i, n := range nodes {
		if kind, ok := t.get(n.String()); ok {
			kinds[i].Type = kind
			continue
		}
		asked, places = append(asked, n), append(places, i)
	}
	if len(asked) == 0 {
		return kinds, nil
	}
	values, err := Read(ctx, l, asked, ua.AttributeIDDataType, ua.TimestampsToReturnNeither)
	if err != nil {
		return nil, err
	}
	for j, v := range values {
		kind, err := t.kind(ctx, l, asked[j], v)
		if err != nil {
			return nil, err
		}
		kinds[places[j]] = kind
		if kind.Err == nil {
			t.set(asked[j].String(), kind.Type)
		}
	}
	return kinds, nil
}

// kind is the kind of a node whose DataType was read.
func (t *Types) kind(ctx context.Context, l Limited, node *ua.NodeID, v *ua.DataValue) (Kind, error) {
	var declared *ua.NodeID
	if v.Value != nil {
		declared, _ = v.Value.Value().(*ua.NodeID)
	}
	if v.Status != ua.StatusOK || declared == nil {
		//lint:ignore ST1005 the reference's text
		return Kind{Err: fmt.Errorf("Could not read DataType for node ID \"%s\": %s", node, StatusName(v.Status)), Passing: IsPassing(v.Status)}, nil
	}
	found, err := t.builtIn(ctx, l, declared)
	if err == nil && found == ua.TypeIDVariant { // any type will do: that of the value it has
		found, err = ofValue(ctx, l, node)
	}
	switch {
	case err != nil:
		return Kind{}, err
	case found == ua.TypeIDNull:
		//lint:ignore ST1005 the reference's text
		return Kind{Err: fmt.Errorf("Invalid data type for node ID \"%s\": %s", node, declared)}, nil
	}
	return Kind{Type: found}, nil
}

// builtIn is the built-in type on which a type stands, TypeIDVariant for one that may be any of several.
func (t *Types) builtIn(ctx context.Context, l Limited, declared *ua.NodeID) (ua.TypeID, error) {
	first := declared.String()
	t.mu.Lock()
	found, known := t.supers[first]
	t.mu.Unlock()
	if known {
		return found, nil
	}
	for range mostSupertypes {
		if kind, ok := standard(declared); ok {
			found = kind
			break
		}
		above, err := browse(ctx, l, declared, ua.BrowseDirectionInverse, id.HasSubtype)
		if err != nil && !isStatus(err) {
			return found, err
		}
		if err != nil || len(above) == 0 || above[0] == nil || above[0].NodeID == nil || above[0].NodeID.NodeID == nil {
			break
		}
		declared = ua.NewNodeIDFromExpandedNodeID(above[0].NodeID)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.supers == nil || len(t.supers) >= mostRemembered {
		t.supers = map[string]ua.TypeID{}
	}
	t.supers[first] = found
	return found, nil
}

// standard is the built-in type of a type of the standard.
func standard(node *ua.NodeID) (ua.TypeID, bool) {
	n := node.IntID()
	if node.Namespace() != 0 || n == 0 {
		return ua.TypeIDNull, false
	}
	switch n {
	case id.BaseDataType, id.Number, id.Integer, id.UInteger:
		return ua.TypeIDVariant, true
	case id.Enumeration:
		return ua.TypeIDInt32, true
	case id.Structure, id.DataValue, id.DiagnosticInfo:
		return ua.TypeIDNull, true
	}
	return ua.TypeID(n), n <= id.QualifiedName || n == id.LocalizedText
}

func ofValue(ctx context.Context, l Limited, node *ua.NodeID) (ua.TypeID, error) {
	values, err := Read(ctx, l, []*ua.NodeID{node}, ua.AttributeIDValue, ua.TimestampsToReturnNeither)
	if err != nil || values[0].Value == nil {
		return ua.TypeIDNull, err
	}
	return values[0].Value.Type(), nil
}
