package cache

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/content"
)

// model is what a cache should hold, kept as plainly as possible.
type model struct {
	contents map[string]*modelContent // by id
	queue    []string                 // ids, in order
}

type modelContent struct {
	folder   Folder
	kind     content.Kind
	name     string
	data     string // what is left to send
	elements int
	array    bool
	partly   bool // some elements were sent before
	since    time.Time
}

func newModel() *model { return &model{contents: map[string]*modelContent{}} }

func (m *model) put(id string, x modelContent) {
	m.contents[id] = &x
	if x.folder == InCache {
		m.queue = append(m.queue, id)
	}
}

func (m *model) remove(id string) {
	delete(m.contents, id)
	m.unqueue(id)
}

func (m *model) unqueue(id string) {
	m.queue = slices.DeleteFunc(m.queue, func(q string) bool { return q == id })
}

func (m *model) move(id string, to Folder, now time.Time) {
	m.unqueue(id)
	x := m.contents[id]
	x.folder, x.since = to, now
	if to == InCache {
		m.queue = append(m.queue, id)
	}
}

func elementsOf(data string) (all []json.RawMessage) {
	if err := json.Unmarshal([]byte(data), &all); err != nil {
		panic(fmt.Sprintf("%s: %v", data, err))
	}
	return all
}

func array(elements []json.RawMessage) string {
	var buf bytes.Buffer
	w := content.NewArrayWriter(&buf)
	for _, e := range elements {
		w.Raw(e)
	}
	w.Close()
	return buf.String()
}

// batch is the ids and the bytes of the next batch, and how many elements of the last content are left behind.
func (m *model) batch(limit int) (ids []string, data string, surplus int) {
	if len(m.queue) == 0 {
		return nil, "", 0
	}
	head := m.contents[m.queue[0]]
	if !head.array {
		return m.queue[:1], head.data, 0
	}
	var elements []json.RawMessage
	for _, id := range m.queue {
		x := m.contents[id]
		if x.kind != head.kind || !x.array || limit > 0 && len(elements) >= limit {
			continue
		}
		ids = append(ids, id)
		elements = append(elements, elementsOf(x.data)...)
	}
	if limit > 0 && len(elements) > limit {
		surplus = len(elements) - limit
		elements = elements[:limit]
	}
	return ids, array(elements), surplus
}

// driver does the same to a cache and its model.
type driver struct {
	t     *testing.T
	r     *rand.Rand
	d     *memDisk
	k     *clock
	c     *Cache
	m     *model
	made  int
	trace []string

	groups [][]string // ids of contents that became durable together
}

func newDriver(t *testing.T, seed uint64) *driver {
	x := &driver{t: t, r: rand.New(rand.NewPCG(seed, 1)), d: newMemDisk(), k: newClock(), m: newModel()}
	x.open()
	return x
}

func (x *driver) open() {
	x.c = openCache(x.t, "/data", Options{Now: x.k.Now, disk: x.d, tune: small})
}

func (x *driver) fatal(format string, args ...any) {
	x.t.Helper()
	x.t.Fatalf("%.3000s\nafter %s", fmt.Sprintf(format, args...), strings.Join(x.trace[max(0, len(x.trace)-30):], "\n"))
}

func (x *driver) log(format string, args ...any) {
	x.trace = append(x.trace, fmt.Sprintf(format, args...))
}

// make makes up a content.
func (x *driver) make() modelContent {
	x.made++
	y := modelContent{folder: InCache, since: x.k.Now()}
	switch n := x.r.IntN(10); {
	case n < 6:
		y.kind = content.TimeValues
		y.elements = 1 + x.r.IntN(12)
		if n == 0 {
			y.kind = content.MQTT
		}
		if x.r.IntN(30) == 0 {
			y.elements = 200
		}
		y.data, y.array = values(x.made*1000, y.elements), true
	case n < 7:
		y.kind, y.elements, y.data = content.TimeValues, 3, `{"no":"array"}`
	default:
		y.kind, y.name = content.Any, fmt.Sprintf("file-%d.csv", x.made)
		size := x.r.IntN(300)
		if x.r.IntN(20) == 0 {
			size = 4000 + x.r.IntN(300)
		}
		y.data = strings.Repeat(string(rune('a'+x.made%26)), size)
	}
	return y
}

func (y *modelContent) item() Item {
	return Item{Meta{Kind: y.kind, FileName: y.name, Elements: y.elements}, []byte(y.data)}
}

