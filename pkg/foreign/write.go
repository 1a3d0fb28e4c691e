package foreign

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
)

// layout is a film with other packets in some of its slots.
type layout struct {
	*base
	slots []slot
	// stsd is the sample description, changed the new one in any container, nil for the old.
	stsd    *box
	changed *description
	swaps   []swap
	// sound are the tracks of sound that are replaced.
	sound map[*box]*soundTrack
	// wide says that places are written with 64 bits.
	wide bool
}

// newLayout returns the film as it is.
func newLayout(b *base) *layout {
	l := &layout{base: b, slots: make([]slot, len(b.samples))}
	for i, s := range b.samples {
		l.slots[i] = slot{old: i, pts: s.pts, sync: s.sync}
	}
	return l
}

// dataOf returns what a slot holds: its own new packet, or an old one of another slot.
func (l *layout) dataOf(s slot) content {
	if s.old >= 0 {
		return sampleOf(l.track, s.old, 0)
	}
	return s.data
}

// prepare finds what changes in the file.
func (l *layout) prepare() error {
	total := l.size
	for i, s := range l.slots {
		if s.old == i {
			continue
		}
		data := l.dataOf(s)
		l.swaps = append(l.swaps, swap{off: l.samples[i].off, old: int64(l.samples[i].size), data: data, of: l.movie.trak})
		total += data.Size()
	}
	for trak, s := range l.sound {
		l.swaps = append(l.swaps, s.swaps(trak)...)
		total += s.made.size
	}
	slices.SortFunc(l.swaps, func(a, b swap) int { return cmp.Compare(a.off, b.off) })
	for i := 1; i < len(l.swaps); i++ {
		if l.swaps[i].off < l.swaps[i-1].off+l.swaps[i-1].old {
			return errors.New("two packets share their bytes")
		}
	}
	l.wide = total+int64(l.movie.moov.size())*2 > math.MaxUint32
	return l.alone()
}

// alone checks that no other track uses the bytes that are replaced.
func (l *layout) alone() error {
	for _, trak := range l.movie.traks() {
		stbl := trak.find("mdia", "minf", "stbl")
		if trak == l.movie.trak || stbl == nil {
			continue
		}
		t, err := readSound(stbl)
		if err != nil {
			if len(t.chunks) == 0 {
				continue // a track without media of its own
			}
			return fault.Userf("unsupported-base", l.name, "the tables of another track can't be read: "+err.Error(), "remux it, for example with ffmpeg -i IN -map 0 -c copy OUT.mp4")
		}
		for i, from := range t.chunks {
			k, _ := slices.BinarySearchFunc(l.swaps, from, func(s swap, off int64) int { return cmp.Compare(s.off+s.old, off+1) })
			if k < len(l.swaps) && l.swaps[k].off < t.ends[i] && l.swaps[k].of != trak {
				return fault.Userf("unsupported-base", l.name, "two tracks share media", "remux it, for example with ffmpeg -i IN -map 0 -c copy OUT.mp4")
			}
		}
	}
	return nil
}

// header returns the new moov box. moved maps a place in the old file to the new one.
func (l *layout) header(moved func(int64) int64) (*box, error) {
	return l.rebuild(l.movie.moov, false, moved)
}

// rebuild copies a box. mine says that it belongs to the video.
func (l *layout) rebuild(b *box, mine bool, moved func(int64) int64) (*box, error) {
	mine = mine || b == l.movie.trak
	switch {
	case l.sound[b] != nil:
		return l.sound[b].header(b, l.wide, moved)
	case b.kind == "stco" || b.kind == "co64":
		return l.offsets(b, moved)
	case mine && b.kind == "stbl":
		return l.tables(b, moved)
	case b.kids == nil:
		return b, nil
	}
	out := &box{kind: b.kind, kids: []*box{}}
	for _, k := range b.kids {
		n, err := l.rebuild(k, mine, moved)
		if err != nil {
			return nil, err
		}
		out.kids = append(out.kids, n)
	}
	return out, nil
}

// offsets moves a table of chunks.
func (l *layout) offsets(b *box, moved func(int64) int64) (*box, error) {
	f := &fields{b: b.body}
	head := f.bytes(4)
	each := 4
	if b.kind == "co64" {
		each = 8
	}
	n := f.count(each)
	out := &box{kind: b.kind, body: binary.BigEndian.AppendUint32(slices.Clone(head), uint32(n))}
	if l.wide {
		out.kind = "co64"
	}
	for range n {
		var at int64
		if each == 8 {
			at = int64(f.u64())
		} else {
			at = int64(f.u32())
		}
		if at = moved(at); out.kind == "co64" {
			out.body = binary.BigEndian.AppendUint64(out.body, uint64(at))
		} else {
			out.body = binary.BigEndian.AppendUint32(out.body, uint32(at))
		}
	}
	return out, f.err
}

