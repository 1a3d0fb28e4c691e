package chunk

import (
	"context"
	"path/filepath"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/queue"
)

// EncodeAudio encodes the whole audio track in the file track into out. The track is
// encoded in one piece: pieces would leave silence at each join.
func (e *Encoder) EncodeAudio(ctx context.Context, t queue.Task, track, out string) (Result, error) {
	cmd := e.Tool.Command(ctx, append(ffmpeg.Safe(), "-i", "file:"+track, "-map", "0:a:0",
		"-c:a", t.Recipe.Codec, "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact",
		"-f", "mp4", "-y", "file:"+out)...)
	cmd.Reads(track)
	cmd.Writes(filepath.Dir(out))
	if err := cmd.Run(ctx); err != nil {
		return Result{}, failed("audio encoder", cmd, err)
	}
	r := Result{CPUSeconds: cmd.CPUSeconds(), PeakMemory: cmd.PeakMemory(), Command: cmd.String()}
	var err error
	r.SHA256, r.Bytes, err = digest(out)
	return r, err
}
