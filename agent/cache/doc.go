// Package cache keeps what a north has still to send, what it could not send and what it has sent
// (protocol/data-plane.md, section 3), one Cache for each north or history query. It promises that a content is on
// the disk when Put returns, whole, and is found there after a kill or a power cut; that what is delivered or removed
// stays so; that one content follows the other in the order they came; and that memory does not grow with what
// waits. It guards against the crash in the middle of a write, the full disk, the rotten block, the name that points
// outside of the folder, and the backlog of months.
//
// # On disk
//
// Everything of one cache is in the folder cache/<id>, whether it is in the folder cache, error or archive of the
// reference: that is a property of a content here, so moving it costs one small record.
//
//	<first>-<gen>.data   a segment: contents of up to inlineLimit bytes behind each other, appended, then never changed
//	<first>.index        what a finished segment holds: a fixed-size slot for each content, and the names
//	<first>.state        what has happened to contents of the segment: where they are now, and since when
//	journal-<n>          what has happened since the state files were written
//	blobs/<seq>          a larger content, a file of its own
//	incoming/<n>         a larger content that is being written
//	*.corrupt-<time>     what could not be read, put aside
//
// All numbers in names are 16 hexadecimal digits. A content has a sequence number, from which its visible id follows
// by a permutation keyed for each cache, and back: finding a content by its id takes a search among the segments
// (they are sorted by their first number) and one in the slots of that segment, but no table of all ids. Of a segment
// that nobody uses only a summary stays in memory, a few hundred bytes for up to segmentEntries contents.
//
// Each file begins with the same head: magic, version, lengths, checksums and a few facts (see sheet.go). Each content
// in a segment and each record of the journal has a checksum of its own.
//
// # Writing
//
// Contents that are put at the same time are appended to the newest segment and share one flush; so do changes, in
// the journal. Those of one Intake stand behind each other in one segment, and each says how many of them follow. A
// larger content is written and flushed as incoming/<n> first, then a record that names it is appended, then it is moved
// to blobs/<seq>. A segment is finished when it is full, by writing its index, and never appended to after a restart.
// When much of the finished segments is dead, one of them is copied without it: a new data file, then a new index that
// names it, which is what makes it valid. A segment without live contents is deleted, the data first, the index last.
//
// # After a crash
//
// A segment without an index is read through, and gets one. What follows its last whole content was never
// acknowledged, nor were contents at its end of which others, that were to become durable together with them, are
// missing. The journal is applied to the states: its records say what is, not what changes, and what is gone stays gone,
// so applying one twice is harmless. Changes are made in memory first and waited for then; if the journal cannot be
// written they are kept for the next time.
package cache