func (x *driver) put() {
	y := x.make()
	i := y.item()
	var id string
	var err error
	if x.r.IntN(2) == 0 {
		id, err = x.c.Put(x.t.Context(), i.Meta, bytes.NewReader(i.Data))
	} else {
		id, err = x.c.PutBytes(x.t.Context(), i.Meta, i.Data)
	}
	if err != nil {
		x.fatal("put: %v", err)
	}
	x.log("put %s: %d bytes, %d elements", id, len(y.data), y.elements)
	x.m.put(id, y)
}

func (x *driver) putMany() {
	n := 1 + x.r.IntN(40)
	items, all := make([]Item, n), make([]modelContent, n)
	for i := range items {
		all[i] = x.make()
		items[i] = all[i].item()
	}
	ids, err := x.c.PutMany(x.t.Context(), items)
	if err != nil {
		x.fatal("put many: %v", err)
	}
	for i, id := range ids {
		x.m.put(id, all[i])
	}
	x.log("put %d", n)
}

// intake puts some contents that become durable together.
func (x *driver) intake() {
	in, err := x.c.Begin()
	if err != nil {
		x.fatal("begin: %v", err)
	}
	var drafts []*Draft
	var all []modelContent
	for range 1 + x.r.IntN(12) {
		y := x.make()
		if x.r.IntN(8) == 0 {
			y.folder = InError
		}
		m := y.item().Meta
		m.Elements, m.Folder = 0, y.folder
		d, err := in.New(m)
		if err != nil {
			x.fatal("draft: %v", err)
		}
		for rest := []byte(y.data); len(rest) > 0; {
			n := 1 + x.r.IntN(len(rest))
			if _, err := d.Write(rest[:n]); err != nil {
				x.fatal("write: %v", err)
			}
			rest = rest[n:]
		}
		if err := d.End(y.elements); err != nil {
			x.fatal("end of a draft: %v", err)
		}
		if x.r.IntN(10) == 0 {
			d.Discard()
			continue
		}
		drafts, all = append(drafts, d), append(all, y)
	}
	if x.r.IntN(8) == 0 {
		in.Discard()
		x.log("discarded %d", len(all))
		return
	}
	if err := in.Commit(x.t.Context()); err != nil {
		x.fatal("commit: %v", err)
	}
	var group []string
	for i, d := range drafts {
		x.m.put(d.ID(), all[i])
		group = append(group, d.ID())
	}
	x.groups = append(x.groups, group)
	x.log("put %d together", len(all))
}

// send takes a batch and ends it somehow.
func (x *driver) send() {
	limit := x.r.IntN(4) * 7
	ids, want, surplus := x.m.batch(limit)
	b := next(x.t, x.c, limit)
	if b == nil {
		if ids != nil {
			x.fatal("nothing is next, want %q", ids)
		}
		return
	}
	whole := x.r.IntN(4) > 0
	if got := ""; whole {
		if got = read(x.t, b); got != want {
			x.fatal("batch of %d is %s\nwant %s", limit, differ(got, want), differ(want, got))
		}
	}
	end := x.r.IntN(7)
	x.log("batch %q, %d left behind, ends with %d", ids, surplus, end)
	var err error
	var to Folder
	switch end {
	case 0, 1:
		err = b.Done(false)
	case 2:
		err, to = b.Done(true), InArchive
	case 3:
		err, to = b.Errored(), InError
	case 4:
		if _, err := b.Fail(); err != nil {
			x.fatal("fail: %v", err)
		}
		x.again(b, want)
		return
	case 5:
		if err := b.Defer(); err != nil {
			x.fatal("defer: %v", err)
		}
		for _, id := range ids {
			x.m.unqueue(id)
			x.m.queue = append(x.m.queue, id)
		}
		return
	default:
		b.Release()
		x.again(b, want)
		return
	}
	if err != nil {
		x.fatal("end: %v", err)
	}
	x.ended(ids, to, surplus)
}

// again takes the batch that was given back, and delivers it.
func (x *driver) again(b *Batch, want string) {
	again := next(x.t, x.c, 3)
	if got := read(x.t, again); got != want {
		x.fatal("again %s\nwant %s", got, want)
	}
	var ids []string
	for _, i := range again.items {
		ids = append(ids, formatID(i.seq, x.c.key))
	}
	last := again.items[len(again.items)-1]
	if err := again.Done(false); err != nil {
		x.fatal("again: %v", err)
	}
	surplus := 0
	if last.slot.joinable() {
		surplus = int(last.slot.elements - last.to)
	}
	x.ended(ids, "", surplus)
}

