package foreign

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
)

// tables returns the video's sample tables for the new slots. Decoding times, and which
// samples lie in which chunk, stay as they are.
func (l *layout) tables(stbl *box, moved func(int64) int64) (*box, error) {
	offsets, err := l.compositions(stbl)
	if err != nil {
		return nil, err
	}
	made := map[string]*box{"stsd": l.stsd, "stsz": l.sizes(), "ctts": offsets, "stss": l.syncs()}
	out := &box{kind: "stbl", kids: []*box{}}
	for _, k := range stbl.kids {
		n, replaced := made[k.kind]
		delete(made, k.kind)
		switch {
		case replaced && n == nil:
			continue
		case replaced:
		case k.kind == "stco" || k.kind == "co64":
			n, err = l.offsets(k, moved)
		case k.kind == "sdtp":
			n = l.dependencies(k)
		case k.kind == "sbgp":
			n, err = l.groups(k)
		case k.kind == "stps" || k.kind == "cslg":
			continue // both only repeat what the samples tell: a reader does without
		default:
			n = k
		}
		if err != nil {
			return nil, err
		}
		out.kids = append(out.kids, n)
	}
	for _, kind := range []string{"ctts", "stss"} {
		if n := made[kind]; n != nil {
			out.kids = append(out.kids, n)
		}
	}
	return out, nil
}

// bytes is the size of a slot's packet.
func (l *layout) bytes(s slot) uint32 {
	if s.old >= 0 {
		return l.samples[s.old].size
	}
	return uint32(s.data.Size())
}

func (l *layout) sizes() *box {
	numbers := []uint32{0, uint32(len(l.slots))}
	for _, s := range l.slots {
		numbers = append(numbers, l.bytes(s))
	}
	return fullBox("stsz", 0, numbers)
}

// syncs lists the samples at which decoding can begin, or is nil when it can at all.
func (l *layout) syncs() *box {
	return syncs(len(l.slots), func(i int) bool { return l.slots[i].sync })
}

// syncs is the table of those of n samples at which decoding can begin, or nil when it can
// at all (stss, ISO/IEC 14496-12, 8.6.2).
func syncs(n int, at func(int) bool) *box {
	numbers := []uint32{0}
	for i := range n {
		if at(i) {
			numbers = append(numbers, uint32(i+1))
		}
	}
	if len(numbers) == n+1 {
		return nil
	}
	numbers[0] = uint32(len(numbers) - 1)
	return fullBox("stss", 0, numbers)
}

// compositions makes the offsets of presentation from decoding times, or nil when all
// are 0.
func (l *layout) compositions(stbl *box) (*box, error) {
	least := int64(0) // offset that the film has anyhow
	for _, s := range l.samples {
		least = min(least, s.pts-s.dts)
	}
	version := byte(0)
	if b := stbl.find("ctts"); b != nil && len(b.body) > 0 {
		version = b.body[0]
	}
	numbers := []uint32{0}
	same := true
	for i, s := range l.slots {
		offset := s.pts - l.samples[i].dts
		if offset < least {
			return nil, fault.Userf("parameters-differ", l.name, fmt.Sprintf("packet %d would be decoded after it is shown: the new ones are reordered more than the old ones", i),
				"encode the fix elsewhere with fewer B-frames")
		}
		if offset < 0 {
			version = 1
		}
		same = same && offset == 0
		if n := len(numbers); n > 1 && numbers[n-1] == uint32(int32(offset)) {
			numbers[n-2]++
		} else {
			numbers = append(numbers, 1, uint32(int32(offset)))
		}
	}
	if same {
		return nil, nil
	}
	numbers[0] = uint32(len(numbers) / 2)
	return fullBox("ctts", version, numbers), nil
}

// dependencies carries over what is known of the old samples; of new ones nothing is.
func (l *layout) dependencies(b *box) *box {
	out := &box{kind: b.kind, body: slices.Clone(b.body)}
	for i, s := range l.slots {
		if s.old == i || 4+i >= len(b.body) {
			continue
		}
		out.body[4+i] = 0
		if s.old >= 0 && 4+s.old < len(b.body) {
			out.body[4+i] = b.body[4+s.old]
		}
	}
	return out
}

// groups carries over sample groups; new samples are in none.
func (l *layout) groups(b *box) (*box, error) {
	f := &fields{b: b.body}
	head := slices.Clone(f.bytes(8))
	if head[0] == 1 {
		head = append(head, f.bytes(4)...)
	}
	group := make([]uint32, len(l.slots))
	at := 0
	for range f.count(8) {
		for n, index := f.u32(), f.u32(); n > 0 && at < len(group); n-- {
			group[at] = index
			at++
		}
	}
	numbers := []uint32{}
	for _, s := range l.slots {
		index := uint32(0)
		if s.old >= 0 {
			index = group[s.old]
		}
		if n := len(numbers); n > 0 && numbers[n-1] == index {
			numbers[n-2]++
		} else {
			numbers = append(numbers, 1, index)
		}
	}
	out := &box{kind: "sbgp", body: binary.BigEndian.AppendUint32(head, uint32(len(numbers)/2))}
	for _, n := range numbers {
		out.body = binary.BigEndian.AppendUint32(out.body, n)
	}
	return out, f.err
}
