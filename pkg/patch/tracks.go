package patch

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
)

// Track is a sound track of the patched film, or one that is gone.
type Track struct {
	Number int `json:"number"`
	// What names its codec, channels, rate, language and title.
	What string `json:"what"`
	// Before and After are digests of all its packets, "" where it is not there.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Same   bool   `json:"same"`
}

// tracksOf compares the sound tracks of two films by the digests of their packets, in order.
func tracksOf(ctx context.Context, tool *ffmpeg.Tool, base, out *Film) ([]Track, error) {
	before, err := soundSums(ctx, tool, base)
	if err != nil {
		return nil, err
	}
	after, err := soundSums(ctx, tool, out)
	if err != nil {
		return nil, err
	}
	var tracks []Track
	for i := range max(len(before), len(after)) {
		t := Track{Number: i + 1}
		if i < len(before) {
			t.Before, t.What = before[i], describeSound(base.Source.Audio[i])
		}
		if i < len(after) {
			t.After, t.What = after[i], describeSound(out.Source.Audio[i])
		}
		t.Same = t.Before == t.After
		tracks = append(tracks, t)
	}
	return tracks, nil
}

func describeSound(s media.Stream) string {
	parts := []string{s.Codec}
	if s.Channels > 0 {
		parts = append(parts, fmt.Sprintf("%d channels", s.Channels))
	}
	if s.SampleRate > 0 {
		parts = append(parts, fmt.Sprintf("%d Hz", s.SampleRate))
	}
	for _, more := range []string{s.Language, s.Title} {
		if more != "" {
			parts = append(parts, more)
		}
	}
	return strings.Join(parts, ", ")
}

// soundSums returns the SHA-256 over the packets of each sound track.
func soundSums(ctx context.Context, tool *ffmpeg.Tool, f *Film) ([]string, error) {
	if len(f.Source.Audio) == 0 {
		return nil, nil
	}
	args := append(ffmpeg.Safe(), "-v", "error", "-i", "file:"+f.Path)
	for _, s := range f.Source.Audio {
		args = append(args, "-map", fmt.Sprintf("0:%d", s.Index))
	}
	cmd := tool.Command(ctx, append(args, "-c", "copy", "-f", "streamhash", "-hash", "sha256", "pipe:1")...)
	cmd.Reads(f.Path)
	var said bytes.Buffer
	cmd.Stdout(&said)
	if err := cmd.Run(ctx); err != nil {
		return nil, fmt.Errorf("read the sound of %s: %w", f.Name, err)
	}
	var sums []string
	for line := range strings.Lines(said.String()) { // "0,a,SHA256=…"
		if _, sum, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			sums = append(sums, sum)
		}
	}
	if len(sums) != len(f.Source.Audio) {
		return nil, fmt.Errorf("read the sound of %s: %d digests of %d tracks", f.Name, len(sums), len(f.Source.Audio))
	}
	return sums, nil
}
