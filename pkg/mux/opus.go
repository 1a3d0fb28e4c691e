package mux

import (
	"context"
	"fmt"
	"os"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/reweave/reweave/pkg/ffmpeg"
)

// Late returns by how many seconds the audio track in file must be put later than it is
// to be heard, to make good for what the container's muxer does wrong.
func Late(ctx context.Context, tool *ffmpeg.Tool, container, codec, file string) (float64, error) {
	if container != "mkv" || codec != "opus" && codec != "libopus" {
		return 0, nil
	}
	early, err := tool.OpusEarly(ctx)
	if err != nil || !early {
		return 0, err
	}
	return preSkip(file)
}

// preSkip returns how much of its beginning an Opus track in an MP4 file tells players
// to drop, in seconds.
func preSkip(file string) (float64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, fmt.Errorf("read Opus track: %w", err)
	}
	defer f.Close()
	m, err := mp4.DecodeFile(f, mp4.WithDecodeMode(mp4.DecModeLazyMdat))
	if err != nil {
		return 0, fmt.Errorf("read Opus track: %w", err)
	}
	if m.Moov == nil || m.Moov.Trak == nil {
		return 0, fmt.Errorf("read Opus track: it has no header")
	}
	for _, b := range m.Moov.Trak.Mdia.Minf.Stbl.Stsd.Children {
		if entry, ok := b.(*mp4.AudioSampleEntryBox); ok && entry.Dops != nil {
			return float64(entry.Dops.PreSkip) / 48000, nil // whatever the track's own rate
		}
	}
	return 0, fmt.Errorf("read Opus track: it does not tell its pre-skip")
}