// writeTo writes the film with its new packets.
func (l *layout) writeTo(w io.Writer) (err error) {
	if l.mkv != nil {
		return l.writeMKV(w)
	}
	if l.stsd = l.movie.stsd; l.changed != nil {
		if l.stsd, err = l.movie.describe(*l.changed); err != nil {
			return err
		}
	}
	if err := l.prepare(); err != nil {
		return err
	}
	starts, err := l.starts()
	if err != nil {
		return err
	}
	moov, err := l.header(l.mover(starts))
	if err != nil {
		return err
	}
	for i, p := range l.movie.parts {
		switch {
		case p.kind == "moov":
			_, err = w.Write(moov.append(nil))
		case p.kind == "mdat":
			err = l.writeMedia(w, p)
		case p.fresh != nil:
			_, err = w.Write(p.fresh)
		default:
			err = l.copyBytes(w, p.off, p.off+p.size)
		}
		if err != nil {
			return fmt.Errorf("write part %d: %w", i, err)
		}
	}
	return nil
}

// starts returns where each part begins in the new file. The header's size depends on no
// place in it.
func (l *layout) starts() ([]int64, error) {
	moov, err := l.header(func(at int64) int64 { return at })
	if err != nil {
		return nil, err
	}
	starts := make([]int64, len(l.movie.parts))
	at := int64(0)
	for i, p := range l.movie.parts {
		starts[i] = at
		switch p.kind {
		case "moov":
			at += int64(moov.size())
		case "mdat":
			at += l.mediaHead(p) + p.size - p.head + l.grown(p.off, p.off+p.size)
		default:
			at += p.size
		}
	}
	return starts, nil
}

// grown is by how many bytes the swaps between two places change the file's length.
func (l *layout) grown(from, to int64) (n int64) {
	for _, s := range l.swaps[l.swapAt(from):l.swapAt(to)] {
		n += s.data.Size() - s.old
	}
	return n
}

// swapAt is the number of swaps before a place.
func (l *layout) swapAt(off int64) int {
	k, _ := slices.BinarySearchFunc(l.swaps, off, func(s swap, off int64) int { return cmp.Compare(s.off, off) })
	return k
}

// mediaHead is the size of the head of a box with media: that of the old one where the
// new size fits.
func (l *layout) mediaHead(p part) int64 {
	if p.head == 8 && p.size+l.grown(p.off, p.off+p.size) > math.MaxUint32 {
		return 16
	}
	return p.head
}

// mover returns the function that maps a place of the old file to the new one.
func (l *layout) mover(starts []int64) func(int64) int64 {
	before := make([]int64, len(l.swaps)+1) // how much all swaps before one add
	for i, s := range l.swaps {
		before[i+1] = before[i] + s.data.Size() - s.old
	}
	return func(at int64) int64 {
		i := l.movie.partAt(at)
		if i < 0 {
			return at // of an empty chunk at the file's end
		}
		p := l.movie.parts[i]
		head := p.head
		if p.kind == "mdat" {
			head = l.mediaHead(p)
		}
		return starts[i] + head + at - p.off - p.head + before[l.swapAt(at)] - before[l.swapAt(p.off)]
	}
}

// writeMedia writes a box with media, with the swaps that fall into it.
func (l *layout) writeMedia(w io.Writer, p part) error {
	head := l.mediaHead(p)
	size := head + p.size - p.head + l.grown(p.off, p.off+p.size)
	b := []byte{0, 0, 0, 1, 'm', 'd', 'a', 't'}
	if head == 16 {
		b = binary.BigEndian.AppendUint64(b, uint64(size))
	} else if p.openSize {
		b[3] = 0
	} else {
		binary.BigEndian.PutUint32(b, uint32(size))
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	at := p.off + p.head
	for _, s := range l.swaps[l.swapAt(p.off):l.swapAt(p.off+p.size)] {
		if err := l.copyBytes(w, at, s.off); err != nil {
			return err
		}
		if err := s.data.WriteAll(w); err != nil {
			return err
		}
		at = s.off + s.old
	}
	return l.copyBytes(w, at, p.off+p.size)
}
