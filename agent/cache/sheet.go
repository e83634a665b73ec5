package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"oibus/agent/store"
)

// formatLevel is the level of the files written by this version; one of a higher level is refused.
const formatLevel = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

var le = binary.LittleEndian

// ErrDamaged says that bytes on disk are not what was written. A content of a batch that is damaged was moved to error:
// take the next batch.
var ErrDamaged = errors.New("damaged")

// A sheet is how each file of the cache begins: facts of a fixed size, and for an index or state file the body they
// describe.
//
//	magic 8 | level 4 | length of facts 4 | length of body 8 | checksum of body 4 | checksum of all before and the facts 4
const sheetHead = 32

// The magics.
const (
	dataMagic    = "OIBdata\n"
	indexMagic   = "OIBindx\n"
	stateMagic   = "OIBstat\n"
	journalMagic = "OIBjrnl\n"
)

// maxBody bounds what is read into memory on the word of a head.
const maxBody = 1 << 30

func sheetSize[F any]() int { return sheetHead + binary.Size(*new(F)) }

// appendSheet encodes facts and body.
func appendSheet[F any](dst []byte, magic string, facts *F, body []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = le.AppendUint32(dst, formatLevel)
	dst = le.AppendUint32(dst, uint32(binary.Size(facts)))
	dst = le.AppendUint64(dst, uint64(len(body)))
	dst = le.AppendUint32(dst, checksum(body))
	sumAt := len(dst)
	dst, err := binary.Append(le.AppendUint32(dst, 0), le, facts)
	if err != nil {
		panic(fmt.Sprintf("facts of %q have no fixed size: %v", magic, err)) // a programming error that each test meets
	}
	le.PutUint32(dst[sumAt:], headSum(dst[start:]))
	return append(dst, body...)
}

func headSum(head []byte) uint32 {
	return crc32.Update(checksum(head[:sheetHead-4]), castagnoli, head[sheetHead:])
}

// bodyOf is what a head says of the body behind it.
type bodyOf struct {
	at, length int64
	sum        uint32
}

// readHead reads the facts of a sheet. It returns ErrDamaged, store.ErrNewerState, or what reading returned.
func readHead[F any](r io.ReaderAt, magic string) (facts F, body bodyOf, err error) {
	head := make([]byte, sheetSize[F]())
	if err := readFull(r, head[:sheetHead], 0); err != nil {
		return facts, body, asDamage(err)
	}
	if string(head[:8]) != magic {
		return facts, body, fmt.Errorf("%w: not a file of this kind", ErrDamaged)
	}
	if level := le.Uint32(head[8:]); level > formatLevel && level < formatLevel+1000 {
		return facts, body, fmt.Errorf("%w: it has format level %d, this version knows %d", store.ErrNewerState, level, formatLevel)
	}
	if le.Uint32(head[8:]) != formatLevel || int(le.Uint32(head[12:])) != len(head)-sheetHead {
		return facts, body, fmt.Errorf("%w: impossible head", ErrDamaged)
	}
	if err := readFull(r, head[sheetHead:], sheetHead); err != nil {
		return facts, body, asDamage(err)
	}
	if headSum(head) != le.Uint32(head[sheetHead-4:]) {
		return facts, body, fmt.Errorf("%w: wrong checksum of the head", ErrDamaged)
	}
	body = bodyOf{at: int64(len(head)), length: int64(le.Uint64(head[16:])), sum: le.Uint32(head[24:])}
	if body.length < 0 || body.length > maxBody {
		return facts, body, fmt.Errorf("%w: impossible length", ErrDamaged)
	}
	_, err = binary.Decode(head[sheetHead:], le, &facts)
	return facts, body, err
}

// read reads a body and checks it.
func (b bodyOf) read(r io.ReaderAt) ([]byte, error) {
	data := make([]byte, b.length)
	if err := readFull(r, data, b.at); err != nil {
		return nil, asDamage(err)
	}
	if checksum(data) != b.sum {
		return nil, fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	return data, nil
}

// asDamage makes of a file that ends too early, or that the disk cannot read, a damaged one.
func asDamage(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: too short", ErrDamaged)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// sheetFile reads the sheet path, its body included.
func sheetFile[F any](d disk, path, magic string) (facts F, body []byte, err error) {
	f, err := d.Open(path)
	if err != nil {
		return facts, nil, err
	}
	facts, at, err := readHead[F](f, magic)
	if err == nil {
		body, err = at.read(f)
	}
	return facts, body, errors.Join(err, f.Close())
}

// sheetFacts reads only the facts of the sheet path.
func sheetFacts[F any](d disk, path, magic string) (facts F, err error) {
	f, err := d.Open(path)
	if err != nil {
		return facts, err
	}
	facts, _, err = readHead[F](f, magic)
	return facts, errors.Join(err, f.Close())
}
