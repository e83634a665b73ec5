package opcua

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua/wire"
)

// defaultBatch is how many nodes are in a request to a server that has no limit of its own: it has one all the same,
// and an answer must fit into memory.
const defaultBatch = 1000

// historyBatch is defaultBatch for history, of which an answer holds up to a thousand values for each node.
const historyBatch = 50

// Operation is a kind of request that takes many nodes.
type Operation int

// The operations.
const (
	Reading Operation = iota
	Writing
	ReadingHistory
	Monitoring
	operations
)

var limitNodes = [operations]uint32{
	Reading:        id.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
	Writing:        id.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite,
	ReadingHistory: id.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
	Monitoring:     id.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
}

// limits are how many nodes the server takes in a request of each kind.
type limits struct {
	mu    sync.Mutex
	known bool
	most  [operations]int
}

// read asks the server for its limits. A server that does not tell has none.
func (l *limits) read(ctx context.Context, d Doer) ([operations]int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return l.most, nil
	}
	request := &ua.ReadRequest{TimestampsToReturn: ua.TimestampsToReturnNeither}
	for _, node := range limitNodes {
		request.NodesToRead = append(request.NodesToRead, valueOf(ua.NewNumericNodeID(0, node)))
	}
	response, err := Ask[*ua.ReadResponse](ctx, d, request)
	if err != nil && !isStatus(err) {
		return l.most, err
	}
	l.known = true
	for i := range l.most {
		l.most[i] = defaultBatch
		if Operation(i) == ReadingHistory {
			l.most[i] = historyBatch
		}
		if err == nil && i < len(response.Results) {
			if v := response.Results[i]; v != nil && v.Value != nil && v.Status == ua.StatusOK {
				if n, ok := v.Value.Value().(uint32); ok && n > 0 {
					l.most[i] = int(min(n, uint32(l.most[i])))
				}
			}
		}
	}
	return l.most, nil
}

func (l *limits) reduce(o Operation, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most[o] = max(1, most)
}

func isStatus(err error) bool {
	var status *wire.StatusError
	return errors.As(err, &status)
}

// valueOf asks for the value of a node.
func valueOf(node *ua.NodeID) *ua.ReadValueID { return attributeOf(node, ua.AttributeIDValue) }

func attributeOf(node *ua.NodeID, attribute ua.AttributeID) *ua.ReadValueID {
	return &ua.ReadValueID{NodeID: node, AttributeID: attribute, DataEncoding: &ua.QualifiedName{}}
}

// Limited makes requests in batches that the server takes.
type Limited interface {
	Doer
	Limit(ctx context.Context, o Operation) (int, error)
	Reduce(o Operation, most int)
}

// Batches calls do with parts of n nodes, in order, none larger than the server takes. A part that turns out to be too
// large, or whose answer cannot be read, is halved; the error of one node alone is that of do.
func Batches(ctx context.Context, l Limited, o Operation, n int, do func(from, to int) error) error {
	most, err := l.Limit(ctx, o)
	if err != nil {
		return err
	}
	for from := 0; from < n; {
		to := min(from+most, n)
		err := do(from, to)
		switch {
		case err == nil:
			from = to
		case isFinal(err):
			return err
		case to-from > 1 && tooLarge(err):
			most = (to - from + 1) / 2
			l.Reduce(o, most)
		case to-from > 1 && unreadable(err):
			most = (to - from + 1) / 2 // one value is at fault, not their number
		default:
			return err
		}
	}
	return nil
}

func tooLarge(err error) bool {
	switch StatusOf(err) {
	case ua.StatusBadTooManyOperations, ua.StatusBadRequestTooLarge, ua.StatusBadResponseTooLarge, ua.StatusBadEncodingLimitsExceeded,
		ua.StatusBadTCPMessageTooLarge:
		return true
	}
	return false
}

func unreadable(err error) bool {
	var decoding *wire.DecodeError
	return errors.As(err, &decoding)
}

// noStatus is what StatusOf returns for an error without one.
const noStatus = ua.StatusCode(math.MaxUint32)

// StatusOf is the status code that an error is about.
func StatusOf(err error) ua.StatusCode {
	var status *wire.StatusError
	if errors.As(err, &status) {
		return status.Status
	}
	return noStatus
}

// IsDeviceError says whether the server is well and what it speaks for is not: the session is kept then.
func IsDeviceError(err error) bool { return IsDeviceStatus(StatusOf(err)) }

// IsDeviceStatus is IsDeviceError for the status of a node.
func IsDeviceStatus(code ua.StatusCode) bool {
	switch code & 0xffff0000 {
	case ua.StatusBadCommunicationError, ua.StatusBadNoCommunication, ua.StatusBadNotConnected, ua.StatusBadDeviceFailure,
		ua.StatusBadOutOfService, ua.StatusBadTimeout:
		return true
	}
	return false
}

// IsPassing says whether a status of a node may be another one later, without anybody changing the configuration.
func IsPassing(code ua.StatusCode) bool {
	switch code & 0xffff0000 {
	case ua.StatusBadTooManyOperations, ua.StatusBadOutOfMemory, ua.StatusBadResourceUnavailable, ua.StatusBadServerHalted, ua.StatusBadShutdown,
		ua.StatusBadServerNotConnected, ua.StatusBadSessionIDInvalid, ua.StatusBadSessionClosed, ua.StatusBadSessionNotActivated,
		ua.StatusBadSecureChannelIDInvalid, ua.StatusBadSecureChannelClosed, ua.StatusBadConnectionClosed, ua.StatusBadTooManySessions,
		ua.StatusBadWaitingForInitialData, ua.StatusBadNoContinuationPoints, ua.StatusBadContinuationPointInvalid, ua.StatusBadRequestTimeout,
		ua.StatusBadRequestInterrupted, ua.StatusBadInvalidState, ua.StatusBadSensorFailure, ua.StatusBadRequestTooLarge, ua.StatusBadResponseTooLarge:
		return true
	}
	return IsDeviceStatus(code)
}

// isEnded says whether an error means that the session is no more, and the request was not taken.
func isEnded(err error) bool {
	switch StatusOf(err) {
	case ua.StatusBadSessionIDInvalid, ua.StatusBadSessionClosed, ua.StatusBadSessionNotActivated, ua.StatusBadSecureChannelIDInvalid,
		ua.StatusBadSecureChannelClosed, ua.StatusBadSecureChannelTokenUnknown:
		return true
	}
	return false
}
