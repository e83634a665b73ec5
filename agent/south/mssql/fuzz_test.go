package mssql

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzServer has a server answer one message with anything, and hang up.
func FuzzServer(f *testing.F) {
	messages := []byte{preloginMessage, loginMessage, batchMessage}
	good := [][]byte{
		{1, 0, 6, 0, 1, 0xff, 2},
		acknowledgement("plant"),
		join(metadata(column{"a", intType}, column{"b", nvarcharMaxType}, column{"c", decimalType}, column{"d", dateTime2Type}),
			row(integer(1, 4), chunks(wide("text"), 3), fixed(true, 0, 5), dateTime2(clock("2024-01-15 10:20:30"))), sparseRow(nil, nil, nil, nil), done(doneCount, 2)),
	}
	for i, body := range good {
		f.Add(byte(i), packets(body, true))
		f.Add(byte(i), packets(body[:len(body)-1], true))
		f.Add(byte(i), packets(bytes.Repeat(body, 3), false))
		f.Add(byte(i), body)
	}
	f.Add(byte(0), []byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Add(byte(0), packets([]byte{1, 0, 6, 0, 0, 0xff, 0}, true)) // nothing about encryption
	f.Add(byte(1), packets(token(0xad, nil), true))               // an empty acknowledgement
	f.Add(byte(1), packets(token(0xed, []byte("NTLMSSP\x00\x02")), true))
	f.Add(byte(2), packets(join(metadata(column{"a", xmlType}), row(endless[:7], []byte{0x7f})), true))                                                     // a value of 2⁶³ bytes
	f.Add(byte(2), packets(join([]byte{0x81, 1, 0, 0, 0, 0, 0, 0, 8}, intType.announced, short("a"), row(integer(1, 4))), true))                            // encrypted without a key
	f.Add(byte(2), packets(join(metadata(column{"a", counted(0x26, 1)}), row(integer(1, 8))), true))                                                        // longer than announced
	f.Add(byte(2), packets(join(bytes.Repeat(join(metadata(column{"a", intType}), row(integer(1, 4)), done(doneMore, 1)), 20), done(doneFailed, 0)), true)) // many results
	f.Fuzz(func(t *testing.T, which byte, answer []byte) {
		if bytes.IndexByte(answer, 0xee) >= 0 {
			t.Skip("the driver takes as much memory as this token, which no session of a South has a use for, asks for")
		}
		kind := messages[int(which)%len(messages)]
		server := (&fakeServer{encryption: encryptNothing, instead: map[byte]func(*peer){kind: func(p *peer) { _, _ = p.Write(answer) }}, answer: survey(1)}).start(t)
		text, _, err := read(t.Context(), server.south(t, nil), item(t, "SELECT a"), day)
		if err != nil && (text != "" || strings.Contains(err.Error(), password)) {
			t.Errorf("%q, error %v", text, err)
		}
	})
}
