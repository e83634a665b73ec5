package mssql

import (
	"encoding/binary"
	"math"
	"time"
)

func acknowledgement(database string) []byte {
	return join(
		token(0xe3, join([]byte{1}, short(database), short("master"))),
		token(0xe3, join([]byte{7, 5, 9, 4, 0xd0, 0, 0x34, 0})),
		message(0xab, 5701, "Changed database context to '"+database+"'."),
		token(0xad, join([]byte{1, 0x74, 0, 0, 4}, short("Microsoft SQL Server"), []byte{16, 0, 16, 117})),
		token(0xe3, join([]byte{4}, short("4096"), short("4096"))),
		done(0, 0))
}

// message is an error, 0xaa, or an information, 0xab.
func message(kind byte, number int32, text string) []byte {
	return token(kind, join(binary.LittleEndian.AppendUint32(nil, uint32(number)), []byte{1, 14}, long(text), short("db\\plant"), short(""), []byte{1, 0, 0, 0}))
}

func failure(number int32, text string) []byte { return message(0xaa, number, text) }

// How a statement ended.
const (
	doneMore      uint16 = 1
	doneFailed    uint16 = 2
	doneCount     uint16 = 0x10
	doneAttention uint16 = 0x20
)

func done(status uint16, rows int) []byte { return ended(0xfd, status, rows) }

func ended(kind byte, status uint16, rows int) []byte {
	out := binary.LittleEndian.AppendUint16([]byte{kind}, status)
	return binary.LittleEndian.AppendUint64(append(out, 0xc1, 0), uint64(rows))
}

// procedureDone ends the answer to a call.
func procedureDone(rows int) []byte {
	return join(ended(0xff, doneMore|doneCount, rows), []byte{0x79, 0, 0, 0, 0}, ended(0xfe, 0, 0))
}

// sqlType is a type of a column: how it is announced, and how its values stand in a row.
type sqlType struct {
	announced []byte
	null      []byte
}

var collation = []byte{9, 4, 0xd0, 0, 0x34} // Latin1_General_CI_AS

// counted are types whose values have their length in a byte, 0 for NULL.
func counted(announced ...byte) sqlType { return sqlType{announced, []byte{0}} }

// sized are types whose values have their length in two bytes, 0xffff for NULL.
func sized(kind byte, limit uint16, more ...byte) sqlType {
	return sqlType{append(binary.LittleEndian.AppendUint16([]byte{kind}, limit), more...), []byte{0xff, 0xff}}
}

var endless = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff} // the NULL of types without a limit

var (
	tinyIntType        = counted(0x26, 1)
	intType            = counted(0x26, 4)
	bigIntType         = counted(0x26, 8)
	bitType            = counted(0x68, 1)
	realType           = counted(0x6d, 4)
	floatType          = counted(0x6d, 8)
	moneyType          = counted(0x6e, 8)
	smallMoneyType     = counted(0x6e, 4)
	decimalType        = counted(0x6a, 17, 38, 2)
	guidType           = counted(0x24, 16)
	dateType           = counted(0x28)
	timeType           = counted(0x29, 7)
	dateTime2Type      = counted(0x2a, 7)
	dateTimeOffsetType = counted(0x2b, 7)
	dateTimeType       = counted(0x6f, 8)
	smallDateTimeType  = counted(0x6f, 4)
	varbinaryType      = sized(0xa5, 100)
	varcharType        = sized(0xa7, 100, collation...)
	nvarcharType       = sized(0xe7, 200, collation...)
	nvarcharMaxType    = sqlType{append([]byte{0xe7, 0xff, 0xff}, collation...), endless}
	xmlType            = sqlType{[]byte{0xf1, 0}, endless}
)

// column is one of a result.
type column struct {
	name string
	kind sqlType
}

// metadata announces columns.
func metadata(columns ...column) []byte {
	out := binary.LittleEndian.AppendUint16([]byte{0x81}, uint16(len(columns)))
	for _, c := range columns {
		out = join(out, []byte{0, 0, 0, 0, 9, 0}, c.kind.announced, short(c.name))
	}
	return out
}

func row(values ...[]byte) []byte { return append([]byte{0xd1}, join(values...)...) }

// sparseRow is a row whose values that are nil do not stand in it.
func sparseRow(values ...[]byte) []byte {
	missing := make([]byte, (len(values)+7)/8)
	for i, v := range values {
		if v == nil {
			missing[i/8] |= 1 << (i % 8)
		}
	}
	return join([]byte{0xd2}, missing, join(values...))
}

func value(body []byte) []byte { return append([]byte{byte(len(body))}, body...) }

func sizedValue(body []byte) []byte {
	return append(binary.LittleEndian.AppendUint16(nil, uint16(len(body))), body...)
}

// chunks is a value without a limit, in parts.
func chunks(body []byte, size int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(body)))
	for len(body) > 0 {
		part := body[:min(size, len(body))]
		body = body[len(part):]
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(part))), part...)
	}
	return append(out, 0, 0, 0, 0)
}

func integer(v int64, size int) []byte {
	return value(binary.LittleEndian.AppendUint64(nil, uint64(v))[:size])
}

func float(v float64) []byte {
	return value(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}

func single(v float32) []byte {
	return value(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
}

// money counts ten thousandths.
func money(v int64) []byte {
	return value(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(v>>32)), uint32(v)))
}

// fixed is a decimal number, of units of its last digit.
func fixed(positive bool, high, low uint64) []byte {
	sign := byte(0)
	if positive {
		sign = 1
	}
	return value(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64([]byte{sign}, low), high))
}

// clock is what a clock shows, as if it were UTC.
func clock(text string) time.Time {
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err) // a mistake of the test
	}
	return at
}

func daysSince(at time.Time, year int) int64 {
	return int64(math.Floor(float64(at.Unix()-time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix()) / 86400))
}

// inDay is the time of the day in units of 100 ns.
func inDay(at time.Time) []byte {
	seconds := int64(at.Hour()*3600 + at.Minute()*60 + at.Second())
	return binary.LittleEndian.AppendUint64(nil, uint64(seconds*1e7+int64(at.Nanosecond())/100))[:5]
}

func dayOf(at time.Time) []byte {
	return binary.LittleEndian.AppendUint32(nil, uint32(daysSince(at, 1)))[:3]
}

func date(at time.Time) []byte { return value(dayOf(at)) }

func timeOnly(at time.Time) []byte { return value(inDay(at)) }

func dateTime2(at time.Time) []byte { return value(join(inDay(at), dayOf(at))) }

// dateTimeOffset is an instant with the offset of a zone in minutes.
func dateTimeOffset(at time.Time, minutes int16) []byte {
	at = at.UTC()
	return value(binary.LittleEndian.AppendUint16(join(inDay(at), dayOf(at)), uint16(minutes)))
}

// dateTime counts three hundredths of a second.
func dateTime(at time.Time) []byte {
	ticks := int64(at.Hour()*3600+at.Minute()*60+at.Second())*300 + int64(math.Round(float64(at.Nanosecond())*3/1e7))
	return value(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(daysSince(at, 1900))), uint32(ticks)))
}

// smallDateTime counts minutes.
func smallDateTime(at time.Time) []byte {
	return value(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(daysSince(at, 1900))), uint16(at.Hour()*60+at.Minute())))
}
