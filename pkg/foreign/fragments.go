package foreign

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
)

// fragments are the samples of a track of a fragmented file (ISO/IEC 14496-12, 8.8): those of
// the header's tables, and behind them those of the fragments.
type fragments struct {
	trak, stbl *box
	samples    []sample
	// runs are the first samples of stretches that lie behind each other in the file.
	runs []int
	// end is the decoding time behind the last sample; a second has so many units.
	end  int64
	unit uint32
	// late is how many seconds after the film the track begins, and skip how much of its
	// beginning is not shown, as its edit list has it.
	late float64
	skip int64
	defaults
}

// defaults are what is told of samples that tell it not themselves: how long they last, how
// many bytes they have, and flags.
type defaults struct{ length, size, flags uint32 }

// mostSamples bounds what a few bytes can claim.
const mostSamples = 1 << 28

// startFragments reads what the header says of each track.
func (m *movie) startFragments() (map[uint32]*fragments, error) {
	tracks := map[uint32]*fragments{}
	for _, trak := range m.traks() {
		f := &fragments{trak: trak, stbl: trak.find("mdia", "minf", "stbl")}
		id, err := trackID(trak)
		if err != nil || f.stbl == nil {
			return nil, errors.Join(errors.New("a track has no header"), err)
		}
		if err := f.begin(); err != nil {
			return nil, err
		}
		if tracks[id] != nil {
			return nil, errors.New("two tracks have one number")
		}
		tracks[id] = f
	}
	mvex := m.moov.find("mvex")
	if mvex == nil {
		return nil, errors.New("there are fragments, and the header does not say so (mvex)")
	}
	for _, b := range mvex.kids {
		if b.kind != "trex" {
			continue
		}
		x := &fields{b: b.body}
		x.u32()
		f := tracks[x.u32()]
		description := x.u32()
		if x.err != nil || f == nil {
			return nil, errors.New("trex tells of no track")
		}
		if description > 1 {
			return nil, m.unfit("it has several sample descriptions")
		}
		f.read(x, 7)
		if x.err != nil {
			return nil, x.err
		}
	}
	return tracks, nil
}

// trackID reads the number by which fragments name a track.
func trackID(trak *box) (uint32, error) {
	b := trak.find("tkhd")
	at := 12
	if b != nil && len(b.body) > 0 && b.body[0] == 1 {
		at = 20
	}
	if b == nil || len(b.body) < at+4 {
		return 0, errors.New("tkhd is too short")
	}
	return binary.BigEndian.Uint32(b.body[at:]), nil
}

// begin reads the tables in the header, which may be empty.
func (f *fragments) begin() error {
	mdhd := f.trak.find("mdia", "mdhd")
	if mdhd == nil {
		return errors.New("mdhd is missing")
	}
	t, err := readTable(f.stbl)
	if err != nil {
		return err
	}
	if f.unit, err = timescale(mdhd); err != nil {
		return err
	}
	f.samples = t.samples
	k := 0
	if err := t.eachChunk(func(_ int64, per int) error {
		f.runs, k = append(f.runs, k), k+per
		return nil
	}); err != nil {
		return err
	}
	x, _ := t.open("stts")
	for range x.count(8) {
		n, step := x.u32(), x.u32()
		f.end += int64(n) * int64(step)
	}
	return x.err
}

// unfit refuses a fragmented film. ffmpeg leaves out what it doesn't know.
func (m *movie) unfit(what string) error {
	return fault.Userf("unsupported-base", m.name, what, "remux it, for example with ffmpeg -i IN -map 0 -c copy OUT.mp4")
}

// readFragment adds the samples of a fragment to their tracks.
func (m *movie) readFragment(p part, tracks map[uint32]*fragments) error {
	b, err := m.readPart(p)
	if err != nil {
		return err
	}
	at := p.off // where the media of a track begins that doesn't say it: behind that of the last one
	for _, traf := range b.kids {
		if traf.kind != "traf" {
			continue
		}
		if err := m.known(traf); err != nil {
			return err
		}
		if at, err = m.readRuns(traf, p.off, at, tracks); err != nil {
			return fmt.Errorf("the fragment at byte %d: %w", p.off, err)
		}
	}
	return nil
}

