package wire

import (
	"encoding/binary"
	"errors"
)

// errSealed is all that is told of a chunk that was not sealed as agreed: more would help who tampers with it.
var errSealed = errors.New("a message of the server fails the security checks")

// bigKey is the size of a key, in bytes, above which one byte cannot count the padding.
const bigKey = 256

// sealing is how chunks are signed and encrypted: not at all, signed, or both.
type sealing struct {
	algo    Algorithm // nil for not at all
	encrypt bool
}

// room is how much of a message goes into a chunk of limit bytes, behind headers of head bytes.
func (s sealing) room(limit, head int) int {
	switch {
	case s.algo == nil:
		return limit - head - sequenceSize
	case !s.encrypt:
		return limit - head - sequenceSize - s.algo.SignatureLength()
	}
	blocks := (limit - head) / s.algo.BlockSize()
	return blocks*s.algo.PlaintextBlockSize() - sequenceSize - s.algo.SignatureLength() - s.paddingBytes()
}

func (s sealing) paddingBytes() int {
	if s.algo.RemoteSignatureLength() > bigKey {
		return 2
	}
	return 1
}

// seal puts chunk, whose first head bytes stay as they are but for the size, into the form in which it is sent.
func (s sealing) seal(chunk []byte, head int) ([]byte, error) {
	size := len(chunk)
	if s.algo != nil {
		size += s.algo.SignatureLength()
		if s.encrypt {
			block, count := s.algo.PlaintextBlockSize(), s.paddingBytes()
			padding := (block - (size-head+count)%block) % block
			for range padding + 1 {
				chunk = append(chunk, byte(padding))
			}
			if count == 2 {
				chunk = append(chunk, byte(padding>>8))
			}
			size = head + (size-head+count+padding)/block*s.algo.BlockSize()
		}
	}
	binary.LittleEndian.PutUint32(chunk[4:], uint32(size))
	if s.algo == nil {
		return chunk, nil
	}
	signature, err := s.algo.Signature(chunk)
	if err != nil {
		return nil, err
	}
	chunk = append(chunk, signature...)
	if !s.encrypt {
		return chunk, nil
	}
	hidden, err := s.algo.Encrypt(chunk[head:])
	if err != nil {
		return nil, err
	}
	return append(chunk[:head:head], hidden...), nil
}

// open is what stands in a chunk behind its first head bytes.
func (s sealing) open(chunk []byte, head int) ([]byte, error) {
	if len(chunk) < head {
		return nil, errSealed
	}
	if s.algo == nil {
		return chunk[head:], nil
	}
	if s.encrypt {
		clear, err := s.algo.Decrypt(chunk[head:])
		if err != nil {
			return nil, errSealed
		}
		chunk = append(chunk[:head:head], clear...)
	}
	end := len(chunk) - s.algo.RemoteSignatureLength()
	if end < head || s.algo.VerifySignature(chunk[:end], chunk[end:]) != nil {
		return nil, errSealed
	}
	body := chunk[head:end]
	if !s.encrypt {
		return body, nil
	}
	if len(body) < 2 {
		return nil, errSealed
	}
	padding := int(body[len(body)-1]) + 1
	if s.algo.SignatureLength() > bigKey {
		padding = int(body[len(body)-1])<<8 + int(body[len(body)-2]) + 2
	}
	if padding > len(body) {
		return nil, errSealed
	}
	return body[:len(body)-padding], nil
}
