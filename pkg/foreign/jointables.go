package foreign

import (
	"encoding/binary"
	"math"
	"slices"
)

// tables puts the sample tables of all the track's samples in place of those that the header
// had.
func (f *fragments) tables() {
	made := []*box{f.lengths(), f.offsets(), f.syncs(), f.perChunk(), f.sizes(), f.places()}
	gone := []string{"stts", "ctts", "stss", "stsc", "stsz", "stz2", "stco", "co64", "sdtp", "cslg", "stps"}
	kids := slices.DeleteFunc(f.stbl.kids, func(b *box) bool { return slices.Contains(gone, b.kind) })
	at := slices.IndexFunc(kids, func(b *box) bool { return b.kind == "stsd" }) + 1
	made = slices.DeleteFunc(made, func(b *box) bool { return b == nil })
	f.stbl.kids = slices.Insert(kids, at, made...)
}

// counted is a table of numbers, each with how often it comes in a row.
func (f *fragments) counted(kind string, version byte, number func(i int) uint32) *box {
	numbers := []uint32{0}
	for i := range f.samples {
		x := number(i)
		if n := len(numbers); n > 1 && numbers[n-1] == x {
			numbers[n-2]++
		} else {
			numbers = append(numbers, 1, x)
		}
	}
	numbers[0] = uint32(len(numbers) / 2)
	return fullBox(kind, version, numbers)
}

func (f *fragments) lengths() *box {
	return f.counted("stts", 0, func(i int) uint32 {
		if i+1 < len(f.samples) {
			return uint32(f.samples[i+1].dts - f.samples[i].dts)
		}
		return uint32(f.end - f.samples[i].dts)
	})
}

// offsets are those from decoding to presentation, or nil when all are 0.
func (f *fragments) offsets() *box {
	version, none := byte(0), true
	for _, s := range f.samples {
		if s.pts < s.dts {
			version = 1
		}
		none = none && s.pts == s.dts
	}
	if none {
		return nil
	}
	return f.counted("ctts", version, func(i int) uint32 { return uint32(int32(f.samples[i].pts - f.samples[i].dts)) })
}

// syncs lists the samples at which decoding can begin, or is nil when it can at all.
func (f *fragments) syncs() *box {
	return syncs(len(f.samples), func(i int) bool { return f.samples[i].sync })
}

func (f *fragments) sizes() *box {
	numbers, same := []uint32{0, uint32(len(f.samples))}, len(f.samples) > 0
	for _, s := range f.samples {
		numbers, same = append(numbers, s.size), same && s.size == f.samples[0].size && s.size > 0
	}
	if same {
		return fullBox("stsz", 0, []uint32{numbers[2], numbers[1]})
	}
	return fullBox("stsz", 0, numbers)
}

// chunks are the stretches in which samples lie: their first samples and what follows the
// last.
func (f *fragments) chunks() [][2]int {
	var out [][2]int
	for i, from := range f.runs {
		to := len(f.samples)
		if i+1 < len(f.runs) {
			to = f.runs[i+1]
		}
		if to > from {
			out = append(out, [2]int{from, to})
		}
	}
	return out
}

func (f *fragments) perChunk() *box {
	numbers := []uint32{0}
	for i, c := range f.chunks() {
		n := uint32(c[1] - c[0])
		if last := len(numbers); last < 3 || numbers[last-2] != n {
			numbers = append(numbers, uint32(i+1), n, 1)
		}
	}
	numbers[0] = uint32(len(numbers) / 3)
	return fullBox("stsc", 0, numbers)
}

func (f *fragments) places() *box {
	chunks, wide := f.chunks(), false
	for _, c := range chunks {
		wide = wide || f.samples[c[0]].off > math.MaxUint32
	}
	out := &box{kind: "stco", body: binary.BigEndian.AppendUint32(make([]byte, 4), uint32(len(chunks)))}
	for _, c := range chunks {
		if off := uint64(f.samples[c[0]].off); wide {
			out.kind, out.body = "co64", binary.BigEndian.AppendUint64(out.body, off)
		} else {
			out.body = binary.BigEndian.AppendUint32(out.body, uint32(off))
		}
	}
	return out
}
