// Package splice joins finished chunks into one track, packet by packet: no coded byte
// is changed, and every timestamp comes from the plan.
//
// Presentation times are the plan's. Decoding times are made anew, the k-th packet of
// a chunk in decode order getting the k-th smallest presentation time: chunks of one or
// two frames have another reordering delay than long ones, so their own decoding times
// would run backwards at the joins. Composition offsets may so be negative, which
// version 1 of the trun box allows (ISO/IEC 14496-12, 8.8.8).
package splice

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/reweave/reweave/pkg/fault"
)

// Chunk is an opened chunk: its sample description and where its packets lie.
type Chunk struct {
	r       io.ReaderAt
	init    *mp4.InitSegment
	stsd    []byte
	samples []sample
}

// sample is one coded packet.
type sample struct {
	off   int64
	size  uint32
	flags uint32
	pts   int64 // the chunk's own, for the order of presentation only
}

// Open reads the headers of the chunk in r and leaves its packets where they are.
func Open(r io.ReadSeeker) (*Chunk, error) {
	at, ok := r.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("open chunk: %T can't read at an offset", r)
	}
	f, err := mp4.DecodeFile(r, mp4.WithDecodeMode(mp4.DecModeLazyMdat))
	if err != nil {
		return nil, corrupt(err)
	}
	if f.Init == nil || f.Init.Moov == nil || f.Init.Moov.Trak == nil || f.Init.Moov.Mvex == nil || len(f.Init.Moov.Traks) != 1 {
		return nil, corrupt(fmt.Errorf("it is not a fragmented MP4 of one track"))
	}
	c := &Chunk{r: at, init: f.Init}
	if c.stsd, err = description(f.Init); err != nil {
		return nil, err
	}
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			if err := c.addFragment(frag); err != nil {
				return nil, err
			}
		}
	}
	if len(c.samples) == 0 {
		return nil, corrupt(fmt.Errorf("it holds no packets"))
	}
	return c, nil
}

// Frames returns the number of coded frames.
func (c *Chunk) Frames() int { return len(c.samples) }

func (c *Chunk) addFragment(frag *mp4.Fragment) error {
	if frag.Moof == nil || frag.Moof.Traf == nil || frag.Moof.Traf.Tfdt == nil {
		return corrupt(fmt.Errorf("a fragment without a track"))
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
		return nil, corrupt(fmt.Errorf("it has not exactly one sample description"))
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
