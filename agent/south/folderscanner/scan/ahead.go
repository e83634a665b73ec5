package scan

import (
	"context"
	"errors"
	"fmt"
	"os"

	"oibus/platform/task"
)

// Parallel is a Folder from which several files may be fetched at once, which pays off when it is far away.
type Parallel interface {
	// AtOnce is how many files like f may be fetched at once.
	AtOnce(f File) int
}

// queue are files to be sent in order, of which some are fetched ahead.
type queue struct {
	s       *Scanner
	files   []File
	next    int           // of files: the first that is not fetched yet
	waiting []chan result // of the files before next that were not sent yet
	work    *task.Group

	count, size       int64 // of the files that were sent or will be
	maxCount, maxSize int64 // 0: no limit
}

// result is a file that was fetched, or was not.
type result struct {
	file   File
	local  Local
	err    error
	remove bool // it was sent before, and could not be deleted then
}

func (s *Scanner) newQueue(ctx context.Context, files []File) *queue {
	return &queue{s: s, files: files, work: task.New(ctx, nil), maxCount: s.Item.MaxFiles.Int(), maxSize: int64(float64(s.Item.MaxSize) * megabyte)}
}

// sendAll sends files until a limit is reached.
func (s *Scanner) sendAll(ctx context.Context, files []File) error {
	q := s.newQueue(ctx, files)
	defer q.drop(ctx)
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !q.fill(i) {
			return nil
		}
		taken, err := s.take(ctx, q.first())
		if err != nil {
			return err
		}
		if !taken {
			q.count--
			q.size -= f.Size
		}
	}
	return nil
}

// fill fetches the file i, if it is not fetched yet, and some behind it. It is false when a limit is reached before i.
func (q *queue) fill(i int) bool {
	for q.next < len(q.files) && q.room(i) && q.fits(q.files[q.next]) {
		q.fetch(q.files[q.next], q.next > i || q.atOnce(q.files[q.next]) > 1)
		q.next++
	}
	return q.next > i
}

// room says whether the next file may be fetched while file i and those behind it are.
func (q *queue) room(i int) bool {
	return q.next <= i || q.atOnce(q.files[i]) > 1 && q.next-i < q.atOnce(q.files[q.next])
}

func (q *queue) atOnce(f File) int {
	if p, ok := q.s.Folder.(Parallel); ok {
		return p.AtOnce(f)
	}
	return 1
}

// fits says whether the limits of a scan allow one more file.
func (q *queue) fits(f File) bool {
	return (q.maxCount <= 0 || q.count < q.maxCount) && (q.maxSize <= 0 || q.count == 0 || q.size+f.Size <= q.maxSize)
}

func (q *queue) fetch(f File, ahead bool) {
	if q.maxSize > 0 && f.Size > q.maxSize {
		q.s.Log.Warn(fmt.Sprintf("File %q is larger than the maximum size of a scan (%d bytes > %d bytes): it is sent alone", f.Name, f.Size, q.maxSize))
	}
	q.count++
	q.size += f.Size
	done := make(chan result, 1)
	q.waiting = append(q.waiting, done)
	if !bool(q.s.Item.PreserveFiles) && q.s.memory.undeleted(f) {
		done <- result{file: f, remove: true}
		return
	}
	fetch := func(ctx context.Context) error {
		defer close(done)
		local, now, err := q.s.Folder.Fetch(ctx, f)
		done <- result{file: now, local: local, err: err}
		return nil
	}
	if ahead {
		q.work.Go("fetching of a file", fetch)
		return
	}
	_ = fetch(q.work.Context()) // its error is in the result
}

// first takes the first file that waits.
func (q *queue) first() result {
	done := q.waiting[0]
	q.waiting = q.waiting[1:]
	r, ok := <-done
	if !ok {
		r.err = errors.New("it could not be fetched, for a reason that nobody foresaw")
	}
	return r
}

// drop waits for what is still being fetched, and throws it away.
func (q *queue) drop(ctx context.Context) {
	_ = q.work.Wait(context.WithoutCancel(ctx)) // the errors are in the results
	q.work.Stop()
	for len(q.waiting) > 0 {
		q.first().local.drop()
	}
}

// drop deletes a copy that is of no use for the next time.
func (l Local) drop() {
	if l.Copy && !l.Keep {
		_ = os.Remove(l.Path) // it is in a temporary folder
	}
}
