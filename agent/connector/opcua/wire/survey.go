package wire

import (
	"errors"
	"reflect"
	"time"

	"github.com/gopcua/opcua/ua"
)

// What the decoder of the library may be given. It takes memory for as many elements as a message says, and calls itself
// for each value within a value; too much of either ends the process, which no recovery can prevent.
const (
	mostDepth      = 64 // of values within values, and of structures
	mostDimensions = 16 // of an array
)

var (
	errShort = errors.New("it ends too early")
	errDeep  = errors.New("its values are nested too deep")
	errWrong = errors.New("it holds what no value is")
)

// survey passes over an encoded message without taking memory for it, in the way in which the decoder of the library will.
type survey struct {
	b     []byte
	depth int
}

// surveyed says whether an answer can be decoded safely.
func surveyed(body []byte) error {
	s := &survey{b: body}
	if err := s.expandedNode(); err != nil {
		return err
	}
	// With nothing behind its type, the library makes the answer and fails to fill it.
	_, made, _ := ua.DecodeService(body[:len(body)-len(s.b)])
	if made == nil {
		return ua.StatusBadServiceUnsupported
	}
	return s.value(reflect.TypeOf(made))
}

func (s *survey) skip(n int) error {
	if n < 0 || n > len(s.b) {
		return errShort
	}
	s.b = s.b[n:]
	return nil
}

func (s *survey) byte() (byte, error) {
	if len(s.b) == 0 {
		return 0, errShort
	}
	c := s.b[0]
	s.b = s.b[1:]
	return c, nil
}

func (s *survey) number() (uint32, error) {
	if len(s.b) < 4 {
		return 0, errShort
	}
	n := uint32(s.b[0]) | uint32(s.b[1])<<8 | uint32(s.b[2])<<16 | uint32(s.b[3])<<24
	s.b = s.b[4:]
	return n, nil
}

// none is the length of what is not there.
const none = 0xffffffff

// bytes passes a text or bytes with their length.
func (s *survey) bytes() error {
	n, err := s.number()
	if err != nil || n == none {
		return err
	}
	if uint64(n) > uint64(len(s.b)) {
		return errShort
	}
	return s.skip(int(n))
}

// count is the length of an array of elements that take a byte at least.
func (s *survey) count() (int, error) {
	n, err := s.number()
	if err != nil || n == none {
		return 0, err
	}
	if uint64(n) > uint64(len(s.b)) {
		return 0, errShort
	}
	return int(n), nil
}

// deeper calls f one level deeper.
func (s *survey) deeper(f func() error) error {
	if s.depth++; s.depth > mostDepth {
		return errDeep
	}
	defer func() { s.depth-- }()
	return f()
}

var (
	timeType      = reflect.TypeFor[time.Time]()
	variantType   = reflect.TypeFor[ua.Variant]()
	dataValueType = reflect.TypeFor[ua.DataValue]()
	nodeType      = reflect.TypeFor[ua.NodeID]()
	expandedType  = reflect.TypeFor[ua.ExpandedNodeID]()
	extensionType = reflect.TypeFor[ua.ExtensionObject]()
	guidType      = reflect.TypeFor[ua.GUID]()
	localizedType = reflect.TypeFor[ua.LocalizedText]()
	diagnosisType = reflect.TypeFor[ua.DiagnosticInfo]()
)

