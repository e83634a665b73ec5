package modbus

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"oibus/agent/north"
)

// progress is how much of a content was written when the last attempt failed. It is lost with the process: then a content
// is written again from its beginning.
type progress struct {
	created time.Time
	digest  [sha256.Size]byte
	done    int
}

// of is how many elements of d were written before.
func (p *progress) of(d north.Delivery) (int, error) {
	if p.done == 0 || !p.created.Equal(d.Created) {
		return 0, nil
	}
	digest, err := sum(d)
	if err != nil || digest != p.digest {
		return 0, err
	}
	return p.done, nil
}

// note remembers that done elements of d were written.
func (p *progress) note(d north.Delivery, done int) error {
	*p = progress{}
	if done == 0 {
		return nil
	}
	digest, err := sum(d)
	if err != nil {
		return err
	}
	*p = progress{created: d.Created, digest: digest, done: done}
	return nil
}

func sum(d north.Delivery) (digest [sha256.Size]byte, err error) {
	r := d.Open()
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return digest, fmt.Errorf("cannot read what to write: %w", err)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
