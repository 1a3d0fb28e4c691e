package ffmpeg

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"

	"github.com/reweave/reweave/pkg/matroska"
)

// silence is an Ogg Opus file of 60 ms with a pre-skip of 6.5 ms (RFC 7845, 4.2).
const silence = "" +
	"T2dnUwACAAAAAAAAAAAAAAAAAAAAAAIotXIBE09wdXNIZWFkAQE4AYC7AAAAAABPZ2dTAAAAAAAA" +
	"AAAAAAAAAAABAAAASZW+VAEuT3B1c1RhZ3MGAAAAZmZtcGVnAQAAABQAAABlbmNvZGVyPUxhdmMg" +
	"bGlib3B1c09nZ1MABHgMAAAAAAAAAAAAAAIAAAAU6RciBAcGBgYIC+Y7I6tgCAissw7GCAissw7G" +
	"CAissw7G"

// OpusEarly reports whether this build's Matroska muxer has Opus begin too early, by the
// codec's delay: it notes the delay, which players take off the time of each block, but
// does not add it to the blocks (5.1 does not, 7.1 does).
func (t *Tool) OpusEarly(ctx context.Context) (bool, error) {
	ogg, err := base64.StdEncoding.DecodeString(silence)
	if err != nil {
		return false, fmt.Errorf("decode the Opus sample: %w", err)
	}
	var mkv bytes.Buffer
	cmd := t.Command(ctx, "-itsoffset", "1", "-f", "ogg", "-i", "pipe:0", "-c", "copy", "-f", "matroska", "pipe:1")
	cmd.Stdin(bytes.NewReader(ogg))
	cmd.Stdout(&mkv)
	if err := cmd.Run(ctx); err != nil {
		return false, fmt.Errorf("mux the Opus sample: %w", err)
	}
	blocks, err := matroska.NewReader(&mkv)
	if err != nil {
		return false, fmt.Errorf("read the Opus sample: %w", err)
	}
	first, err := blocks.Next()
	if err != nil {
		return false, fmt.Errorf("read the Opus sample: %w", err)
	}
	return first.Time < 998, nil // 994 ms, or 1000
}
