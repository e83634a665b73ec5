// Package datetime converts between the many spellings of points in time and instants (protocol/data-plane.md,
// appendices A and C). It promises one meaning for each text: the hour that clocks skip in spring and the one they
// repeat in autumn are defined, and what does not parse is an error that shows the value. It guards against readings
// at the wrong time, which nobody finds again, and against formats that take for ever to match.
package datetime
