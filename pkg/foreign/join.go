package foreign

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
)

// joined is told of films that were fragmented.
const joined = "BASE is fragmented, and OUT is not: the same samples with the same times are in the tables of one header. Fragment it again where it is to be streamed in pieces"

// retold are the parts of a fragmented file that only tell where its samples lie, and when a
// part of it was made (ISO/IEC 14496-12, 8.8, 8.16).
var retold = []string{"moof", "mfra", "sidx", "ssix", "styp", "prft"}

// fragmentBrands are names of kinds of files that are fragmented.
var fragmentBrands = []string{"cmfc", "cmf2", "cmfs", "cmff", "cmfl", "dash", "dsms", "msdh", "msix", "lmsg"}

// join makes of a fragmented file's headers the one header that it would have without
// fragments. The media stays where it is.
func (m *movie) join() error {
	tracks, err := m.startFragments()
	if err != nil {
		return err
	}
	for _, p := range m.parts {
		if p.kind != "moof" {
			continue
		}
		if err := m.readFragment(p, tracks); err != nil {
			return err
		}
	}
	if err := m.joinTracks(tracks); err != nil {
		return err
	}
	m.moov.kids = slices.DeleteFunc(m.moov.kids, func(b *box) bool { return b.kind == "mvex" })
	m.note = joined
	if slices.ContainsFunc(m.parts, func(p part) bool { return p.kind == "emsg" }) {
		m.note += ". Its events (emsg) belong to fragments and are left out"
	}
	m.parts = slices.DeleteFunc(m.parts, func(p part) bool { return p.kind == "emsg" || slices.Contains(retold, p.kind) })
	for i, p := range m.parts {
		if p.kind != "ftyp" || p.size > 1<<16 {
			continue
		}
		b := make([]byte, p.size)
		if _, err := m.file.ReadAt(b, p.off); err != nil {
			return err
		}
		for _, brand := range fragmentBrands {
			b = bytes.ReplaceAll(b, []byte(brand), []byte("iso6"))
		}
		m.parts[i].fresh = b
	}
	return nil
}

// joinTracks writes the tables and the lengths of all tracks, and the length of the film.
func (m *movie) joinTracks(tracks map[uint32]*fragments) error {
	seconds := 0.0
	for _, f := range tracks {
		if len(f.samples) > 0 {
			seconds = max(seconds, float64(f.end)/float64(f.unit))
		}
	}
	mvhd := m.moov.find("mvhd")
	if mvhd == nil {
		return errors.New("mvhd is missing")
	}
	was, err := timescale(mvhd)
	if err != nil {
		return err
	}
	for _, f := range tracks {
		if err := f.readEdits(m.name, was); err != nil {
			return err
		}
		if err := f.unclear(m.name); err != nil {
			return err
		}
	}
	clock := clockOf(was, seconds, tracks)
	length := int64(0)
	for id, f := range tracks {
		if n := len(f.samples); n > 0 && f.end == f.samples[n-1].dts { // as a timecode, which lasts as long as the film
			f.end = max(f.end, int64(math.Ceil(seconds*float64(f.unit))))
		}
		n, err := f.join(clock)
		if err != nil {
			return fmt.Errorf("track %d: %w", id, err)
		}
		length = max(length, n)
	}
	return timed(mvhd, clock, length)
}

// clockOf returns how many units of the film's header a second has: as many as before, or
// so many that every track's beginning is told exactly, where tracks begin late.
func clockOf(was uint32, seconds float64, tracks map[uint32]*fragments) uint32 {
	all, late := uint64(was), false
	for _, f := range tracks {
		if len(f.samples) == 0 || f.skip >= f.samples[0].dts {
			continue
		}
		late = true
		a, b := all, uint64(f.unit)
		for b > 0 {
			a, b = b, a%b
		}
		if all = all / a * uint64(f.unit); all > math.MaxInt32 {
			return was
		}
	}
	if !late || float64(all)*seconds > math.MaxInt32 { // it must fit 32 bits
		return was
	}
	return uint32(all)
}

// unclear refuses pictures of whose times readers don't agree: those that an edit list hides
// in fragments, and those that are shown before they are decoded (ISO/IEC 14496-12, 8.8.8,
// version 1 of trun), which ffmpeg delays until none is.
func (f *fragments) unclear(name string) error {
	hdlr := f.trak.find("mdia", "hdlr")
	if hdlr == nil || len(hdlr.body) < 12 || string(hdlr.body[8:12]) != "vide" {
		return nil
	}
	if slices.ContainsFunc(f.samples, func(s sample) bool { return s.pts < f.skip }) {
		return fault.Userf("edit-list", name, "its edit list hides pictures, which fragments have no place for", "remux it first, for example with ffmpeg -i IN -map 0 -c copy OUT.mp4, and check its timing")
	}
	if slices.ContainsFunc(f.samples, func(s sample) bool { return s.pts < s.dts }) {
		return fault.Userf("unsupported-base", name, "its fragments show pictures before they are decoded (negative offsets, as of CMAF), which ffmpeg shows late", "let its packager write it without fragments, or with an edit list in place of them")
	}
	return nil
}

