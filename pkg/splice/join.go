package splice

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/reweave/reweave/pkg/fault"
)

// Track is what the joined track is told besides its packets.
type Track struct {
	// Timescale is the number of ticks in a second.
	Timescale uint32
	// Rotation is the clockwise rotation to show the pictures in: 0, 90, 180 or 270.
	Rotation int
	// Frames is how many frames the track will have; 0 when that is not known. The last
	// one of them is held until its end.
	Frames int
}

// Joiner writes a fragmented MP4 of one track, chunk after chunk, in memory that does
// not grow with their number.
type Joiner struct {
	w      io.Writer
	track  Track
	stsd   []byte
	clock  clock
	seq    uint32
	count  int
	chunks int
}

// NewJoiner returns a joiner that writes to w.
func NewJoiner(w io.Writer, t Track) *Joiner { return &Joiner{w: w, track: t} }

// Frames returns how many frames were joined so far.
func (j *Joiner) Frames() int { return j.count }

// Add appends a chunk. pts are the presentation times of its frames in ticks, counted
// from the first frame of the track and increasing; end is the time at which the next
// chunk begins, or at which the last frame ends. A chunk with another number of frames,
// or another sample description than the first one, is refused and nothing is written.
func (j *Joiner) Add(c *Chunk, pts []int64, end int64) error {
	if c.Frames() != len(pts) {
		return &fault.Error{
			Class: fault.Permanent, Type: "frame-mismatch", Where: fmt.Sprintf("chunk %d", j.chunks),
			Title: fmt.Sprintf("it holds %d frames where the plan has %d", c.Frames(), len(pts)),
		}
	}
	if err := increasing(pts, end); err != nil {
		return fmt.Errorf("write chunk %d: %w", j.chunks, err)
	}
	if j.stsd == nil {
		j.clock = newClock(c.reorders, pts, end)
		if err := j.begin(c); err != nil {
			return err
		}
	} else if !bytes.Equal(j.stsd, c.stsd) {
		return &fault.Error{
			Class: fault.Permanent, Type: "parameter-mismatch", Where: fmt.Sprintf("chunk %d", j.chunks),
			Title: "its sample description differs from the first chunk's: " + difference(j.stsd, c.stsd),
		}
	}
	if err := j.writeFragment(c, pts, end); err != nil {
		return fmt.Errorf("write chunk %d: %w", j.chunks, err)
	}
	j.chunks++
	j.count += len(pts)
	return nil
}

// begin writes the header, which is the first chunk's with our timescale.
func (j *Joiner) begin(c *Chunk) error {
	j.stsd = c.stsd
	moov := c.init.Moov
	moov.Trak.Mdia.Mdhd.Timescale = j.track.Timescale
	if m, ok := matrices[j.track.Rotation]; ok {
		w, h := int32(moov.Trak.Tkhd.Width>>16), int32(moov.Trak.Tkhd.Height>>16)
		moov.Trak.Tkhd.Matrix = m(w, h)
	}
	if err := c.init.Encode(j.w); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	return nil
}

// matrices are the transformations of ISO/IEC 14496-12, 6.2.2, that turn a picture of
// w by h clockwise and move it back into view.
var matrices = map[int]func(w, h int32) [9]int32{
	90: func(_, h int32) [9]int32 {
		return [9]int32{0, 1 << 16, 0, -(1 << 16), 0, 0, h << 16, 0, 1 << 30}
	},
	180: func(w, h int32) [9]int32 {
		return [9]int32{-(1 << 16), 0, 0, 0, -(1 << 16), 0, w << 16, h << 16, 1 << 30}
	},
	270: func(w, _ int32) [9]int32 {
		return [9]int32{0, -(1 << 16), 0, 1 << 16, 0, 0, 0, w << 16, 1 << 30}
	},
}

func increasing(pts []int64, end int64) error {
	for k := range pts {
		next := end
		if k+1 < len(pts) {
			next = pts[k+1]
		}
		if next <= pts[k] {
			return fmt.Errorf("times run backwards at frame %d: %d after %d", k, next, pts[k])
		}
	}
	return nil
}

// hold makes the last packet longer where the frame shown last would end before its time.
func hold(dts []int64, ranks []int, pts []int64, end int64) {
	last := len(pts) - 1
	if k := slices.Index(ranks, last); pts[last]+dts[k+1]-dts[k] < end {
		dts[last+1] = dts[last] + end - pts[ranks[last]]
	}
}

func (j *Joiner) writeFragment(c *Chunk, pts []int64, end int64) error {
	j.seq++
	frag, err := mp4.CreateFragment(j.seq, c.init.Moov.Trak.Tkhd.TrackID)
	if err != nil {
		return err
	}
	dts, ranks := j.clock.next(pts, end), c.ranks()
	if j.count+len(pts) == j.track.Frames {
		hold(dts, ranks, pts, end)
	}
	traf := frag.Moof.Traf
	traf.Tfdt.SetBaseMediaDecodeTime(uint64(dts[0]))
	traf.Trun.Version = 1
	var size int64
	for k, rank := range ranks {
		s := c.samples[k]
		dur, offset := dts[k+1]-dts[k], j.clock.delay+pts[rank]-dts[k]
		if offset < 0 || offset > math.MaxInt32 || dur > math.MaxUint32 {
			return fmt.Errorf("packet %d, which is shown as number %d, can't be timed: %d ticks long, shown %d ticks later", k, rank, dur, offset)
		}
		traf.Trun.AddSample(mp4.Sample{
			Flags: s.flags, Dur: uint32(dur), Size: s.size, CompositionTimeOffset: int32(offset),
		})
		size += int64(s.size)
	}
	const mdatHead = 16
	traf.Trun.DataOffset = int32(frag.Moof.Size() + mdatHead)
	if err := frag.Moof.Encode(j.w); err != nil {
		return err
	}
	head := []byte{0, 0, 0, 1, 'm', 'd', 'a', 't', 0, 0, 0, 0, 0, 0, 0, 0} // 64-bit size
	for i, n := 15, uint64(size+mdatHead); n > 0; i, n = i-1, n>>8 {
		head[i] = byte(n)
	}
	if _, err := j.w.Write(head); err != nil {
		return err
	}
	return c.copyPackets(j.w)
}

// copyPackets copies all packets in decode order, neighbours in one go.
func (c *Chunk) copyPackets(w io.Writer) error {
	for i := 0; i < len(c.samples); {
		from := c.samples[i].off
		to := from
		for ; i < len(c.samples) && c.samples[i].off == to; i++ {
			to += int64(c.samples[i].size)
		}
		n, err := io.Copy(w, io.NewSectionReader(c.r, from, to-from))
		if err == nil && n != to-from {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// difference says where two sample descriptions part.
func difference(a, b []byte) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d bytes instead of %d", len(b), len(a))
	}
	for i := range a {
		if a[i] != b[i] {
			return fmt.Sprintf("byte %d of %d is %#02x instead of %#02x", i, len(a), b[i], a[i])
		}
	}
	return "none"
}
