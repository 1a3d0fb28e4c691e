package matroska_test

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
)

// found is an element that a test reads by itself: the second opinion.
type found struct {
	id        uint64
	off, body int
	end       int
	kids      []found
}

// masters are the elements that a test looks into.
var masters = map[uint64]bool{
	0x18538067: true, 0x114D9B74: true, 0x4DBB: true, 0x1654AE6B: true, 0xAE: true, 0x1F43B675: true, 0x1C53BB6B: true, 0xBB: true, 0xB7: true, 0xA0: true,
}

// walk reads all elements between two places. Unknown sizes end where a cluster or the
// cues begin.
func walk(t *testing.T, b []byte, at, end int) (out []found) {
	t.Helper()
	number := func(keep bool) (v uint64, ones bool) {
		n := 1
		for b[at]>>(8-n) == 0 {
			n++
		}
		v = uint64(b[at])
		if !keep {
			v &= 1<<(8-n) - 1
		}
		for _, c := range b[at+1 : at+n] {
			v = v<<8 | uint64(c)
		}
		at += n
		return v, v == 1<<(7*n)-1
	}
	for at < end {
		f := found{off: at}
		f.id, _ = number(true)
		size, unknown := number(false)
		f.body, f.end = at, at+int(size)
		if unknown {
			f.end = end
			if f.id == 0x1F43B675 {
				for _, next := range []string{"\x1F\x43\xB6\x75", "\x1C\x53\xBB\x6B"} {
					if i := strings.Index(string(b[at:end]), next); i >= 0 {
						f.end = min(f.end, at+i)
					}
				}
			}
		}
		if f.end > end {
			t.Fatalf("element %X at %d ends at %d of %d", f.id, f.off, f.end, end)
		}
		if masters[f.id] {
			f.kids = walk(t, b, f.body, f.end)
		}
		out, at = append(out, f), f.end
	}
	return out
}

func (f found) child(id uint64) *found {
	for i := range f.kids {
		if f.kids[i].id == id {
			return &f.kids[i]
		}
	}
	return nil
}

func (f *found) uint(b []byte) (v int) {
	for _, c := range b[f.body:f.end] {
		v = v<<8 | int(c)
	}
	return v
}

// consistent checks all that a file tells of itself: what its indexes point to, and its
// checksums. It returns the elements of the segment, and how many cues there are.
func consistent(t *testing.T, b []byte, track int) (top []found, cues int) {
	t.Helper()
	segment := walk(t, b, 0, len(b))[1]
	at := func(off int) *found {
		for i := range segment.kids {
			if segment.kids[i].off == segment.body+off {
				return &segment.kids[i]
			}
		}
		return nil
	}
	for _, e := range segment.kids {
		if sum := e.child(0xBF); sum != nil {
			if got := binary.LittleEndian.Uint32(b[sum.body:]); got != crc32.ChecksumIEEE(b[sum.end:e.end]) {
				t.Errorf("the checksum of element %X at %d is wrong", e.id, e.off)
			}
		}
		for _, k := range e.kids {
			switch k.id {
			case 0x4DBB: // Seek
				id, to := k.child(0x53AB), k.child(0x53AC)
				if e := at(to.uint(b)); e == nil || e.id != uint64(id.uint(b)) {
					t.Errorf("nothing of the kind %X lies at %d", id.uint(b), to.uint(b))
				}
			case 0xBB: // CuePoint
				for _, p := range k.kids[1:] {
					cluster := at(p.child(0xF1).uint(b))
					if cluster == nil || cluster.id != 0x1F43B675 {
						t.Fatalf("a cue points to %d, where no cluster is", p.child(0xF1).uint(b))
					}
					pointed(t, b, *cluster, p, k.child(0xB3).uint(b))
					if p.child(0xF7).uint(b) == track {
						cues++
					}
				}
			case 0xA7: // Position
				if at(k.uint(b)) == nil || at(k.uint(b)).off != e.off {
					t.Errorf("the cluster at %d says that it lies at %d", e.off-segment.body, k.uint(b))
				}
			}
		}
	}
	return segment.kids, cues
}

// pointed checks what lies at a cue's place in its cluster.
func pointed(t *testing.T, b []byte, cluster, p found, time int) {
	t.Helper()
	rel := p.child(0xF0)
	if rel == nil {
		return
	}
	for _, e := range cluster.kids {
		if e.off != cluster.body+rel.uint(b) {
			continue
		}
		block := e
		if e.id == 0xA0 {
			block = *e.child(0xA1)
		}
		got := cluster.child(0xE7).uint(b) + int(int16(binary.BigEndian.Uint16(b[block.body+1:])))
		key := e.id == 0xA0 && e.child(0xFB) == nil || e.id == 0xA3 && b[block.body+3]&0x80 != 0
		if int(b[block.body]&0x7F) != p.child(0xF7).uint(b) || got != time || !key {
			t.Errorf("the cue of %d ms points to a block of track %d at %d ms, keyframe: %v", time, b[block.body]&0x7F, got, key)
		}
		return
	}
	t.Errorf("the cue of %d ms points to no element", time)
}
