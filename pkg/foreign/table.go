package foreign

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// table is a track's samples in decode order, as the sample tables have them (ISO/IEC
// 14496-12, 8.6 and 8.7).
type table struct {
	stbl    *box
	samples []sample
	// chunks are the offsets of the chunks; their samples lie behind each other.
	chunks []int64
	ends   []int64 // of the chunks
}

// readTable reads a track's sample tables.
func readTable(stbl *box) (*table, error) {
	t := &table{stbl: stbl}
	if err := t.sizes(); err != nil {
		return nil, fmt.Errorf("stsz: %w", err)
	}
	if err := t.places(); err != nil {
		return nil, fmt.Errorf("stsc: %w", err)
	}
	if err := t.times(); err != nil {
		return nil, fmt.Errorf("stts: %w", err)
	}
	return t, t.syncs()
}

func (t *table) open(kind string) (*fields, bool) {
	b := t.stbl.find(kind)
	if b == nil {
		return &fields{}, false
	}
	f := &fields{b: b.body}
	f.u32() // version and flags
	return f, true
}

func (t *table) sizes() error {
	f, ok := t.open("stsz")
	if !ok {
		return errors.New("it is missing")
	}
	same := f.u32()
	if same != 0 {
		n := f.u32()
		if n > 1<<28 {
			return errors.New("it names too many samples")
		}
		t.samples = make([]sample, n)
		for i := range t.samples {
			t.samples[i].size = same
		}
		return f.err
	}
	t.samples = make([]sample, f.count(4))
	for i := range t.samples {
		t.samples[i].size = f.u32()
	}
	return f.err
}

// readChunks reads where the chunks begin.
func (t *table) readChunks() error {
	f, ok := t.open("stco")
	if ok {
		t.chunks = make([]int64, f.count(4))
		for i := range t.chunks {
			t.chunks[i] = int64(f.u32())
		}
		return f.err
	}
	f, _ = t.open("co64")
	t.chunks = make([]int64, f.count(8))
	for i := range t.chunks {
		t.chunks[i] = int64(f.u64())
	}
	return f.err
}

// eachChunk calls do with the place of each chunk and how many samples lie in it.
func (t *table) eachChunk(do func(off int64, samples int) error) error {
	f, _ := t.open("stsc")
	n := f.count(12)
	c := 0
	for i := range n {
		first, per, description := int(f.u32()), int(f.u32()), f.u32()
		end := len(t.chunks)
		if i+1 < n {
			end = int(binary.BigEndian.Uint32(f.b)) - 1
		}
		if first != c+1 || end > len(t.chunks) || description != 1 {
			return errors.New("chunks don't follow each other, or have several sample descriptions")
		}
		for ; c < end; c++ {
			if err := do(t.chunks[c], per); err != nil {
				return err
			}
		}
	}
	return f.err
}

// places finds where the samples lie.
func (t *table) places() error {
	if err := t.readChunks(); err != nil {
		return err
	}
	k := 0
	err := t.eachChunk(func(off int64, per int) error {
		for range per {
			if k == len(t.samples) {
				return errors.New("there are more samples than sizes")
			}
			t.samples[k].off = off
			off += int64(t.samples[k].size)
			k++
		}
		t.ends = append(t.ends, off)
		return nil
	})
	if err == nil && (k != len(t.samples) || len(t.ends) != len(t.chunks)) {
		err = fmt.Errorf("%d of %d samples have a place", k, len(t.samples))
	}
	return err
}

// times adds up decoding times and composition offsets, which QuickTime has signed in
// either version.
func (t *table) times() error {
	f, _ := t.open("stts")
	k, dts := 0, int64(0)
	for range f.count(8) {
		for n, step := f.u32(), f.u32(); n > 0 && k < len(t.samples); n-- {
			t.samples[k].dts, t.samples[k].pts = dts, dts
			dts += int64(step)
			k++
		}
	}
	if k != len(t.samples) {
		return fmt.Errorf("%d of %d samples have a time", k, len(t.samples))
	}
	f, ok := t.open("ctts")
	if !ok {
		return nil
	}
	k = 0
	for range f.count(8) {
		for n, offset := f.u32(), int32(f.u32()); n > 0 && k < len(t.samples); n-- {
			t.samples[k].pts += int64(offset)
			k++
		}
	}
	return f.err
}

func (t *table) syncs() error {
	f, ok := t.open("stss")
	if !ok {
		for i := range t.samples {
			t.samples[i].sync = true
		}
		return nil
	}
	for range f.count(4) {
		n := int(f.u32())
		if n < 1 || n > len(t.samples) {
			return fmt.Errorf("stss: it names sample %d of %d", n, len(t.samples))
		}
		t.samples[n-1].sync = true
	}
	return f.err
}

// block is how many samples of uncompressed sound are taken together: each is one moment of
// all channels, of which a film has hundreds of millions.
const block = 1024

// readSound reads the sample tables of a track of sound, with uncompressed samples taken
// together where they lie behind each other.
func readSound(stbl *box) (*table, error) {
	t := &table{stbl: stbl}
	f, ok := t.open("stsz")
	same, total := f.u32(), int64(f.u32())
	if !ok || same == 0 || f.err != nil {
		return single(stbl)
	}
	f, _ = t.open("stts")
	if n := f.count(8); n != 1 {
		return t, fmt.Errorf("stts: %d entries for samples of one size", n)
	}
	f.u32()
	step := int64(f.u32())
	if err := t.readChunks(); err != nil {
		return t, err
	}
	at := int64(0)
	err := t.eachChunk(func(off int64, per int) error {
		for per > 0 {
			n := min(per, block)
			t.samples = append(t.samples, sample{off: off, size: uint32(n) * same, dts: at * step, count: int32(n)})
			off, at, per = off+int64(n)*int64(same), at+int64(n), per-n
		}
		t.ends = append(t.ends, off)
		return nil
	})
	if err == nil && (at != total || len(t.ends) != len(t.chunks)) {
		err = fmt.Errorf("%d of %d samples have a place", at, total)
	}
	return t, err
}

// single reads the tables of a track whose samples stand for themselves.
func single(stbl *box) (*table, error) {
	t, err := readTable(stbl)
	if err != nil {
		return t, err
	}
	for i := range t.samples {
		t.samples[i].count = 1
	}
	return t, nil
}

// fullBox returns a box with a version, no flags, and numbers of 32 bits.
func fullBox(kind string, version byte, numbers []uint32) *box {
	b := &box{kind: kind, body: []byte{version, 0, 0, 0}}
	for _, n := range numbers {
		b.body = binary.BigEndian.AppendUint32(b.body, n)
	}
	return b
}
