package patch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
)

// Sum is the SHA-256 of a packet's bytes.
type Sum [sha256.Size]byte

// Packet is one coded packet of a film's video.
type Packet struct {
	// PTS is its presentation time in ticks of the film's timebase.
	PTS int64
	Key bool
	// Closed says that nothing before it is shown behind it, and nothing behind it is
	// shown before it: the film can be cut here, and frames count the same in both orders.
	Closed bool
	Bytes  int
	Sum    Sum
}

// Film is a deliverable as its packets tell of it.
type Film struct {
	// Path is absolute; Name is what a user calls it.
	Path, Name string
	Source     media.Source
	TimeBase   media.Rational
	// Packets are in decode order. The edit list's hidden ones are left out.
	Packets []Packet
	// Codec and Config are Matroska's name of the codec and its configuration (avcC,
	// hvcC, av1C), with the parameter sets.
	Codec  string
	Config []byte
}

// Read reads all packets of a file's video.
func Read(ctx context.Context, tool *ffmpeg.Tool, path, name string) (*Film, error) {
	f := &Film{Name: name}
	var err error
	if f.Path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("find %s: %w", name, err)
	}
	in := ffmpeg.Input{Path: f.Path, Name: name}
	if f.Source, err = tool.Probe(ctx, in, nil); err != nil {
		return nil, err
	}
	d, err := demux.Open(ctx, tool, in, f.Source, nil, nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	f.TimeBase = d.TimeBase()
	for {
		p, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Discard {
			continue
		}
		f.Packets = append(f.Packets, Packet{PTS: p.PTS, Key: p.Key && p.Clean, Bytes: len(p.Data), Sum: sha256.Sum256(p.Data)})
	}
	track := d.Track()
	f.Codec, f.Config = track.CodecID, track.Private
	markClosed(f.Packets)
	return f, nil
}

// markClosed marks the closed keyframes.
func markClosed(packets []Packet) {
	least := int64(math.MaxInt64) // of the times from i on
	for i := len(packets) - 1; i >= 0; i-- {
		least = min(least, packets[i].PTS)
		packets[i].Closed = packets[i].Key && packets[i].PTS == least
	}
	most := int64(math.MinInt64) // of the times before i
	for i := range packets {
		packets[i].Closed = packets[i].Closed && (i == 0 || most < packets[i].PTS)
		most = max(most, packets[i].PTS)
	}
}

// Frames is the number of frames.
func (f *Film) Frames() int { return len(f.Packets) }

// cut reports whether the film may be cut before packet i; its ends count.
func (f *Film) cut(i int) bool { return i == len(f.Packets) || f.Packets[i].Closed }

// seconds returns when frame i of a film in which every cut is closed is shown; i must be
// a place to cut.
func (f *Film) seconds(i int) float64 {
	if i < len(f.Packets) {
		return float64(f.Packets[i].PTS) * f.TimeBase.Float()
	}
	last := int64(math.MinInt64)
	for _, p := range f.Packets {
		last = max(last, p.PTS)
	}
	return float64(last)*f.TimeBase.Float() + f.Source.Video.Rate.Inv().Float()
}
