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

// places finds where the samples lie.
func (t *table) places() error {
	if f, ok := t.open("stco"); ok {
		t.chunks = make([]int64, f.count(4))
		for i := range t.chunks {
			t.chunks[i] = int64(f.u32())
		}
	} else if f, ok := t.open("co64"); ok {
		t.chunks = make([]int64, f.count(8))
		for i := range t.chunks {
			t.chunks[i] = int64(f.u64())
		}
	}
	f, _ := t.open("stsc")
	n := f.count(12)
	k := 0
	for i := range n {
		first, per, description := int(f.u32()), int(f.u32()), f.u32()
		end := len(t.chunks)
		if i+1 < n {
			end = int(binary.BigEndian.Uint32(f.b)) - 1
		}
		if first != len(t.ends)+1 || end > len(t.chunks) || description != 1 {
			return errors.New("chunks don't follow each other, or have several sample descriptions")
		}
		for len(t.ends) < end {
			off := t.chunks[len(t.ends)]
			for range per {
				if k == len(t.samples) {
					return errors.New("there are more samples than sizes")
				}
				t.samples[k].off = off
				off += int64(t.samples[k].size)
				k++
			}
			t.ends = append(t.ends, off)
		}
	}
	if k != len(t.samples) || len(t.ends) != len(t.chunks) {
		return fmt.Errorf("%d of %d samples have a place", k, len(t.samples))
	}
	return f.err
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

// fullBox returns a box with a version, no flags, and numbers of 32 bits.
func fullBox(kind string, version byte, numbers []uint32) *box {
	b := &box{kind: kind, body: []byte{version, 0, 0, 0}}
	for _, n := range numbers {
		b.body = binary.BigEndian.AppendUint32(b.body, n)
	}
	return b
}
