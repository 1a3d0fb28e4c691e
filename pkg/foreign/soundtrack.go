package foreign

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
)

// soundTrack is a track of sound that takes the place of one of the film's. Its samples
// lie where those of the old one did that are heard at the same time.
type soundTrack struct {
	made *movie // its file
	*table
	// old is the table of the track that goes, firsts the first new sample of each of its
	// chunks.
	old    *table
	firsts []int
	// begin is when it is first heard, in seconds of the film's clock; clock is how many
	// units of the film's header a second has.
	begin float64
	clock uint32
}

// openSound reads a file of one track that takes the place of trak.
func openSound(path, name string, begin float64, film *movie, trak *box) (*soundTrack, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the new sound: %w", err)
	}
	m := &movie{track: track{name: "the new sound", file: f}}
	s := &soundTrack{made: m, begin: begin}
	if err := errors.Join(m.readMoov(), s.read(film, trak)); err != nil {
		m.close()
		e := fault.Userf("unsupported-base", name, "its sound can't be replaced", "say --audio keep")
		e.Err = err
		return nil, e
	}
	return s, nil
}

func (s *soundTrack) read(film *movie, trak *box) (err error) {
	if len(s.made.traks()) != 1 {
		return errors.New("it is no file of one track")
	}
	s.made.trak = s.made.traks()[0]
	stbl, was, mvhd := s.made.trak.find("mdia", "minf", "stbl"), trak.find("mdia", "minf", "stbl"), film.moov.find("mvhd")
	if stbl == nil || was == nil || mvhd == nil || s.made.trak.find("mdia", "mdhd") == nil || s.made.moov.find("mvhd") == nil {
		return errors.New("a header is missing")
	}
	if s.clock, err = timescale(mvhd); err != nil {
		return err
	}
	if s.old, err = readSound(was); err != nil {
		return err
	}
	if s.table, err = readSound(stbl); err != nil {
		return err
	}
	for i := 1; i < len(s.samples); i++ {
		if s.samples[i].off != s.samples[i-1].off+int64(s.samples[i-1].size) {
			return errors.New("its samples don't follow each other")
		}
	}
	return s.share()
}

// timescale reads the units of a second off a mvhd or mdhd box.
func timescale(b *box) (uint32, error) {
	at := 12
	if len(b.body) > 0 && b.body[0] == 1 {
		at = 20
	}
	if len(b.body) < at+4 || binary.BigEndian.Uint32(b.body[at:]) == 0 {
		return 0, fmt.Errorf("%s is too short", b.kind)
	}
	return binary.BigEndian.Uint32(b.body[at:]), nil
}

// share finds for each of the old chunks which new samples lie there: those that are
// decoded from the time of the chunk's first old sample on.
func (s *soundTrack) share() error {
	if len(s.old.samples) == 0 || len(s.samples) == 0 {
		return errors.New("a track has no samples")
	}
	at := 0 // of the old samples
	for c, off := range s.old.chunks {
		share := float64(s.old.samples[min(at, len(s.old.samples)-1)].dts) / float64(max(1, s.old.samples[len(s.old.samples)-1].dts))
		first, _ := slices.BinarySearchFunc(s.samples, share*float64(s.samples[len(s.samples)-1].dts), func(x sample, t float64) int {
			if float64(x.dts) < t {
				return -1
			}
			return 1
		})
		if c == 0 {
			first = 0
		}
		s.firsts = append(s.firsts, first)
		for at < len(s.old.samples) && s.old.samples[at].off >= off && s.old.samples[at].off < s.old.ends[c] {
			at++
		}
	}
	s.firsts = append(s.firsts, len(s.samples))
	return nil
}

// chunk returns the stretch of the new file that lies in an old chunk's place.
func (s *soundTrack) chunk(c int) content {
	out := content{from: &s.made.track}
	if first, end := s.firsts[c], s.firsts[c+1]; first < end {
		last := s.samples[end-1]
		out.off = s.samples[first].off
		out.n = last.off + int64(last.size) - out.off
	}
	return out
}

func (s *soundTrack) swaps(trak *box) (all []swap) {
	for c, off := range s.old.chunks {
		all = append(all, swap{off: off, old: s.old.ends[c] - off, data: s.chunk(c), of: trak})
	}
	return all
}

// header is the track's header: the old one, but for what tells of its samples.
func (s *soundTrack) header(trak *box, wide bool, moved func(int64) int64) (*box, error) {
	edits, err := s.edits()
	if err != nil {
		return nil, err
	}
	stbl := &box{kind: "stbl", kids: []*box{}}
	for _, k := range s.stbl.kids {
		if k.kind != "stsc" && k.kind != "stco" && k.kind != "co64" {
			stbl.kids = append(stbl.kids, k)
		}
	}
	stbl.kids = append(stbl.kids, s.chunks(wide, moved)...)
	out := &box{kind: "trak", kids: []*box{}}
	for _, k := range trak.kids {
		switch k.kind {
		case "edts":
			continue
		case "mdia":
			out.kids = append(out.kids, edits)
			k = s.media(k, stbl)
		}
		out.kids = append(out.kids, k)
	}
	return out, nil
}

