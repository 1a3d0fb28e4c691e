package patch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/store"
)

// Sum is the SHA-256 of a packet's bytes; of HEVC's as [Film.summer] has them.
type Sum [sha256.Size]byte

// Packet is one coded packet of a film's video.
type Packet struct {
	// PTS is its presentation time in ticks of the film's timebase.
	PTS int64
	Key bool
	// Closed says that nothing before it is shown behind it, and nothing behind it is
	// shown before it: the film can be cut here, and frames count the same in both orders.
	Closed bool
	// Parts says that all before it is shown before it and all behind it: what is before
	// decodes to the same frames whatever follows. It may have leading pictures.
	Parts bool
	Bytes int
	Sum   Sum
}

// Film is a deliverable as its packets tell of it.
type Film struct {
	// Path is absolute; Name is what a user calls it.
	Path, Name string
	// SHA256 and Bytes are those of the whole file.
	SHA256   string
	Bytes    int64
	Source   media.Source
	TimeBase media.Rational
	// Packets are in decode order, those of HEVC with leading pictures before the one that
	// they lead to (see settle). The edit list's hidden ones are left out.
	Packets []Packet
	// Hidden is a digest of the packets that an edit list hides before the first frame, ""
	// without any: the first frames refer to them.
	Hidden string
	// Codec and Config are Matroska's name of the codec and its configuration (avcC,
	// hvcC, av1C), with the parameter sets.
	Codec  string
	Config []byte
}

// lateHidden is how many packets of frames that are shown may stand before one that is
// hidden before the first of them: no encoder moves a picture further.
const lateHidden = 64

// Read reads all packets of a file's video, and digests the file.
func Read(ctx context.Context, tool *ffmpeg.Tool, path, name string) (*Film, error) {
	return ReadDigested(ctx, tool, path, name, func() (string, error) {
		r, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer r.Close()
		sum, _, err := store.Digest(r)
		return sum, err
	})
}

// ReadDigested is Read of a file whose SHA-256 the caller knows, or finds out meanwhile.
func ReadDigested(ctx context.Context, tool *ffmpeg.Tool, path, name string, digest func() (string, error)) (*Film, error) {
	f := &Film{Name: name}
	var err error
	if f.Path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("find %s: %w", name, err)
	}
	in := ffmpeg.Input{Path: f.Path, Name: name}
	if f.Source, err = tool.Probe(ctx, in, nil); err != nil {
		return nil, err
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", name, err)
	}
	f.Bytes = info.Size()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { f.SHA256, err = digest(); return err })
	g.Go(func() error { return f.read(ctx, tool, in) })
	return f, g.Wait()
}

func (f *Film) read(ctx context.Context, tool *ffmpeg.Tool, in ffmpeg.Input) error {
	d, err := demux.Open(ctx, tool, in, f.Source, nil, nil)
	if err != nil {
		return err
	}
	defer d.Close()
	f.TimeBase = d.TimeBase()
	track := d.Track()
	f.Codec, f.Config = track.CodecID, track.Private
	sum, hidden := f.summer(), sha256.New()
	for {
		p, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if p.Discard {
			if len(f.Packets) < lateHidden {
				h := sum(p.Data)
				hidden.Write(h[:])
				f.Hidden = hex.EncodeToString(hidden.Sum(nil))
			}
			continue
		}
		f.Packets = append(f.Packets, Packet{PTS: p.PTS, Key: p.Key && p.Clean, Bytes: len(p.Data), Sum: sum(p.Data)})
	}
	markClosed(f.Packets)
	if f.Hidden != "" && len(f.Packets) > 0 {
		f.Packets[0].Closed, f.Packets[0].Parts = true, true // with what is hidden before it
	}
	if f.Codec == hevcID {
		settle(f.Packets)
	}
	return nil
}

// markClosed marks the keyframes that part the film, and the closed ones among them.
func markClosed(packets []Packet) {
	least := make([]int64, len(packets)+1) // of the times from each on
	least[len(packets)] = math.MaxInt64
	for i := len(packets) - 1; i >= 0; i-- {
		least[i] = min(least[i+1], packets[i].PTS)
	}
	most := int64(math.MinInt64) // of the times before i
	for i := range packets {
		p := &packets[i]
		p.Parts = p.Key && (i == 0 || most < least[i])
		p.Closed = p.Parts && p.PTS == least[i]
		most = max(most, p.PTS)
	}
}

// Frames is the number of frames.
func (f *Film) Frames() int { return len(f.Packets) }

// cut reports whether the film may be cut before packet i; its ends count.
func (f *Film) cut(i int) bool { return i == len(f.Packets) || f.Packets[i].Closed }

// parts is cut for what lies before packet i alone.
func (f *Film) parts(i int) bool { return i == len(f.Packets) || f.Packets[i].Parts }

// seconds returns when frame i of a film is shown; i must be a place to cut, or one that
// parts it.
func (f *Film) seconds(i int) float64 {
	if i < len(f.Packets) {
		least := f.Packets[i].PTS
		for _, p := range f.Packets[i:] {
			least = min(least, p.PTS)
		}
		return float64(least) * f.TimeBase.Float()
	}
	last := int64(math.MinInt64)
	for _, p := range f.Packets {
		last = max(last, p.PTS)
	}
	return float64(last)*f.TimeBase.Float() + f.Source.Video.Rate.Inv().Float()
}

// around returns when the first frame from i on is shown, where the film can be cut, and when
// those before and behind it are, in seconds. The first of a film with hidden frames may not
// be the first that is decoded.
func (f *Film) around(i int) (before, at, behind float64) {
	pts := f.Packets[i].PTS
	for _, p := range f.Packets[i:] {
		pts = min(pts, p.PTS)
	}
	length := f.Source.Video.Rate.Inv().Float() // of a frame, where there is none beside it
	at = float64(pts) * f.TimeBase.Float()
	before, behind = at-length, at+length
	for _, p := range f.Packets {
		switch t := float64(p.PTS) * f.TimeBase.Float(); {
		case p.PTS < pts:
			before = max(before, t)
		case p.PTS > pts:
			behind = min(behind, t)
		}
	}
	return before, at, behind
}
