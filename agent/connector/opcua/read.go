package opcua

import (
	"context"

	"github.com/gopcua/opcua/ua"
)

// Read reads an attribute of nodes, with the timestamps that are wanted, and returns as many values as there are nodes. A
// value that the library cannot decode has a status that says so, and keeps nothing else from being read.
func Read(ctx context.Context, l Limited, nodes []*ua.NodeID, attribute ua.AttributeID, stamps ua.TimestampsToReturn) ([]*ua.DataValue, error) {
	values := make([]*ua.DataValue, 0, len(nodes))
	err := Batches(ctx, l, Reading, len(nodes), func(from, to int) error {
		request := &ua.ReadRequest{TimestampsToReturn: stamps}
		for _, n := range nodes[from:to] {
			request.NodesToRead = append(request.NodesToRead, attributeOf(n, attribute))
		}
		response, err := Ask[*ua.ReadResponse](ctx, l, request)
		switch {
		case err != nil && to-from == 1 && unreadable(err):
			values = append(values, &ua.DataValue{Status: ua.StatusBadDecodingError})
			return nil
		case err != nil:
			return err
		case len(response.Results) != to-from:
			return unexpectedCount(len(response.Results), to-from)
		}
		for _, v := range response.Results {
			if v == nil {
				v = &ua.DataValue{Status: ua.StatusBadNoData}
			}
			values = append(values, v)
		}
		return nil
	})
	return values, err
}
