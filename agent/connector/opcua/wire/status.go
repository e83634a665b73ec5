package wire

import (
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"
)

// extraBits are names of what the lower half of a status code adds, in the order in which they are told.
var extraBits = []struct {
	mask uint32
	name string
}{
	{1 << 15, "StructureChanged"}, {1 << 14, "SemanticChanged"}, {1 << 10, "InfoTypeDataValue"},
	{1 << 8, "LimitLow"}, {2 << 8, "LimitHigh"}, {3 << 8, "LimitConstant"}, {1 << 7, "Overflow"},
	{1 << 0, "HistorianCalculated"}, {2 << 0, "HistorianInterpolated"}, {1 << 2, "HistorianPartial"},
	{1 << 3, "HistorianExtraData"}, {1 << 4, "HistorianMultiValue"},
}

// spelled turns the names of the library into those of the standard.
var spelled = strings.NewReplacer("ID", "Id", "URI", "Uri", "TCP", "Tcp", "HTTP", "Http", "URL", "Url")

// StatusName is the name of a status code as the standard spells it, such as BadNodeIdUnknown, with what its lower half
// adds behind a #.
func StatusName(code ua.StatusCode) string {
	name := baseName(code & 0xffff0000)
	var extra []string
	for _, b := range extraBits {
		if uint32(code)&b.mask == b.mask {
			extra = append(extra, b.name)
		}
	}
	if len(extra) == 0 {
		return name
	}
	return name + "#" + strings.Join(extra, "|")
}

func baseName(code ua.StatusCode) string {
	switch code {
	case ua.StatusGood:
		return "Good"
	case ua.StatusUncertain:
		return "Uncertain"
	case ua.StatusBad:
		return "Bad"
	}
	if d, ok := ua.StatusCodes[code]; ok {
		return spelled.Replace(strings.TrimPrefix(d.Name, "Status"))
	}
	return fmt.Sprintf("0x%08X", uint32(code))
}
