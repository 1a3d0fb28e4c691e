// Package splice joins finished chunks into one track, packet by packet: no coded byte
// is changed, and every timestamp comes from the plan.
//
// Presentation times are the plan's, moved by one constant. Decoding times are made anew
// (see clock): chunks of one or two frames have another reordering delay than long ones,
// so their own decoding times would run backwards at the joins.
package splice

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/reweave/reweave/pkg/fault"
)

// Chunk is an opened chunk: its sample description and where its packets lie.
type Chunk struct {
	r    io.ReaderAt
	init *mp4.InitSegment
	stsd []byte
	// reorders is how many places before its turn to be shown a frame may be coded.
	reorders int
	samples  []sample
}

// sample is one coded packet.
type sample struct {
	off   int64
	size  uint32
	flags uint32
	pts   int64 // the chunk's own, for the order of presentation only
}

// Open reads the headers of the chunk in r and leaves its packets where they are.
func Open(r io.ReadSeeker) (c *Chunk, err error) {
	at, ok := r.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("open chunk: %T can't read at an offset", r)
	}
	defer func() {
		if p := recover(); p != nil { // mp4ff reads some broken boxes so
			c, err = nil, corrupt(fmt.Errorf("%v", p))
		}
	}()
	f, err := mp4.DecodeFile(r, mp4.WithDecodeMode(mp4.DecModeLazyMdat))
	if err != nil {
		return nil, corrupt(err)
	}
	if !oneTrack(f.Init) {
		return nil, corrupt(errors.New("it is not a fragmented MP4 of one track"))
	}
	c = &Chunk{r: at, init: f.Init, reorders: 2} // x264 and x265 go so far, with B-frames in pyramids
	if c.stsd, err = description(f.Init); err != nil {
		return nil, err
	}
	if kind := f.Init.Moov.Trak.Mdia.Minf.Stbl.Stsd.Children[0].Type(); kind == "av01" || kind == "vp09" {
		c.reorders = 0
	}
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			if err := c.addFragment(frag); err != nil {
				return nil, err
			}
		}
	}
	if err := c.whole(r); err != nil {
		return nil, err
	}
	return c, nil
}

// oneTrack reports whether a header has all that a join needs.
func oneTrack(init *mp4.InitSegment) bool {
	if init == nil || init.Moov == nil || len(init.Moov.Traks) != 1 || init.Moov.Mvex == nil || init.Moov.Mvex.Trex == nil {
		return false
	}
	t := init.Moov.Trak
	return t.Tkhd != nil && t.Mdia != nil && t.Mdia.Mdhd != nil && t.Mdia.Minf != nil && t.Mdia.Minf.Stbl != nil
}

// whole checks that there are packets and that all lie within the file.
func (c *Chunk) whole(r io.Seeker) error {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("open chunk: %w", err)
	}
	if len(c.samples) == 0 {
		return corrupt(errors.New("it holds no packets"))
	}
	for i, s := range c.samples {
		if s.off < 0 || s.off+int64(s.size) > size {
			return corrupt(fmt.Errorf("packet %d ends at byte %d of %d", i, s.off+int64(s.size), size))
		}
	}
	return nil
}

// Frames returns the number of coded frames.
func (c *Chunk) Frames() int { return len(c.samples) }

func (c *Chunk) addFragment(frag *mp4.Fragment) error {
	if frag.Moof == nil || frag.Moof.Traf == nil || frag.Moof.Traf.Tfdt == nil || frag.Moof.Traf.Tfhd == nil {
		return corrupt(errors.New("a fragment without a track"))
	}
	traf := frag.Moof.Traf
	dts := int64(traf.Tfdt.BaseMediaDecodeTime())
	for _, run := range traf.Truns {
		first, hasFirst := run.FirstSampleFlags()
		run.AddSampleDefaultValues(traf.Tfhd, c.init.Moov.Mvex.Trex)
		off := int64(frag.Moof.StartPos) + int64(run.DataOffset)
		for i, s := range run.Samples {
			if i == 0 && hasFirst {
				s.Flags = first
			}
			c.samples = append(c.samples, sample{off, s.Size, s.Flags, dts + int64(s.CompositionTimeOffset)})
			off, dts = off+int64(s.Size), dts+int64(s.Dur)
		}
	}
	return nil
}

// ranks returns the display rank of each sample, in decode order.
func (c *Chunk) ranks() []int {
	order := make([]int, len(c.samples))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(c.samples[a].pts - c.samples[b].pts) })
	ranks := make([]int, len(order))
	for rank, i := range order {
		ranks[i] = rank
	}
	return ranks
}

// description returns the bytes of the sample description, without the bit rates that
// some versions of ffmpeg note in it (btrt), which differ from chunk to chunk.
func description(init *mp4.InitSegment) ([]byte, error) {
	stsd := init.Moov.Trak.Mdia.Minf.Stbl.Stsd
	if stsd == nil || len(stsd.Children) != 1 {
		return nil, corrupt(errors.New("it has not exactly one sample description"))
	}
	if entry, ok := stsd.Children[0].(*mp4.VisualSampleEntryBox); ok {
		entry.Children = slices.DeleteFunc(entry.Children, func(b mp4.Box) bool { return b.Type() == "btrt" })
		entry.Btrt = nil
	}
	var b bytes.Buffer
	if err := stsd.Encode(&b); err != nil {
		return nil, corrupt(err)
	}
	return b.Bytes(), nil
}

func corrupt(err error) error {
	return &fault.Error{Class: fault.Permanent, Type: "corrupt-chunk", Title: "a chunk can't be read", Err: err}
}