func (x *driver) ended(ids []string, to Folder, surplus int) {
	for n, id := range ids {
		y := x.m.contents[id]
		rest := ""
		if n == len(ids)-1 && surplus > 0 {
			all := elementsOf(y.data)
			cut := len(all) - surplus
			rest = array(all[cut:])
			y.data, y.elements = array(all[:cut]), cut
		}
		gone := *y
		partly := rest != "" || y.partly
		switch {
		case rest != "":
			y.data, y.elements, y.partly = rest, surplus, true
		case to == "" || partly:
			x.m.remove(id)
		default:
			x.m.move(id, to, x.k.Now())
		}
		if partly && to != "" {
			x.adoptCopy(gone, to)
		}
	}
}

// adoptCopy finds the copy of a part in to, which has an id of its own.
func (x *driver) adoptCopy(y modelContent, to Folder) {
	for _, f := range x.list(to) {
		if x.m.contents[f.Filename] != nil {
			continue
		}
		if got := view(x.t, x.c, to, f.Filename); got.Content == y.data {
			y.folder, y.since, y.partly = to, x.k.Now(), false
			y.name = f.Metadata.ContentFile
			x.m.put(f.Filename, y)
			return
		}
	}
	x.fatal("no copy of %s in %s", y.data, to)
}

func (x *driver) list(f Folder) []File {
	found := search(x.t, x.c, Query{})
	return map[Folder][]File{InCache: found.Cache, InError: found.Error, InArchive: found.Archive}[f]
}

