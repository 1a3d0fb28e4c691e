package splitter

import (
	"context"
	"errors"
	"io"

	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/source"
	"github.com/reweave/reweave/pkg/split"
)

// reel is one source on its way through the cutter. Its frames are counted from 0 in order
// of display, without those that can't be decoded at its beginning.
type reel struct {
	w      *work
	name   string
	pixFmt string
	demux  *demux.Demuxer
	spool  *demux.Spool
	track  matroska.Track
	cutter *split.Cutter
	ahead  []split.Segment // cut, and not taken yet
	first  int             // number of the first frame of ahead[0]
	n      int             // packets read
	last   demux.Packet    // of those, the one that is shown last
	ended  bool
}

// openReel begins to read a source.
func (w *work) openReel(ctx context.Context, src *source.Source, info media.Source, extracts []demux.Extract) (*reel, error) {
	var stream io.Reader
	if src.Input.Path == "" {
		stream = src.Stream
	}
	d, err := demux.Open(ctx, w.tool, src.Input, info, stream, extracts)
	if err != nil {
		return nil, err
	}
	return &reel{
		w: w, name: src.Input.Name, pixFmt: info.Video.Picture.PixFmt, demux: d, spool: demux.NewSpool(w.dir), track: d.Track(),
		cutter: split.New(split.Rule{Min: w.job.Spec.ChunkMin, Max: w.job.Spec.ChunkMax}, d.TimeBase()),
	}, nil
}

func (r *reel) close() {
	r.demux.Close()
	r.spool.Close()
}

// end returns when the last frame ends, in ticks. All of the reel must have been read.
func (r *reel) end() int64 {
	return r.last.PTS + r.w.lastDuration(r.last.Duration, r.demux.TimeBase())
}

// take returns the next segment of the frames before number to, as much of it as lies
// before, and its first frame's number; io.EOF when there is none.
func (r *reel) take(ctx context.Context, to int) (s split.Segment, first int, err error) {
	if r.first >= to && to >= 0 {
		return s, r.first, io.EOF
	}
	for len(r.ahead) == 0 {
		if r.ended {
			return s, r.first, io.EOF
		}
		if err := r.read(ctx); err != nil {
			return s, r.first, err
		}
	}
	s, first = r.ahead[0], r.first
	if n := to - first; to >= 0 && n < len(s.PTS) {
		r.ahead[0], r.first = s.Clip(n, len(s.PTS)), to
		return s.Clip(0, n), first, nil
	}
	r.ahead, r.first = r.ahead[1:], r.first+len(s.PTS)
	return s, first, nil
}

// skip leaves out the frames before number to.
func (r *reel) skip(ctx context.Context, to int) error {
	for r.first < to {
		if _, _, err := r.take(ctx, to); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// read reads one packet.
func (r *reel) read(ctx context.Context) error {
	p, err := r.demux.Next()
	if errors.Is(err, io.EOF) {
		r.ended = true
		segments, err := r.cutter.Flush()
		if err != nil {
			return err
		}
		return r.cut(ctx, segments)
	} else if err != nil {
		return err
	}
	if err := r.spool.Put(p.Data); err != nil {
		return err
	}
	if !p.Discard && (r.n == 0 || p.PTS >= r.last.PTS) {
		r.last = p
	}
	r.n++
	segments, err := r.cutter.Push(p.Packet)
	if err != nil {
		return err
	}
	return r.cut(ctx, segments)
}

func (r *reel) cut(ctx context.Context, segments []split.Segment) error {
	for _, s := range segments {
		if s.Doubtful {
			var err error
			if s, err = r.trim(ctx, s); err != nil {
				return err
			}
		}
		r.ahead = append(r.ahead, s)
	}
	return nil
}

// oldest returns the number of the oldest packet that a segment may carry which was not
// taken yet.
func (r *reel) oldest() int {
	oldest := r.cutter.Oldest()
	for _, s := range r.ahead {
		oldest = min(oldest, s.Carried[0])
	}
	return oldest
}

// file lays out a segment's file.
func (r *reel) file(s split.Segment) *matroska.Segment {
	packets := make([]matroska.Packet, len(s.Carried))
	for k, n := range s.Carried {
		packets[k] = r.spool.Packet(n)
		packets[k].Rank = s.Ranks[k]
	}
	return matroska.NewSegment(r.track, packets)
}
