package foreign

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// box is a box of an MP4 or MOV file (ISO/IEC 14496-12, 4.2) that was read whole. Those
// that lead to the sample tables are taken apart; all others stay the bytes they were.
type box struct {
	kind string
	body []byte
	kids []*box
}

var parents = []string{"moov", "trak", "mdia", "minf", "stbl", "edts", "dinf", "mvex", "moof", "traf"}

// parseBoxes takes apart boxes that follow each other. QuickTime may end a list of them
// with four bytes of zero, which are kept.
func parseBoxes(b []byte) ([]*box, error) {
	var out []*box
	for len(b) > 0 {
		if len(b) < 8 {
			out = append(out, &box{body: b})
			break
		}
		size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		if size == 1 && len(b) >= 16 {
			size, head = binary.BigEndian.Uint64(b[8:]), 16
		}
		if size < head || size > uint64(len(b)) {
			return nil, fmt.Errorf("the box %q is %d bytes long where %d are left", b[4:8], size, len(b))
		}
		x := &box{kind: string(b[4:8]), body: b[head:size]}
		if slices.Contains(parents, x.kind) {
			var err error
			if x.kids, err = parseBoxes(x.body); err != nil {
				return nil, err
			}
		}
		out, b = append(out, x), b[size:]
	}
	return out, nil
}

// size is the number of bytes that append appends.
func (b *box) size() int {
	n := len(b.body)
	if b.kids != nil {
		n = 0
		for _, k := range b.kids {
			n += k.size()
		}
	}
	if b.kind != "" {
		n += 8
	}
	return n
}

// append appends the box's bytes. Boxes of 4 GiB were refused when they were read.
func (b *box) append(to []byte) []byte {
	if b.kind != "" {
		to = binary.BigEndian.AppendUint32(to, uint32(b.size()))
		to = append(to, b.kind...)
	}
	if b.kids == nil {
		return append(to, b.body...)
	}
	for _, k := range b.kids {
		to = k.append(to)
	}
	return to
}

// find returns the first box at a path below b, or nil.
func (b *box) find(path ...string) *box {
	for _, kind := range path {
		i := slices.IndexFunc(b.kids, func(k *box) bool { return k.kind == kind })
		if i < 0 {
			return nil
		}
		b = b.kids[i]
	}
	return b
}

// part is a box of the file itself.
type part struct {
	kind     string
	off      int64 // of its head
	head     int64 // bytes of its head
	size     int64 // with its head
	openSize bool  // it said that it goes on to the end
	// fresh are the bytes that stand in its place, as many, where there are such.
	fresh []byte
}

var errCut = errors.New("the file ends in the middle")

// readParts lists the boxes of a file.
func readParts(r io.ReaderAt, size int64) ([]part, error) {
	var parts []part
	for off := int64(0); off < size; {
		var b [16]byte
		n, err := r.ReadAt(b[:], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n < 8 {
			return nil, errCut
		}
		p := part{kind: string(b[4:8]), off: off, head: 8, size: int64(binary.BigEndian.Uint32(b[:]))}
		switch p.size {
		case 0:
			p.size, p.openSize = size-off, true
		case 1:
			p.head, p.size = 16, int64(binary.BigEndian.Uint64(b[8:]))
		}
		if p.size < p.head || n < int(p.head) {
			return nil, fmt.Errorf("the box at byte %d is no box", off)
		}
		if p.size > size-off {
			return nil, errCut
		}
		parts = append(parts, p)
		off += p.size
	}
	return parts, nil
}

// fields reads 32-bit numbers off a box's body, and notes when it ends too soon.
type fields struct {
	b   []byte
	err error
}

func (f *fields) bytes(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.err = errors.New("a box is too short")
		return make([]byte, max(0, min(n, 16)))
	}
	out := f.b[:n]
	f.b = f.b[n:]
	return out
}

func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.bytes(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.bytes(8)) }

// count reads how many entries of a size follow, which must be there.
func (f *fields) count(each int) int {
	n := int(f.u32())
	if f.err == nil && n > len(f.b)/each {
		f.err = errors.New("a table is too short")
	}
	if f.err != nil {
		return 0
	}
	return n
}