// value passes a value of a type.
func (s *survey) value(t reflect.Type) error {
	switch t {
	case timeType:
		return s.skip(8)
	case variantType:
		return s.deeper(s.variant)
	case dataValueType:
		return s.deeper(s.dataValue)
	case nodeType:
		_, err := s.node()
		return err
	case expandedType:
		return s.expandedNode()
	case extensionType:
		return s.deeper(s.extension)
	case guidType:
		return s.skip(16)
	case localizedType:
		return s.localized()
	case diagnosisType:
		return s.deeper(s.diagnosis)
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int8, reflect.Uint8:
		return s.skip(1)
	case reflect.Int16, reflect.Uint16:
		return s.skip(2)
	case reflect.Int32, reflect.Uint32, reflect.Float32:
		return s.skip(4)
	case reflect.Int64, reflect.Uint64, reflect.Float64:
		return s.skip(8)
	case reflect.String:
		return s.bytes()
	case reflect.Pointer:
		return s.value(t.Elem())
	case reflect.Slice:
		return s.slice(t.Elem())
	case reflect.Struct:
		return s.deeper(func() error {
			for i := range t.NumField() {
				if err := s.value(t.Field(i).Type); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return errWrong
}

func (s *survey) slice(element reflect.Type) error {
	if element.Kind() == reflect.Uint8 {
		return s.bytes()
	}
	n, err := s.count()
	for ; n > 0 && err == nil; n-- {
		err = s.value(element)
	}
	return err
}

func (s *survey) node() (mask byte, err error) {
	if mask, err = s.byte(); err != nil {
		return mask, err
	}
	switch mask & 0xf {
	case 0:
		return mask, s.skip(1)
	case 1:
		return mask, s.skip(3)
	case 2:
		return mask, s.skip(6)
	case 4:
		return mask, s.skip(18)
	case 3, 5:
		if err := s.skip(2); err != nil {
			return mask, err
		}
		return mask, s.bytes()
	}
	return mask, errWrong
}

func (s *survey) expandedNode() error {
	mask, err := s.node()
	if err == nil && mask&0x80 != 0 {
		err = s.bytes()
	}
	if err == nil && mask&0x40 != 0 {
		err = s.skip(4)
	}
	return err
}

func (s *survey) localized() error {
	mask, err := s.byte()
	for _, bit := range []byte{ua.LocalizedTextLocale, ua.LocalizedTextText} {
		if err == nil && mask&bit != 0 {
			err = s.bytes()
		}
	}
	return err
}

func (s *survey) diagnosis() error {
	mask, err := s.byte()
	for _, bit := range []byte{ua.DiagnosticInfoSymbolicID, ua.DiagnosticInfoNamespaceURI, ua.DiagnosticInfoLocale, ua.DiagnosticInfoLocalizedText} {
		if err == nil && mask&bit != 0 {
			err = s.skip(4)
		}
	}
	if err == nil && mask&ua.DiagnosticInfoAdditionalInfo != 0 {
		err = s.bytes()
	}
	if err == nil && mask&ua.DiagnosticInfoInnerStatusCode != 0 {
		err = s.skip(4)
	}
	if err == nil && mask&ua.DiagnosticInfoInnerDiagnosticInfo != 0 {
		err = s.deeper(s.diagnosis)
	}
	return err
}

func (s *survey) dataValue() error {
	mask, err := s.byte()
	if err == nil && mask&ua.DataValueValue != 0 {
		err = s.deeper(s.variant)
	}
	for _, part := range []struct {
		bit  byte
		size int
	}{{ua.DataValueStatusCode, 4}, {ua.DataValueSourceTimestamp, 8}, {ua.DataValueSourcePicoseconds, 2}, {ua.DataValueServerTimestamp, 8}, {ua.DataValueServerPicoseconds, 2}} {
		if err == nil && mask&part.bit != 0 {
			err = s.skip(part.size)
		}
	}
	return err
}

// variantTypes are the Go types of what a variant holds.
var variantTypes = map[ua.TypeID]reflect.Type{
	ua.TypeIDBoolean: reflect.TypeFor[bool](), ua.TypeIDSByte: reflect.TypeFor[int8](), ua.TypeIDByte: reflect.TypeFor[byte](),
	ua.TypeIDInt16: reflect.TypeFor[int16](), ua.TypeIDUint16: reflect.TypeFor[uint16](), ua.TypeIDInt32: reflect.TypeFor[int32](), ua.TypeIDUint32: reflect.TypeFor[uint32](),
	ua.TypeIDInt64: reflect.TypeFor[int64](), ua.TypeIDUint64: reflect.TypeFor[uint64](), ua.TypeIDFloat: reflect.TypeFor[float32](), ua.TypeIDDouble: reflect.TypeFor[float64](),
	ua.TypeIDString: reflect.TypeFor[string](), ua.TypeIDDateTime: timeType, ua.TypeIDGUID: guidType, ua.TypeIDByteString: reflect.TypeFor[[]byte](), ua.TypeIDXMLElement: reflect.TypeFor[string](),
	ua.TypeIDNodeID: nodeType, ua.TypeIDExpandedNodeID: expandedType, ua.TypeIDStatusCode: reflect.TypeFor[uint32](), ua.TypeIDQualifiedName: reflect.TypeFor[ua.QualifiedName](),
	ua.TypeIDLocalizedText: localizedType, ua.TypeIDExtensionObject: extensionType, ua.TypeIDDataValue: dataValueType, ua.TypeIDVariant: variantType, ua.TypeIDDiagnosticInfo: diagnosisType,
}

func (s *survey) variant() error {
	mask, err := s.byte()
	if err != nil {
		return err
	}
	kind := ua.TypeID(mask & 0x3f)
	if kind == ua.TypeIDNull {
		return nil
	}
	t, known := variantTypes[kind]
	if !known {
		return errWrong
	}
	if mask&ua.VariantArrayValues == 0 {
		return s.value(t)
	}
	n, err := s.count()
	for ; n > 0 && err == nil; n-- {
		err = s.value(t)
	}
	if err != nil || mask&ua.VariantArrayDimensions == 0 {
		return err
	}
	dimensions, err := s.number()
	if err == nil && dimensions > mostDimensions {
		err = errWrong
	}
	if err != nil {
		return err
	}
	return s.skip(4 * int(dimensions))
}

// extension passes a structure, whose type the library may know.
func (s *survey) extension() error {
	before := s.b
	if err := s.expandedNode(); err != nil {
		return err
	}
	head := before[:len(before)-len(s.b)]
	encoding, err := s.byte()
	if err != nil || encoding == ua.ExtensionObjectEmpty {
		return err
	}
	n, err := s.number()
	switch {
	case err != nil || n == 0 || n == none:
		return err
	case uint64(n) > uint64(len(s.b)):
		return errShort
	}
	inside := &survey{b: s.b[:n], depth: s.depth}
	s.b = s.b[n:]
	if encoding == ua.ExtensionObjectXML {
		return inside.bytes()
	}
	// With a body that is too short for anything, the library makes the structure and fails to fill it.
	var probe ua.ExtensionObject
	_, _ = probe.Decode(append(append(make([]byte, 0, len(head)+6), head...), ua.ExtensionObjectBinary, 1, 0, 0, 0, 0))
	if probe.Value == nil {
		return nil // its bytes are passed over
	}
	return inside.value(reflect.TypeOf(probe.Value))
}
