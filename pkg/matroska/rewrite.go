package matroska

import (
	"cmp"
	"hash/crc32"
	"io"
	"slices"
)

// Payload is the bytes of a packet.
type Payload interface {
	Size() int64
	WriteAll(w io.Writer) error
}

// Change puts another packet into a block.
type Change struct {
	// Block is its place in [Index.Blocks].
	Block int
	// Time and Key are the new packet's.
	Time int64
	Key  bool
	Data Payload
}

// Rewrite is a file with other packets in some of its blocks. Everything else stays as it
// is, but for what tells where in the file something lies, and checksums.
type Rewrite struct {
	*Index
	edits []edit
	grown []int64 // by how much all edits before one make the file longer
}

// Rewrite prepares the file with changes, in the order of their blocks; private is the
// track's codec configuration, nil where it stays as it is.
func (x *Index) Rewrite(changes []Change, private []byte) (*Rewrite, error) {
	w := &Rewrite{Index: x}
	for _, c := range changes {
		e, err := x.block(c)
		if err != nil {
			return nil, err
		}
		w.edits = append(w.edits, e)
	}
	w.heads(changes)
	w.places()
	if err := w.header(private); err != nil {
		return nil, err
	}
	return w, w.finish(changes)
}

// heads gives the clusters that change, and the segment, their new sizes.
func (w *Rewrite) heads(changes []Change) {
	more := make([]int64, len(w.clusters))
	touched := make([]bool, len(w.clusters))
	for i, c := range changes {
		k := w.Blocks[c.Block].cluster
		more[k] += w.edits[i].size() - w.edits[i].old
		touched[k] = true
	}
	for k, c := range w.clusters {
		for _, p := range c.places { // rewritten by places, in 8 bytes
			more[k] += int64(len(appendUint(nil, p.id, 0))) - (p.end - p.off)
			touched[k] = true
		}
		if touched[k] {
			w.resize(c.place, more[k])
		}
		if touched[k] && c.sum > 0 {
			w.edits = append(w.edits, edit{off: c.sum, old: 6, head: checksum(0)})
		}
	}
}

// resize writes the head of an element anew whose body grows.
func (w *Rewrite) resize(p place, more int64) {
	if p.open {
		return
	}
	head := appendID(nil, p.id)
	width := int(p.body-p.off) - len(head)
	w.edits = append(w.edits, edit{off: p.off, old: p.body - p.off, head: appendSize(head, p.end-p.body+more, width)})
}

// places makes room for what tells where in the file a cluster lies.
func (w *Rewrite) places() {
	for _, c := range w.clusters {
		for _, p := range c.places {
			w.edits = append(w.edits, edit{off: p.off, old: p.end - p.off, head: appendUint(nil, p.id, 0)})
		}
	}
}

// finish adds what depends on where everything lies: the indexes, whose sizes don't, and
// then the checksums.
func (w *Rewrite) finish(changes []Change) error {
	edits, err := w.indexes(changes) // for their sizes
	if err != nil {
		return err
	}
	w.edits = append(w.edits, edits...)
	more := int64(0)
	for _, e := range w.edits {
		more += e.size() - e.old
	}
	w.resize(w.segment, more)
	w.sort()
	if edits, err = w.indexes(changes); err != nil {
		return err
	}
	for _, e := range edits {
		w.set(e)
	}
	for k, c := range w.clusters {
		w.tell(k, c)
	}
	for _, c := range w.clusters {
		if err := w.sign(c); err != nil {
			return err
		}
	}
	return nil
}

// set replaces the edit of the same place.
func (w *Rewrite) set(e edit) {
	i, _ := slices.BinarySearchFunc(w.edits, e.off, func(x edit, off int64) int { return cmp.Compare(x.off, off) })
	w.edits[i] = e
}

// tell writes where cluster k lies, and how long the one before is.
func (w *Rewrite) tell(k int, c placedCluster) {
	for _, p := range c.places {
		v := w.position(c.off)
		if p.id == idPrevSize && k > 0 {
			v = w.moved(c.off) - w.moved(w.clusters[k-1].off)
		} else if p.id == idPrevSize {
			v = 0
		}
		w.set(edit{off: p.off, old: p.end - p.off, head: appendUint(nil, p.id, uint64(v))})
	}
}

// sign writes the checksum of a cluster that changed.
func (w *Rewrite) sign(c placedCluster) error {
	i, found := slices.BinarySearchFunc(w.edits, c.sum, func(x edit, off int64) int { return cmp.Compare(x.off, off) })
	if c.sum == 0 || !found {
		return nil
	}
	h := crc32.NewIEEE()
	if err := w.copy(h, c.sum+6, c.end); err != nil {
		return err
	}
	w.edits[i].head = checksum(h.Sum32())
	return nil
}

// sort brings the edits into the order of the file.
func (w *Rewrite) sort() {
	slices.SortFunc(w.edits, func(a, b edit) int { return cmp.Compare(a.off, b.off) })
	w.grown = make([]int64, len(w.edits)+1)
	for i, e := range w.edits {
		w.grown[i+1] = w.grown[i] + e.size() - e.old
	}
}

// moved returns where what lay at off, the beginning of an element or of its body, lies.
func (w *Rewrite) moved(off int64) int64 {
	i, _ := slices.BinarySearchFunc(w.edits, off, func(x edit, off int64) int { return cmp.Compare(x.off, off) })
	if len(w.grown) == 0 {
		return off
	}
	return off + w.grown[i]
}

// position is where an element lies as indexes tell it: from the segment's body on.
func (w *Rewrite) position(off int64) int64 { return w.moved(off) - w.moved(w.segment.body) }

// WriteAll writes the new file.
func (w *Rewrite) WriteAll(to io.Writer) error { return w.copy(to, 0, w.size) }

// copy writes what became of the bytes from one place to another; no edit lies across
// either.
func (w *Rewrite) copy(to io.Writer, from, end int64) error {
	i, _ := slices.BinarySearchFunc(w.edits, from, func(x edit, off int64) int { return cmp.Compare(x.off, off) })
	for at := from; ; i++ {
		stop := end
		if i < len(w.edits) && w.edits[i].off < end {
			stop = w.edits[i].off
		}
		if _, err := io.Copy(to, io.NewSectionReader(w.r, at, stop-at)); err != nil {
			return err
		}
		if stop == end {
			return nil
		}
		if err := w.edits[i].write(to); err != nil {
			return err
		}
		at = stop + w.edits[i].old
	}
}