func (x *driver) update() {
	var u Update
	var ids []string
	for id := range x.m.contents {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	x.r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	ids = ids[:min(len(ids), x.r.IntN(12))]
	var moves []Move
	for _, id := range ids {
		if of := u.of(x.m.contents[id].folder); x.r.IntN(3) == 0 {
			of.Remove = append(of.Remove, id)
		} else {
			of.Move = append(of.Move, Move{id, Folders[x.r.IntN(3)]})
		}
	}
	if problems, err := x.c.Update(u); err != nil || len(problems) > 0 {
		x.fatal("update: %v, %v", problems, err)
	}
	for _, f := range Folders {
		for _, id := range u.of(f).Remove {
			x.m.remove(id)
		}
		moves = append(moves, u.of(f).Move...)
	}
	for _, m := range moves {
		if x.m.contents[m.Filename].folder != m.To || m.To == InCache {
			x.m.move(m.Filename, m.To, x.k.Now())
		}
	}
	x.log("update %+v", u)
}

func (x *driver) expire() {
	if n, err := x.c.Expire(time.Hour, 2*time.Hour); err != nil {
		x.fatal("expire %d: %v", n, err)
	}
	for id, y := range x.m.contents {
		age := x.k.Now().Sub(y.since)
		if y.folder == InError && age > time.Hour || y.folder == InArchive && age > 2*time.Hour {
			x.m.remove(id)
		}
	}
	x.log("expire")
}

// check compares everything.
func (x *driver) check() {
	x.t.Helper()
	verify(x.t, x.c)
	count := 0
	for _, f := range Folders {
		for _, file := range x.list(f) {
			count++
			y := x.m.contents[file.Filename]
			if y == nil || y.folder != f {
				x.fatal("%s is in %s, want %+v", file.Filename, f, y)
			}
			_, r, err := x.c.Read(f, file.Filename)
			if err != nil {
				x.fatal("%v", err)
			}
			data, err := io.ReadAll(r)
			r.Close()
			if err != nil || string(data) != y.data || file.Metadata.ContentSize != int64(len(data)) || file.Metadata.NumberOfElement != y.elements {
				x.fatal("%s is %s (%+v), %v\nwant %s", file.Filename, data, file, err, y.data)
			}
		}
	}
	if count != len(x.m.contents) {
		x.fatal("%d contents, want %d", count, len(x.m.contents))
	}
}

func (x *driver) step() {
	x.k.add(time.Duration(x.r.IntN(300)) * time.Second)
	switch n := x.r.IntN(100); {
	case n < 35:
		x.put()
	case n < 39:
		x.putMany()
	case n < 42:
		x.intake()
	case n < 75:
		x.send()
	case n < 83:
		x.update()
	case n < 86:
		x.expire()
	case n < 90:
		x.c.clean(x.t.Context())
	case n < 95:
		x.check()
	default:
		x.reopen()
	}
}

func (x *driver) reopen() {
	switch x.r.IntN(3) {
	case 0:
		if err := x.c.Close(); err != nil {
			x.fatal("close: %v", err)
		}
		x.log("reopened")
	case 1:
		old := x.c
		x.d = x.d.afterKill()
		old.Close()
		x.log("killed")
	default:
		old := x.c
		x.d = x.d.afterPowerCut(x.r)
		old.Close()
		x.log("power cut")
	}
	x.open()
	x.check()
}

func TestTheCacheDoesWhatAPlainModelDoesThroughKillsAndPowerCuts(t *testing.T) {
	t.Parallel()
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for seed := range uint64(rounds) {
		x := newDriver(t, seed)
		x.trace = append(x.trace, fmt.Sprint("seed ", seed))
		for range 300 {
			x.step()
		}
		x.check()
		if n := len(x.d.aside()); n > 0 {
			x.trace = append(x.trace, fmt.Sprint(n, " damaged parts"))
		}
		if err := x.c.Close(); err != nil {
			x.fatal("close: %v", err)
		}
		if x.d.opened != 0 {
			x.fatal("%d files are open", x.d.opened)
		}
	}
}

// differ is a from a little before it differs from b.
func differ(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return fmt.Sprintf("%d bytes, … %.200s", len(a), a[max(0, n-60):])
}

func (m *model) clone() *model {
	n := &model{contents: map[string]*modelContent{}, queue: slices.Clone(m.queue)}
	for id, x := range m.contents {
		y := *x
		n.contents[id] = &y
	}
	return n
}

// TestAPowerCutInTheMiddleLosesNothing takes what a kill or a power cut leaves at some step of an operation, and looks
// whether each content is as it was before the operation or as it was to be after it.
func TestAPowerCutInTheMiddleLosesNothing(t *testing.T) {
	t.Parallel()
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	for seed := range uint64(rounds) {
		x := newDriver(t, 1000+seed)
		x.trace = append(x.trace, fmt.Sprint("seed ", seed))
		for range 200 {
			before := x.m.clone()
			var left *memDisk
			x.d.mu.Lock()
			at := x.d.n + 1 + x.r.IntN(40)
			cuts := rand.New(rand.NewPCG(seed, uint64(at))) // the disk's own
			x.d.fail = func(_, _ string, n int) error {
				if n == at {
					if left = x.d.killed(); cuts.IntN(3) > 0 {
						left = x.d.cut(cuts)
					}
				}
				return nil
			}
			x.d.mu.Unlock()
			x.step()
			x.d.mu.Lock()
			x.d.fail = nil
			x.d.mu.Unlock()
			if left != nil {
				x.between(left, before)
			}
		}
		x.c.Close()
	}
}

// between checks that what is on left is between before and the model.
func (x *driver) between(left *memDisk, before *model) {
	x.t.Helper()
	c, err := Open("/data", "north-abc123", Options{Now: x.k.Now, disk: left, tune: small, Limits: Limits{Reserve: 1}})
	if err != nil {
		x.fatal("open in between: %v", err)
	}
	defer c.Close()
	verify(x.t, c)
	found := search(x.t, c, Query{})
	there := map[string]bool{}
	begun := false
	for f, files := range map[Folder][]File{InCache: found.Cache, InError: found.Error, InArchive: found.Archive} {
		for _, file := range files {
			there[file.Filename] = true
			_, r, err := c.Read(f, file.Filename)
			if err != nil {
				x.fatal("%v", err)
			}
			data, err := io.ReadAll(r)
			if r.Close(); err != nil {
				x.fatal("%v", err)
			}
			old, new := before.contents[file.Filename], x.m.contents[file.Filename]
			isOld := old != nil && old.folder == f && old.data == string(data)
			isNew := new != nil && new.folder == f && new.data == string(data)
			if !isOld && !isNew {
				x.fatal("in between %s is in %s: %.300s\nbefore %.300v\nafter %.300v", file.Filename, f, data, old, new)
			}
			begun = begun || isNew && !isOld && old != nil
		}
	}
	for _, group := range x.groups {
		missing := slices.DeleteFunc(slices.Clone(group), func(id string) bool { return there[id] })
		if old := before.contents[group0(group)]; old == nil && len(missing) > 0 && len(missing) < len(group) && x.inCache(group) {
			x.fatal("of %q, put together, %q are missing", group, missing)
		}
	}
	for id, old := range before.contents {
		if new := x.m.contents[id]; new != nil && !there[id] {
			x.fatal("in between %s is missing, it was %.300v", id, old)
		} else if new == nil && !there[id] {
			begun = true
		}
	}
	for id, new := range x.m.contents {
		if before.contents[id] == nil && new.folder != InCache && begun && !there[id] {
			x.fatal("in between the copy %s in %s is missing", id, new.folder)
		}
	}
}

func group0(group []string) string {
	if len(group) == 0 {
		return ""
	}
	return group[0]
}

// inCache says whether all of group are in the model.
func (x *driver) inCache(group []string) bool {
	return !slices.ContainsFunc(group, func(id string) bool { return x.m.contents[id] == nil })
}
