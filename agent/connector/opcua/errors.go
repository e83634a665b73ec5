package opcua

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"
)

// deviceError is an error for which the session is not to blame.
type deviceError struct{ err error }

func (e *deviceError) Error() string { return e.err.Error() }
func (e *deviceError) Unwrap() error { return e.err }

// DeviceError marks an error for which the session is not to blame.
func DeviceError(err error) error { return &deviceError{err} }

// finalError is an error after which Batches tries nothing else.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// Final marks an error after which Batches tries nothing else, because a part was done.
func Final(err error) error { return &finalError{err} }

func isFinal(err error) bool {
	var f *finalError
	return errors.As(err, &f)
}

// KeepsSession says whether the session is as good after an error as before: what is behind the server is at fault, or
// the request was.
func KeepsSession(err error) bool {
	var device *deviceError
	if errors.As(err, &device) || IsDeviceError(err) || unreadable(err) {
		return true
	}
	code := StatusOf(err)
	return code != noStatus && !isEnded(err) && (IsForGood(code) || code == ua.StatusBadTooManyOperations)
}

// IsBad says whether a value comes with no use.
func IsBad(code ua.StatusCode) bool { return code&0x80000000 != 0 }

// IsForGood says whether a status of a node, or of a request, stays as long as nobody changes the configuration or the
// server.
func IsForGood(code ua.StatusCode) bool {
	switch code & 0xffff0000 {
	case ua.StatusBadNodeIDUnknown, ua.StatusBadNodeIDInvalid, ua.StatusBadAttributeIDInvalid, ua.StatusBadUserAccessDenied, ua.StatusBadNotReadable,
		ua.StatusBadNotSupported, ua.StatusBadServiceUnsupported, ua.StatusBadHistoryOperationUnsupported, ua.StatusBadHistoryOperationInvalid,
		ua.StatusBadAggregateNotSupported, ua.StatusBadAggregateInvalidInputs, ua.StatusBadAggregateConfigurationRejected,
		ua.StatusBadDataEncodingUnsupported, ua.StatusBadNodeClassInvalid, ua.StatusBadIndexRangeInvalid, ua.StatusBadNodeNotInView,
		ua.StatusBadTimestampNotSupported, ua.StatusBadTimestampsToReturnInvalid:
		return true
	}
	return false
}

// mostTold bounds how many failures of one kind are told one by one.
const mostTold = 10

// Some is texts as one, of many only the first ones.
func Some(texts []string) string {
	if len(texts) <= mostTold {
		return strings.Join(texts, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(texts[:mostTold], "; "), len(texts)-mostTold)
}