// readEdits reads when a track begins. Its length in fragments is no matter.
func (f *fragments) readEdits(name string, clock uint32) error {
	b := f.trak.find("edts", "elst")
	if b == nil {
		return nil
	}
	x := &fields{b: b.body}
	wide := x.u32()>>24 == 1
	n := x.u32()
	for i := range n {
		var length, at int64
		if wide {
			length, at = int64(x.u64()), int64(x.u64())
		} else {
			length, at = int64(x.u32()), int64(int32(x.u32()))
		}
		rate := x.u32()
		switch {
		case x.err != nil:
			return x.err
		case i == 0 && n == 2 && at == -1:
			f.late = float64(length) / float64(clock)
		case i == n-1 && at >= 0 && rate == 1<<16:
			f.skip = at
		default:
			return fault.Userf("edit-list", name, "an edit list joins several parts of it", "remux it first, for example with ffmpeg -i IN -map 0 -c copy OUT.mp4, and check its timing")
		}
	}
	return nil
}

// join writes the track's tables, and returns its length in units of the film's header, of
// which a second has so many.
func (f *fragments) join(clock uint32) (int64, error) {
	tkhd, mdhd := f.trak.find("tkhd"), f.trak.find("mdia", "mdhd")
	first, most := int64(0), int64(0)
	if len(f.samples) > 0 {
		first = f.samples[0].dts
		most = f.end - first
	}
	for i := range f.samples {
		s := &f.samples[i]
		s.dts, s.pts = s.dts-first, s.pts-first
		most = max(most, s.pts+1)
	}
	f.end -= first
	f.tables()
	late, skip := f.late, f.skip-first
	if skip < 0 {
		late, skip = late+float64(-skip)/float64(f.unit), 0
	}
	begin := int64(math.Round(late * float64(clock)))
	heard := int64(math.Ceil(float64(max(0, most-skip)) * float64(clock) / float64(f.unit)))
	if f.trak.find("edts") != nil || begin > 0 {
		f.edit(begin, heard, skip)
	}
	if err := timed(mdhd, f.unit, f.end); err != nil {
		return 0, err
	}
	return begin + heard, timed(tkhd, 0, begin+heard)
}

// edit writes the edit list.
func (f *fragments) edit(begin, heard, skip int64) {
	out := &box{kind: "elst", body: []byte{1, 0, 0, 0}}
	entries := [][2]int64{{begin, -1}, {heard, skip}}
	if begin == 0 {
		entries = entries[1:]
	}
	out.body = binary.BigEndian.AppendUint32(out.body, uint32(len(entries)))
	for _, e := range entries {
		out.body = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(out.body, uint64(e[0])), uint64(e[1]))
		out.body = binary.BigEndian.AppendUint32(out.body, 1<<16)
	}
	kids := slices.DeleteFunc(f.trak.kids, func(b *box) bool { return b.kind == "edts" })
	at := max(0, slices.IndexFunc(kids, func(b *box) bool { return b.kind == "mdia" }))
	f.trak.kids = slices.Insert(kids, at, &box{kind: "edts", kids: []*box{out}})
}

// timed writes a length into a header box (mvhd, tkhd, mdhd), with the units of a second
// where it tells them.
func timed(b *box, clock uint32, length int64) error {
	x := &fields{b: b.body}
	head := x.u32()
	wide := head>>24 == 1
	var times [2]uint64
	for i := range times {
		if wide {
			times[i] = x.u64()
		} else {
			times[i] = uint64(x.u32())
		}
	}
	told := slices.Clone(x.bytes(4))
	if b.kind == "tkhd" {
		told = append(told, x.bytes(4)...)
	} else {
		binary.BigEndian.PutUint32(told, clock)
	}
	x.bytes(map[bool]int{true: 8, false: 4}[wide])
	if x.err != nil {
		return fmt.Errorf("%s: %w", b.kind, x.err)
	}
	rest := x.b
	if wide = wide || length > math.MaxUint32; !wide {
		out := binary.BigEndian.AppendUint32(nil, head)
		out = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(out, uint32(times[0])), uint32(times[1]))
		out = binary.BigEndian.AppendUint32(append(out, told...), uint32(length))
		b.body = append(out, rest...)
		return nil
	}
	out := binary.BigEndian.AppendUint32(nil, head&0xFFFFFF|1<<24)
	out = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(out, times[0]), times[1])
	out = binary.BigEndian.AppendUint64(append(out, told...), uint64(length))
	b.body = append(out, rest...)
	return nil
}
