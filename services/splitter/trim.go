package splitter

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/split"
)

// trim decodes the first segment of a source that begins in the middle of a GOP, and
// leaves out of it the frames that do not come out, as a decoder of the whole source
// leaves them out. The deliverable then begins where the source can be seen.
func (r *reel) trim(ctx context.Context, s split.Segment) (split.Segment, error) {
	path := filepath.Join(r.w.dir, "head.mkv")
	if err := write(path, r.file(s).Open()); err != nil {
		return s, fmt.Errorf("look at the beginning: %w", err)
	}
	defer os.Remove(path)
	shown, err := chunk.Frames(ctx, r.w.tool, path)
	if err != nil {
		return s, fmt.Errorf("look at the beginning: %w", err)
	}
	lost := 0
	for lost < len(s.PTS) && !slices.ContainsFunc(shown, func(f chunk.Frame) bool { return f.Rank == s.First+lost }) {
		lost++
	}
	if lost == len(s.PTS) {
		return s, fault.Userf("damaged-source", r.name, "nothing of its beginning can be decoded",
			"cut it at a keyframe first")
	}
	if lost > 0 {
		r.w.plan.Source.Video.Timecode = "" // it is that of a frame that is not there
		r.w.plan.Notes = append(r.w.plan.Notes, fmt.Sprintf(
			"the source begins in the middle of a GOP: its first %d frames can't be decoded", lost))
	}
	return s.Clip(lost, len(s.PTS)), nil
}