// known refuses what can't be carried over from a fragment's track. What only tells again of
// samples, at which decoding may begin or what depends on them, is left out.
func (m *movie) known(traf *box) error {
	for _, b := range traf.kids {
		switch {
		case slices.Contains([]string{"tfhd", "tfdt", "trun", "sdtp", "free", "skip"}, b.kind):
		case (b.kind == "sbgp" || b.kind == "sgpd") && len(b.body) >= 8 && slices.Contains([]string{"roll", "rap ", "prol"}, string(b.body[4:8])):
		default:
			return m.unfit("its fragments have a table of the kind " + b.kind + ", which can't be carried over")
		}
	}
	return nil
}

// readRuns reads a track's part of a fragment, and returns where its media ends. moof is
// where the fragment begins, at where the media of the last track ended.
func (m *movie) readRuns(traf *box, moof, at int64, tracks map[uint32]*fragments) (int64, error) {
	head := traf.find("tfhd")
	if head == nil {
		return 0, errors.New("tfhd is missing")
	}
	x := &fields{b: head.body}
	flags, id := x.u32(), x.u32()
	f := tracks[id]
	if f == nil {
		return 0, fmt.Errorf("there is no track %d", id)
	}
	told := f.defaults
	if flags&0x20000 != 0 {
		at = moof
	}
	if flags&1 != 0 {
		at = int64(x.u64())
	}
	if flags&2 != 0 && x.u32() != 1 {
		return 0, m.unfit("it has several sample descriptions")
	}
	told.read(x, flags>>3)
	if x.err != nil {
		return 0, x.err
	}
	if err := f.goOnAt(traf.find("tfdt")); err != nil {
		return 0, err
	}
	base := at
	for _, b := range traf.kids {
		if b.kind != "trun" {
			continue
		}
		var err error
		if at, err = f.readRun(b, base, at, told); err != nil {
			return 0, err
		}
	}
	return at, nil
}

// read reads those of the defaults that the flags say are told.
func (d *defaults) read(x *fields, flags uint32) {
	for bit, to := range []*uint32{&d.length, &d.size, &d.flags} {
		if flags>>bit&1 != 0 {
			*to = x.u32()
		}
	}
}

// goOnAt reads when the next sample is decoded (tfdt), which is behind the last one where
// nothing tells it. A gap lengthens the last sample.
func (f *fragments) goOnAt(tfdt *box) error {
	if tfdt == nil {
		return nil
	}
	x := &fields{b: tfdt.body}
	var at int64
	if x.u32()>>24 == 1 {
		at = int64(x.u64())
	} else {
		at = int64(x.u32())
	}
	if n := len(f.samples); at < 0 || n > 0 && at < f.samples[n-1].dts {
		return errors.New("its time goes back")
	}
	f.end = at
	return x.err
}

// notSync are the flags of samples at which decoding can't begin: such as say so, and such
// as depend on others, as ffmpeg has it.
const notSync = 0x00010000 | 0x01000000

// readRun reads a stretch of samples, and returns where they end.
func (f *fragments) readRun(trun *box, base, at int64, told defaults) (int64, error) {
	x := &fields{b: trun.body}
	flags, n := x.u32(), x.u32()
	if flags&1 != 0 {
		at = base + int64(int32(x.u32()))
	}
	first := told.flags
	if flags&4 != 0 {
		first = x.u32()
	}
	if len(f.samples)+int(n) > mostSamples {
		return 0, errors.New("it names too many samples")
	}
	f.runs = append(f.runs, len(f.samples))
	for i := range n {
		s := told
		if i == 0 {
			s.flags = first
		}
		s.read(x, flags>>8)
		offset := int64(0)
		if flags&0x800 != 0 {
			offset = int64(int32(x.u32()))
		}
		if x.err != nil {
			return 0, x.err
		}
		f.samples = append(f.samples, sample{off: at, size: s.size, dts: f.end, pts: f.end + offset, sync: s.flags&notSync == 0})
		at, f.end = at+int64(s.size), f.end+int64(s.length)
	}
	return at, nil
}