// media is the old mdia box with the new length and the new sample tables.
func (s *soundTrack) media(mdia, stbl *box) *box {
	out := &box{kind: "mdia", kids: []*box{}}
	for _, k := range mdia.kids {
		switch k.kind {
		case "mdhd":
			fresh := s.made.trak.find("mdia", "mdhd")
			fresh = &box{kind: "mdhd", body: slices.Clone(fresh.body)}
			copy(fresh.body[max(0, len(fresh.body)-4):], k.body[max(0, len(k.body)-4):]) // language
			k = fresh
		case "minf":
			minf := &box{kind: "minf", kids: []*box{}}
			for _, x := range k.kids {
				if x.kind == "stbl" {
					x = stbl
				}
				minf.kids = append(minf.kids, x)
			}
			k = minf
		}
		out.kids = append(out.kids, k)
	}
	return out
}

// chunks are the tables of the places: the old ones, without those that nothing lies in.
func (s *soundTrack) chunks(wide bool, moved func(int64) int64) []*box {
	stsc, places := []uint32{0}, []int64{}
	for c, off := range s.old.chunks {
		n := uint32(0)
		for _, x := range s.samples[s.firsts[c]:s.firsts[c+1]] {
			n += uint32(x.count)
		}
		if n == 0 {
			continue
		}
		places = append(places, moved(off))
		if last := len(stsc); last < 3 || stsc[last-2] != n {
			stsc = append(stsc, uint32(len(places)), n, 1)
		}
	}
	stsc[0] = uint32(len(stsc) / 3)
	at := &box{kind: "stco", body: binary.BigEndian.AppendUint32(make([]byte, 4), uint32(len(places)))}
	if wide {
		at.kind = "co64"
	}
	for _, p := range places {
		if wide {
			at.body = binary.BigEndian.AppendUint64(at.body, uint64(p))
		} else {
			at.body = binary.BigEndian.AppendUint32(at.body, uint32(p))
		}
	}
	return []*box{fullBox("stsc", 0, stsc), at}
}

// edits is the edit list: silence until the sound begins, and then all of it but what a
// decoder needs to get going.
func (s *soundTrack) edits() (*box, error) {
	unit, err := timescale(s.made.trak.find("mdia", "mdhd"))
	if err != nil {
		return nil, err
	}
	total := int64(0)
	if n := len(s.samples); n > 1 {
		step := (s.samples[n-1].dts - s.samples[n-2].dts) / int64(s.samples[n-2].count)
		total = s.samples[n-1].dts + step*int64(s.samples[n-1].count)
	}
	skip := int64(0)
	heard := float64(total) / float64(unit)
	if b := s.made.trak.find("edts", "elst"); b != nil {
		if skip, heard, err = s.heard(b, heard); err != nil {
			return nil, err
		}
	}
	elst := []uint32{0}
	add := func(length, at uint32) { elst = append(elst, length, at, 1<<16) }
	switch begin := int64(math.Round(s.begin * float64(s.clock))); {
	case begin > 0:
		add(uint32(begin), math.MaxUint32)
	case begin < 0:
		skip += int64(math.Round(-s.begin * float64(unit)))
		heard += s.begin
	}
	if heard <= 0 || skip > math.MaxInt32 {
		return nil, errors.New("the new sound is not heard")
	}
	add(uint32(math.Round(heard*float64(s.clock))), uint32(skip))
	elst[0] = uint32(len(elst) / 3)
	return &box{kind: "edts", kids: []*box{fullBox("elst", 0, elst)}}, nil
}

// heard reads how much of its beginning the new file's edit list leaves out, in units of
// the track, and for how many seconds it is heard.
func (s *soundTrack) heard(elst *box, otherwise float64) (skip int64, length float64, err error) {
	clock, err := timescale(s.made.moov.find("mvhd"))
	if err != nil {
		return 0, 0, err
	}
	f := &fields{b: elst.body}
	wide := f.u32()>>24 == 1
	for range f.u32() {
		var n, at int64
		if wide {
			n, at = int64(f.u64()), int64(f.u64())
		} else {
			n, at = int64(f.u32()), int64(int32(f.u32()))
		}
		if f.u32(); f.err != nil {
			return 0, 0, f.err
		}
		if at >= 0 {
			if n == 0 {
				return at, otherwise, nil
			}
			return at, float64(n) / float64(clock), nil
		}
	}
	return 0, otherwise, nil
}

// bitRate is that of the film's track, in bits a second.
func (r *run) bitRate(index int) (int, error) {
	trak := r.movie.traks()[index]
	stbl, mdhd := trak.find("mdia", "minf", "stbl"), trak.find("mdia", "mdhd")
	if stbl == nil || mdhd == nil {
		return 0, fault.Userf("unsupported-base", r.name, "a track of sound has no header", "say --audio keep")
	}
	unit, err := timescale(mdhd)
	if err != nil {
		return 0, err
	}
	t, err := readSound(stbl)
	if err != nil || len(t.samples) < 2 {
		return 0, fault.Userf("unsupported-base", r.name, "the tables of its sound can't be read", "say --audio keep")
	}
	bytes := 0
	for _, s := range t.samples {
		bytes += int(s.size)
	}
	last, before := t.samples[len(t.samples)-1].dts, t.samples[len(t.samples)-2].dts
	rate := float64(bytes) * 8 * float64(unit) / float64(last+last-before)
	return int(math.Round(rate/1000)) * 1000, nil
}
