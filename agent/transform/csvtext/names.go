// Package csvtext reads and writes CSV row by row (protocol/data-plane.md, 7.5 and appendix B). It promises memory that
// depends on the longest row only, rows that no allocation is made for, and text in all the encodings of the settings.
// It guards against the file that is no CSV, or one endless row, which would take the agent down, and against the
// column that moves because a value holds a delimiter.
package csvtext

// Encoding is how text becomes bytes.
type Encoding int

// The encodings that can be written.
const (
	UTF8 Encoding = iota
	UTF8BOM
	Latin1
	UTF16LE
)

var delimiters = map[string]string{
	"DOT": ".", "SEMI_COLON": ";", "COLON": ":", "COMMA": ",", "NON_BREAKING_SPACE": "\u00a0", "SLASH": "/", "TAB": "\t", "PIPE": "|",
}

var (
	newlines  = map[string]string{"CRLF": "\r\n", "LF": "\n", "CR": "\r"}
	quotes    = map[string]byte{"DOUBLE_QUOTE": '"', "SINGLE_QUOTE": '\'', "NONE": 0}
	escapes   = map[string]byte{"BACKSLASH": '\\', "DOUBLE_QUOTE": '"'}
	encodings = map[string]Encoding{"UTF_8": UTF8, "UTF_8_BOM": UTF8BOM, "LATIN_1": Latin1, "UTF_16_LE": UTF16LE}
)

// Delimiter is the delimiter that a setting names. TAB is a tab; the reference writes a space for it, which no reader
// of such a file expects.
func Delimiter(name string) (string, bool) {
	d, ok := delimiters[name]
	return d, ok
}

// Newline is the end of a row that a setting names.
func Newline(name string) (string, bool) {
	n, ok := newlines[name]
	return n, ok
}

// Quote is the quote that a setting names, 0 for NONE.
func Quote(name string) (byte, bool) {
	q, ok := quotes[name]
	return q, ok
}

// Escape is the escape character that a setting names.
func Escape(name string) (byte, bool) {
	e, ok := escapes[name]
	return e, ok
}

// EncodingOf is the encoding that a setting names.
func EncodingOf(name string) (Encoding, bool) {
	e, ok := encodings[name]
	return e, ok
}
